/*
 * deflate.c - ISA-L level 1 where it was found, zlib level 6 elsewhere
 *
 * Weights are noise in the low bits of floats and hardly shrink: both come to
 * the same size, ISA-L twenty times as fast.
 */
#include "formats/deflate.h"

#include <limits.h>
#include <stdlib.h>

#include "base/memory.h"

/* Both libraries count in 32 bits. */
static unsigned piece(size_t len)
{
	return len < UINT_MAX ? (unsigned)len : UINT_MAX;
}

#ifdef HAVE_ISAL

#include <isa-l.h>

#define TEXT_OF(number) #number
#define VERSION_TEXT(major, minor, patch) \
	TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

struct deflate {
	struct isal_zstream stream;
	uint8_t level_buffer[ISAL_DEF_LVL1_DEFAULT];
};

struct deflate *deflate_new(struct error *err)
{
	return memory_array(1, sizeof(struct deflate), err);
}

void deflate_free(struct deflate *d)
{
	free(d);
}

void deflate_begin(struct deflate *d)
{
	isal_deflate_init(&d->stream);
	d->stream.level = 1;
	d->stream.level_buf = d->level_buffer;
	d->stream.level_buf_size = sizeof(d->level_buffer);
}

static bool step(struct deflate *d, bool last, bool *ended, struct error *err)
{
	int status;

	d->stream.end_of_stream = last;
	status = isal_deflate(&d->stream);
	*ended = d->stream.internal_state.state == ZSTATE_END;
	return status == COMP_OK ||
	       error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
			 "ISA-L cannot deflate this: status %d", status);
}

const char *deflate_library(void)
{
	return "ISA-L " VERSION_TEXT(ISAL_MAJOR_VERSION, ISAL_MINOR_VERSION,
				     ISAL_PATCH_VERSION) " level 1";
}

#else

#include <zlib.h>

struct deflate {
	z_stream stream;
};

struct deflate *deflate_new(struct error *err)
{
	struct deflate *d = memory_array(1, sizeof(*d), err);

	if (!d)
		return NULL;
	/* Raw deflate: zip has no zlib header.  8 is the usual memory. */
	if (deflateInit2(&d->stream, 6, Z_DEFLATED, -MAX_WBITS, 8,
			 Z_DEFAULT_STRATEGY) == Z_OK)
		return d;
	error_set_memory(err, sizeof(*d));
	free(d);
	return NULL;
}

void deflate_free(struct deflate *d)
{
	if (d)
		deflateEnd(&d->stream);
	free(d);
}

void deflate_begin(struct deflate *d)
{
	deflateReset(&d->stream);
}

static bool step(struct deflate *d, bool last, bool *ended, struct error *err)
{
	int status = deflate(&d->stream, last ? Z_FINISH : Z_NO_FLUSH);

	*ended = status == Z_STREAM_END;
	/* Z_BUF_ERROR: there was nothing to do. */
	return status == Z_OK || status == Z_STREAM_END ||
	       status == Z_BUF_ERROR ||
	       error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
			 "zlib cannot deflate this: status %d", status);
}

const char *deflate_library(void)
{
	return "zlib level 6";
}

#endif

bool deflate_run(struct deflate *d, struct deflate_io *io, bool last,
		 bool *ended, struct error *err)
{
	do {
		unsigned in = piece(io->in_len), out = piece(io->out_len);

		/* Neither library writes to its input. */
		d->stream.next_in = (uint8_t *)(uintptr_t)io->in;
		d->stream.avail_in = in;
		d->stream.next_out = io->out;
		d->stream.avail_out = out;
		if (!step(d, last && in == io->in_len, ended, err))
			return false;
		in -= d->stream.avail_in;
		out -= d->stream.avail_out;
		io->in += in;
		io->in_len -= in;
		io->out += out;
		io->out_len -= out;
	} while (io->in_len > 0 && io->out_len > 0);
	return true;
}
