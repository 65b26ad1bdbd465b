/* inflate.c - zlib, and beside it ISA-L where it was found */
#include "formats/inflate.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/memory.h"

#ifdef HAVE_ISAL
#include <isa-l.h>
#endif

struct inflate {
	z_stream zlib;
#ifdef HAVE_ISAL
	bool fast;
	struct inflate_state isal;
#endif
};

/* Both libraries count in 32 bits. */
static unsigned piece(size_t len)
{
	return len < UINT_MAX ? (unsigned)len : UINT_MAX;
}

static bool broken(uint64_t offset, const char *reason, struct error *err)
{
	return error_set(err, ERROR_CORRUPT, offset,
			 "broken deflate stream: %s", reason);
}

/* ---- zlib ---- */

static bool step_zlib(z_stream *z, struct inflate_io *io, uint64_t offset,
		      bool *ended, struct error *err)
{
	unsigned in = piece(io->in_len), out = piece(io->out_len);
	int status;

	/* It does not write to its input. */
	z->next_in = (uint8_t *)(uintptr_t)io->in;
	z->avail_in = in;
	z->next_out = io->out;
	z->avail_out = out;
	status = inflate(z, Z_NO_FLUSH);
	io->in = z->next_in;
	io->in_len -= in - z->avail_in;
	io->out = z->next_out;
	io->out_len -= out - z->avail_out;
	*ended = status == Z_STREAM_END;
	if (status == Z_MEM_ERROR)
		return error_set_memory(err, 1 << MAX_WBITS);
	/* Z_BUF_ERROR: there was nothing to do. */
	return status == Z_OK || status == Z_STREAM_END ||
	       status == Z_BUF_ERROR ||
	       broken(offset, z->msg ? z->msg : "no reason known", err);
}

/* ---- ISA-L ---- */

#ifdef HAVE_ISAL

static const char *isal_reason(int status)
{
	switch (status) {
	case ISAL_INVALID_BLOCK:
		return "invalid block";
	case ISAL_INVALID_SYMBOL:
		return "invalid code";
	case ISAL_INVALID_LOOKBACK:
		return "invalid distance";
	default:
		return "no reason known";
	}
}

static bool step_isal(struct inflate_state *s, struct inflate_io *io,
		      uint64_t offset, bool *ended, struct error *err)
{
	unsigned in = piece(io->in_len), out = piece(io->out_len);
	int status;

	s->next_in = (uint8_t *)(uintptr_t)io->in;
	s->avail_in = in;
	s->next_out = io->out;
	s->avail_out = out;
	status = isal_inflate(s);
	if (status != ISAL_DECOMP_OK)	/* then it miscounts what is left */
		return broken(offset, isal_reason(status), err);
	io->in = s->next_in;
	io->in_len -= in - s->avail_in;
	io->out = s->next_out;
	io->out_len -= out - s->avail_out;
	*ended = s->block_state == ISAL_BLOCK_FINISH;
	return true;
}

#endif

/* ---- both ---- */

struct inflate *inflate_new(enum inflate_way way, struct error *err)
{
	/* ISA-L's tables and window are large, and filled as they are needed. */
	struct inflate *f = memory_block(sizeof(*f), err);

	if (!f)
		return NULL;
	f->zlib = (z_stream){ 0 };
#ifdef HAVE_ISAL
	f->fast = way == INFLATE_FAST;
	if (f->fast) {
		isal_inflate_init(&f->isal);
		return f;
	}
#else
	(void)way;
#endif
	/* Raw deflate: zip has no zlib header. */
	if (inflateInit2(&f->zlib, -MAX_WBITS) == Z_OK)
		return f;
	error_set_memory(err, sizeof(*f));
	free(f);
	return NULL;
}

void inflate_free(struct inflate *f)
{
	if (f)
		inflateEnd(&f->zlib);	/* nothing if it was not begun */
	free(f);
}

static bool step(struct inflate *f, struct inflate_io *io, uint64_t offset,
		 bool *ended, struct error *err)
{
#ifdef HAVE_ISAL
	if (f->fast)
		return step_isal(&f->isal, io, offset, ended, err);
#endif
	return step_zlib(&f->zlib, io, offset, ended, err);
}

bool inflate_run(struct inflate *f, struct inflate_io *io, uint64_t offset,
		 bool *ended, struct error *err)
{
	do {
		if (!step(f, io, offset, ended, err))
			return false;
	} while (io->in_len > 0 && io->out_len > 0 && !*ended);
	return true;
}

size_t inflate_excess(const struct inflate *f)
{
#ifdef HAVE_ISAL
	if (f->fast)	/* whole bytes among the bits that it looked at */
		return (size_t)f->isal.read_in_length / 8;
#endif
	(void)f;
	return 0;
}

bool inflate_begin_inside(struct inflate *f, uint8_t byte, unsigned bit)
{
#ifdef HAVE_ISAL
	static const uint8_t zeros[INFLATE_WINDOW];

	if (!f->fast)
		return false;
	isal_inflate_init(&f->isal);
	f->isal.read_in = (uint64_t)byte >> bit;
	f->isal.read_in_length = (int32_t)(8 - bit);
	/* It does not write to the dictionary. */
	return isal_inflate_set_dict(&f->isal, (uint8_t *)(uintptr_t)zeros,
				     sizeof(zeros)) == COMP_OK;
#else
	(void)f;
	(void)byte;
	(void)bit;
	return false;
#endif
}

bool inflate_is_at_block(const struct inflate *f, unsigned bits)
{
#ifdef HAVE_ISAL
	/* It keeps the bits and bytes of a header until all of it is there. */
	return f->fast && f->isal.block_state == ISAL_BLOCK_HDR &&
	       f->isal.read_in_length + 8 * f->isal.tmp_in_size == (int)bits;
#else
	(void)f;
	(void)bits;
	return false;
#endif
}
