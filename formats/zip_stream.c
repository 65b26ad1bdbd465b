/* zip_stream.c - the bytes of one member, inflated and summed on the way */
#include "formats/zip.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/memory.h"
#include "formats/crc32.h"
#include "formats/inflate.h"

struct zip_stream {
	const struct zip_member *member;
	const struct reader *reader;
	bool check_crc;
	uint32_t crc;
	uint64_t taken;		/* compressed bytes read so far */
	uint64_t given;		/* uncompressed bytes handed out */
	struct inflate *inflate;	/* NULL: stored */
	enum inflate_way way;
	const uint8_t *next;	/* of the input, how much is left */
	size_t left;
	bool ended;
	struct zip_ahead ahead;
	uint8_t input[];	/* ZIP_STEP bytes, if deflated */
};

static bool fail(struct zip_stream *s, struct error *err)
{
	return error_in(err, NULL, s->member->name);
}

static struct zip_stream *open_stream(struct zip_input input, bool check_crc,
				      struct error *err)
{
	bool deflated = input.member->method == ZIP_DEFLATED;
	size_t nbytes = sizeof(struct zip_stream) + (deflated ? ZIP_STEP : 0);
	struct zip_stream *s = memory_block(nbytes, err);

	if (!s)
		return NULL;
	*s = (struct zip_stream){ .member = input.member,
				  .reader = input.reader, .way = input.way,
				  .check_crc = check_crc };
	if (!deflated)
		return s;
	s->inflate = inflate_new(s->way, err);
	if (s->inflate)
		return s;
	free(s);
	return NULL;
}

struct zip_stream *zip_stream_open(const struct zip *zip,
				   const struct zip_member *member,
				   const struct reader *r, struct error *err)
{
	bool check_crc = !zip->crc_absent;
	struct zip_input input = { member, r, zip->fast && check_crc ?
				   INFLATE_FAST : INFLATE_AS_ZLIB };

	return open_stream(input, check_crc, err);
}

static bool refill(struct zip_stream *s, struct error *err)
{
	uint64_t left = s->member->csize - s->taken;
	size_t n = left < ZIP_STEP ? (size_t)left : ZIP_STEP;

	if (s->ahead.limit)
		n = s->ahead.limit(s->ahead.with, s->taken, n);
	if (!reader_read(s->reader, s->member->data + s->taken, s->input, n,
			 err))
		return false;
	s->taken += n;
	s->next = s->input;
	s->left = n;
	return true;
}

/* All input that was read is inflated, its last bytes from begin on. */
static size_t read_ahead(struct zip_stream *s, const uint8_t *begin,
			 struct inflate_io *io)
{
	struct zip_place place = { .inflate = s->inflate, .taken = s->taken,
				   .given = s->given, .last = begin,
				   .last_len = (size_t)(io->out - begin) };
	size_t n = s->ahead.read(s->ahead.with, &place, io->out, io->out_len);

	s->inflate = place.inflate;
	s->taken = place.taken;
	s->given += n;
	io->out += n;
	io->out_len -= n;
	return n;
}

/*
 * Inflate until the room is used up or the deflate stream ends; what comes is
 * counted at once, so that a fault is where it is.
 */
static bool inflate_some(struct zip_stream *s, struct inflate_io *io,
			 struct error *err)
{
	const uint8_t *begin = io->out;

	while (io->out_len > 0 && !s->ended) {
		size_t room = io->out_len;
		bool ok;

		if (s->left == 0 && s->ahead.read && read_ahead(s, begin, io))
			continue;
		if (s->left == 0 && s->taken < s->member->csize &&
		    !refill(s, err))
			return false;
		io->in = s->next;
		io->in_len = s->left;
		ok = inflate_run(s->inflate, io, s->given, &s->ended, err);
		s->next = io->in;
		s->left = io->in_len;
		if (!ok)
			return false;
		s->given += room - io->out_len;
		if (io->out_len > 0 && !s->ended && s->left == 0 &&
		    s->taken == s->member->csize)
			return error_set(err, ERROR_TRUNCATED, s->given,
					 "compressed data of %" PRIu64
					 " bytes ends before its deflate "
					 "stream does", s->member->csize);
	}
	return true;
}

