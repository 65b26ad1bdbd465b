/* zip_stream.c - the bytes of one member, inflated and summed on the way */
#include "formats/zip.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#include "formats/crc32.h"

enum { INPUT_SIZE = 128 << 10 };

struct zip_stream {
	const struct zip_member *member;
	const struct reader *reader;
	bool check_crc;
	uint32_t crc;
	uint64_t taken;		/* compressed bytes read so far */
	uint64_t given;		/* uncompressed bytes handed out */
	z_stream inflate;
	bool inflating, ended;
	uint8_t input[];	/* INPUT_SIZE bytes, if inflating */
};

static bool fail(struct zip_stream *s, struct error *err)
{
	return error_in(err, NULL, s->member->name);
}

struct zip_stream *zip_stream_open(const struct zip *zip,
				   const struct zip_member *member,
				   const struct reader *r, struct error *err)
{
	bool deflated = member->method == ZIP_DEFLATED;
	size_t nbytes = sizeof(struct zip_stream) + (deflated ? INPUT_SIZE : 0);
	struct zip_stream *s = malloc(nbytes);

	if (!s) {
		error_set_memory(err, nbytes);
		return NULL;
	}
	*s = (struct zip_stream){ .member = member, .reader = r,
				  .check_crc = !zip->crc_absent };
	if (!deflated)
		return s;
	/* Raw deflate: zip has no zlib header. */
	if (inflateInit2(&s->inflate, -MAX_WBITS) != Z_OK) {
		error_set_memory(err, sizeof(s->inflate));
		free(s);
		return NULL;
	}
	s->inflating = true;
	return s;
}

static bool refill(struct zip_stream *s, struct error *err)
{
	uint64_t left = s->member->csize - s->taken;
	size_t n = left < INPUT_SIZE ? (size_t)left : INPUT_SIZE;

	if (!reader_read(s->reader, s->member->data + s->taken, s->input, n,
			 err))
		return false;
	s->taken += n;
	s->inflate.next_in = s->input;
	s->inflate.avail_in = (unsigned)n;
	return true;
}

/* Inflate until the output is full or the deflate stream ends. */
static bool inflate_some(struct zip_stream *s, struct error *err)
{
	while (s->inflate.avail_out > 0 && !s->ended) {
		int status;

		if (s->inflate.avail_in == 0 &&
		    s->taken < s->member->csize && !refill(s, err))
			return false;
		status = inflate(&s->inflate, Z_NO_FLUSH);
		if (status == Z_STREAM_END) {
			s->ended = true;
		} else if (status == Z_MEM_ERROR) {
			return error_set_memory(err, 1 << MAX_WBITS);
		} else if (status == Z_BUF_ERROR ||
			   (status == Z_OK && s->inflate.avail_in == 0 &&
			    s->inflate.avail_out > 0 &&
			    s->taken == s->member->csize)) {
			return error_set(err, ERROR_TRUNCATED, s->given,
					 "compressed data of %" PRIu64
					 " bytes ends before its deflate "
					 "stream does", s->member->csize);
		} else if (status != Z_OK) {
			return error_set(err, ERROR_CORRUPT, s->given,
					 "broken deflate stream: %s",
					 s->inflate.msg ? s->inflate.msg
							: "no reason known");
		}
	}
	return true;
}

static bool read_deflated(struct zip_stream *s, uint8_t *buf, size_t len,
			  struct error *err)
{
	while (len > 0) {
		unsigned chunk = len < UINT_MAX ? (unsigned)len : UINT_MAX;
		unsigned made;

		s->inflate.next_out = buf;
		s->inflate.avail_out = chunk;
		if (!inflate_some(s, err))
			return false;
		made = chunk - s->inflate.avail_out;
		s->given += made;
		if (s->ended && made < chunk)
			return error_set(err, ERROR_CORRUPT, s->given,
					 "inflates to %" PRIu64 " bytes, %"
					 PRIu64 " were declared", s->given,
					 s->member->usize);
		buf += made;
		len -= made;
	}
	return true;
}

static bool read_stored(struct zip_stream *s, uint8_t *buf, size_t len,
			struct error *err)
{
	if (!reader_read(s->reader, s->member->data + s->given, buf, len, err))
		return false;
	s->given += len;
	s->taken += len;
	return true;
}

bool zip_stream_read(struct zip_stream *s, void *buf, size_t len,
		     struct error *err)
{
	bool ok;

	if (len > s->member->usize - s->given) {
		error_set(err, ERROR_TRUNCATED, s->given,
			  "%zu bytes are needed here, only %" PRIu64 " follow",
			  len, s->member->usize - s->given);
		return fail(s, err);
	}
	ok = s->inflating ? read_deflated(s, buf, len, err)
			  : read_stored(s, buf, len, err);
	if (!ok)
		return fail(s, err);
	if (s->check_crc)
		s->crc = crc32_update(s->crc, buf, len);
	return true;
}

/* The deflate stream must end where the data does, and give no byte more. */
static bool check_end(struct zip_stream *s, struct error *err)
{
	uint8_t extra;

	s->inflate.next_out = &extra;
	s->inflate.avail_out = 1;
	if (!inflate_some(s, err))
		return false;
	if (s->inflate.avail_out == 0)
		return error_set(err, ERROR_CORRUPT, s->given,
				 "inflates to more than the %" PRIu64
				 " bytes declared", s->member->usize);
	if (s->inflate.avail_in > 0 || s->taken < s->member->csize)
		return error_set(err, ERROR_CORRUPT, s->given,
				 "its deflate stream ends %" PRIu64
				 " bytes before its data",
				 s->member->csize - s->taken +
				 s->inflate.avail_in);
	return true;
}

bool zip_stream_finish(struct zip_stream *s, struct error *err)
{
	if (s->given < s->member->usize)
		error_set(err, ERROR_CORRUPT, s->given,
			  "%" PRIu64 " bytes follow the last that was "
			  "expected", s->member->usize - s->given);
	else if (s->inflating)
		check_end(s, err);
	if (err->kind == ERROR_NONE && s->check_crc &&
	    s->crc != s->member->crc)
		error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			  "CRC-32 of its bytes is %08" PRIx32
			  ", the archive says %08" PRIx32, s->crc,
			  s->member->crc);
	return err->kind == ERROR_NONE ? true : fail(s, err);
}

void zip_stream_close(struct zip_stream *s)
{
	if (!s)
		return;
	if (s->inflating)
		inflateEnd(&s->inflate);
	free(s);
}
