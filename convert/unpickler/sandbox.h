/*
 * sandbox.h - after start-up the helper reads, computes and answers, no more
 *
 * sandbox_prepare() comes first in main(): what the parent did not mean to
 * hand over is closed.  sandbox_close() comes last before the first pickle:
 * from then on the kernel kills the process for any system call but reading
 * and writing the socket, memory of its own, and exit.  Both are one-way.
 */
#ifndef CONVERT_UNPICKLER_SANDBOX_H
#define CONVERT_UNPICKLER_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Close all descriptors but standard input, output and error; leave no core
 * dump; die when the parent does; gain no privilege ever again.  Returns NULL,
 * or a static text: what could not be done.
 */
const char *sandbox_prepare(void);

/*
 * Allow only what is needed to answer over descriptor 'socket'.  Returns NULL,
 * or a static text: why this system cannot.
 */
const char *sandbox_close(int socket);

/* Bytes of address space this process has now; 0: that is not known. */
uint64_t sandbox_address_space(void);

#endif
