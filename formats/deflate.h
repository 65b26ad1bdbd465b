/*
 * deflate.h - make raw deflate streams, by the fastest library there is
 *
 * Which library that is was decided when the program was built; the bytes of a
 * stream depend on it, and on the pieces that go in, but never on time or
 * chance.  One struct makes one stream after another and belongs to one
 * thread.
 */
#ifndef FORMATS_DEFLATE_H
#define FORMATS_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct deflate;

/* NULL on error.  deflate_free() frees; NULL is freed too. */
struct deflate *deflate_new(struct error *err);

void deflate_free(struct deflate *d);

/* Begin a stream, whatever became of the one before. */
void deflate_begin(struct deflate *d);

/* What is to be read, and room to write to; both shrink as they are used. */
struct deflate_io {
	const uint8_t *in;
	uint8_t *out;
	size_t in_len, out_len;
};

/*
 * Go on until the input is used up or the room is.  With 'last' nothing
 * follows this input: call again, with more room, until *ended.
 */
bool deflate_run(struct deflate *d, struct deflate_io *io, bool last,
		 bool *ended, struct error *err);

/* What makes the streams, for --version. */
const char *deflate_library(void);

#endif