static bool read_deflated(struct zip_stream *s, uint8_t *buf, size_t len,
			  struct error *err)
{
	struct inflate_io io = { .out = buf, .out_len = len };

	if (!inflate_some(s, &io, err))
		return false;
	return io.out_len == 0 ||
	       error_set(err, ERROR_CORRUPT, s->given, "inflates to %" PRIu64
			 " bytes, %" PRIu64 " were declared", s->given,
			 s->member->usize);
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

/* The deflate stream must end where the data does, and give no byte more. */
static bool check_end(struct zip_stream *s, struct error *err)
{
	uint8_t extra;
	struct inflate_io io = { .out = &extra, .out_len = 1 };
	uint64_t left;

	if (!inflate_some(s, &io, err))
		return false;
	if (io.out_len == 0)
		return error_set(err, ERROR_CORRUPT, s->member->usize,
				 "inflates to more than the %" PRIu64
				 " bytes declared", s->member->usize);
	left = s->member->csize - s->taken + s->left +
	       inflate_excess(s->inflate);
	if (left > 0)
		return error_set(err, ERROR_CORRUPT, s->given,
				 "its deflate stream ends %" PRIu64
				 " bytes before its data", left);
	return true;
}

/* By steps of a fixed size, until it fails. */
static void read_in_steps(struct zip_stream *s, uint8_t *buf,
			  struct error *err)
{
	while (s->given < s->member->usize) {
		uint64_t left = s->member->usize - s->given;
		size_t n = left < ZIP_STEP ? (size_t)left : ZIP_STEP;

		if (!read_deflated(s, buf, n, err))
			return;
	}
	check_end(s, err);
}

/*
 * Where a fault of a deflate stream shows, and at times which, depends on the
 * pieces in which it is read, and so on threads.  Of a member of more than one
 * piece what is said is what shows in steps of a fixed size.
 */
static bool fail_inflating(struct zip_stream *s, struct error *err)
{
	struct error fault = { 0 };
	struct zip_stream *again;
	uint8_t *buf;

	if (s->member->usize <= ZIP_STEP ||
	    (err->kind != ERROR_CORRUPT && err->kind != ERROR_TRUNCATED))
		return fail(s, err);
	again = open_stream(zip_stream_input(s), s->check_crc, &fault);
	buf = memory_block(ZIP_STEP, &fault);
	if (again && buf) {
		read_in_steps(again, buf, &fault);
		if (fault.kind == ERROR_CORRUPT ||
		    fault.kind == ERROR_TRUNCATED)
			*err = fault;
	}
	free(buf);
	zip_stream_close(again);
	return fail(s, err);
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
	if (s->inflate)
		ok = read_deflated(s, buf, len, err) || fail_inflating(s, err);
	else
		ok = read_stored(s, buf, len, err) || fail(s, err);
	if (!ok)
		return false;
	if (s->check_crc)
		s->crc = crc32_update(s->crc, buf, len);
	return true;
}

bool zip_stream_finish(struct zip_stream *s, struct error *err)
{
	if (s->given < s->member->usize)
		error_set(err, ERROR_CORRUPT, s->given,
			  "%" PRIu64 " bytes follow the last that was "
			  "expected", s->member->usize - s->given);
	else if (s->inflate && !check_end(s, err))
		return fail_inflating(s, err);
	if (err->kind == ERROR_NONE && s->check_crc &&
	    s->crc != s->member->crc)
		error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			  "CRC-32 of its bytes is %08" PRIx32
			  ", the archive says %08" PRIx32, s->crc,
			  s->member->crc);
	return err->kind == ERROR_NONE ? true : fail(s, err);
}

struct zip_input zip_stream_input(const struct zip_stream *s)
{
	return (struct zip_input){ s->member, s->reader, s->way };
}

void zip_stream_follow(struct zip_stream *s, struct zip_ahead ahead)
{
	s->ahead = ahead;
}

void zip_stream_close(struct zip_stream *s)
{
	if (!s)
		return;
	inflate_free(s->inflate);
	free(s);
}
