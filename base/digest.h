/*
 * digest.h - SHA-256 of bytes that come one after the other
 *
 * A zeroed struct holds nothing; discarding twice is harmless.  Belongs to one
 * thread.  By OpenSSL's libcrypto, which uses the processor's instructions.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* 64 lower-case hexadecimal digits and a NUL. */
#define DIGEST_HEX_SIZE 65

struct digest {
	void *context;		/* owned; NULL: not begun */
};

/* Also begins anew. */
bool digest_begin(struct digest *d, struct error *err);

bool digest_add(struct digest *d, const void *data, size_t len,
		struct error *err);

/* Write the digits; d is as if discarded afterwards. */
bool digest_end(struct digest *d, char hex[DIGEST_HEX_SIZE],
		struct error *err);

void digest_discard(struct digest *d);

/* All of it at once. */
bool digest_of(const void *data, size_t len, char hex[DIGEST_HEX_SIZE],
	       struct error *err);

/* The version of the library behind it, for --version. */
const char *digest_version(void);

#endif
