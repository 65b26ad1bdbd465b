/*
 * helper.h - the process mpt-unpickler: start it, bound it, notice its end
 *
 * 'mpt-unpickler' is found beside this program or under ../libexec/mpt-bundle.
 * It gets no environment and one descriptor, a socket; it locks itself in (see
 * convert/unpickler/sandbox.h) and greets.  What it may use for one request is
 * set from here, where it cannot be undone: address space and processor time
 * in proportion to the request, and a deadline.
 *
 * Whenever a function here fails the process is gone, killed if need be, and
 * *h is ready for a new one; what it did itself is ERROR_PYTHON.  One struct
 * helper per thread; the thread that started it must outlive it.  What the
 * helper says is hostile.
 */
#ifndef CONVERT_HELPER_H
#define CONVERT_HELPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* A zeroed struct has no process yet, and the options' defaults. */
struct helper {
	bool no_sandbox;	/* option: do without the system call filter */
	unsigned timeout_s;	/* option: seconds a request may take; 0: the
				   default */
	pid_t pid;		/* 0: none is running */
	int fd;
	uint64_t address_space;	/* bytes it had before its first request */
	uint64_t deadline_ms;	/* of this request, by the monotonic clock */
	unsigned cpu_s;		/* seconds of processor time it may use */
};

#define HELPER_TIMEOUT_DEFAULT_S 60

/*
 * A request of nbytes is about to be sent: start the process if there is none,
 * and give it what such a request may take.
 */
bool helper_begin(struct helper *h, uint64_t nbytes, struct error *err);

/* All len bytes, before the deadline. */
bool helper_send(struct helper *h, const void *data, size_t len,
		 struct error *err);
bool helper_receive(struct helper *h, void *data, size_t len,
		    struct error *err);

/* End the process if there is one: at once, or when it sees the socket end. */
void helper_kill(struct helper *h);
void helper_stop(struct helper *h);

#endif
