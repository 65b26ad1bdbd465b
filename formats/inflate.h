/*
 * inflate.h - read raw deflate streams, as zlib does or as fast as can be
 *
 * zlib is the judge: Python and the framework inflate with it.  The fastest
 * library there is, which was decided when the program was built, gives the
 * same bytes for every stream that zlib accepts, and stops at the same byte;
 * but it also accepts some that zlib refuses, namely such with a set of codes
 * that does not use up all bits.  So it is for streams whose length and CRC are
 * known and verified, and of which nobody asks whether others can read them.
 *
 * Input is hostile.  A struct belongs to one thread and reads one stream.
 */
#ifndef FORMATS_INFLATE_H
#define FORMATS_INFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum inflate_way { INFLATE_AS_ZLIB, INFLATE_FAST };

struct inflate;

/* NULL on error.  inflate_free() frees; NULL is freed too. */
struct inflate *inflate_new(enum inflate_way way, struct error *err);

void inflate_free(struct inflate *f);

/*
 * What is to be read, and room to write to; both shrink as they are used, but
 * need not if that fails.
 */
struct inflate_io {
	const uint8_t *in;
	uint8_t *out;
	size_t in_len, out_len;
};

/*
 * Go on until the input is used up, the room is, or the stream *ended.  The
 * offset is where a fault is said to be.
 */
bool inflate_run(struct inflate *f, struct inflate_io *io, uint64_t offset,
		 bool *ended, struct error *err);

/* Once it ended: how many bytes behind it were used up all the same. */
size_t inflate_excess(const struct inflate *f);

/* What a stream can refer to: as many bytes before the place where it is. */
enum { INFLATE_WINDOW = 32 << 10 };

/*
 * Begin anew inside of a stream: with the bits of this byte from bit on, which
 * must be those where a block begins, and as if zeros came before.  False if
 * the library cannot do that.
 */
bool inflate_begin_inside(struct inflate *f, uint8_t byte, unsigned bit);

/*
 * Was all input used but for its last so many bits, up to 8, with which a block
 * begins?  False may also mean that the library does not tell.
 */
bool inflate_is_at_block(const struct inflate *f, unsigned bits);

#endif
