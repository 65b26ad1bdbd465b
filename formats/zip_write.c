/*
 * zip_write.c - members behind each other, then the directory
 *
 * A local header is written before the size of its data is known, and again,
 * in the same place, once it is.
 */
#include "formats/zip_write.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "formats/crc32.h"
#include "formats/deflate.h"
#include "formats/zip.h"
#include "formats/zip_layout.h"

#define ATTRIBUTES (0100644u << 16)

enum {
	BUFFER_SIZE = 256 << 10,
	NAME_LIMIT = 64, EXTRA_LIMIT = 4 + 3 * 8,
	HEADER_LIMIT = ZIP_CENTRAL_SIZE + NAME_LIMIT + EXTRA_LIMIT,
	VERSION = 20, VERSION64 = 45,
	MADE_BY_UNIX = 3 << 8,
	DATE_1980_01_01 = 1 << 5 | 1
};

struct member {
	const char *name;
	uint64_t header;	/* offset of its local header */
	uint64_t csize, usize;
	uint32_t crc;
	bool local64;		/* there is a zip64 field in that header */
};

struct zip_writer {
	struct writer out;
	struct deflate *deflate;
	struct member members[ZIP_WRITE_MEMBERS];
	size_t count;		/* with the one that is being written */
	uint64_t data, given;	/* of that one: where its data starts; bytes
				   of it that came so far */
	bool deflating;		/* given counts bytes before deflation */
	uint64_t offset;	/* in the archive, of the buffer's first byte */
	size_t used;
	uint8_t buffer[BUFFER_SIZE];
};

struct zip_writer *zip_write_new(struct error *err)
{
	struct zip_writer *w = memory_array(1, sizeof(*w), err);

	if (!w)
		return NULL;
	w->deflate = deflate_new(err);
	if (w->deflate)
		return w;
	free(w);
	return NULL;
}

void zip_write_free(struct zip_writer *w)
{
	if (w)
		deflate_free(w->deflate);
	free(w);
}

void zip_write_begin(struct zip_writer *w, struct writer out)
{
	w->out = out;
	w->count = 0;
	w->offset = 0;
	w->used = 0;
}

/* ---- the buffer ---- */

static uint64_t position(const struct zip_writer *w)
{
	return w->offset + w->used;
}

static bool flush(struct zip_writer *w, struct error *err)
{
	if (w->used > 0 &&
	    !writer_write(&w->out, w->offset, w->buffer, w->used, err))
		return false;
	w->offset += w->used;
	w->used = 0;
	return true;
}

static bool put(struct zip_writer *w, const void *data, size_t len,
		struct error *err)
{
	if (len > BUFFER_SIZE - w->used && !flush(w, err))
		return false;
	if (len > BUFFER_SIZE) {
		if (!writer_write(&w->out, w->offset, data, len, err))
			return false;
		w->offset += len;
		return true;
	}
	memcpy(w->buffer + w->used, data, len);
	w->used += len;
	return true;
}

/* Write over bytes that one put() took. */
static bool put_again(struct zip_writer *w, uint64_t at, const void *data,
		      size_t len, struct error *err)
{
	if (at < w->offset)
		return writer_write(&w->out, at, data, len, err);
	memcpy(w->buffer + (at - w->offset), data, len);
	return true;
}

/* ---- headers ---- */

struct header {
	uint8_t bytes[HEADER_LIMIT];
	size_t len;
};

static void le(struct header *h, uint64_t value, unsigned nbytes)
{
	for (; nbytes > 0; nbytes--, value >>= 8)
		h->bytes[h->len++] = (uint8_t)value;
}

static void text(struct header *h, const char *s)
{
	size_t len = strlen(s);

	memcpy(h->bytes + h->len, s, len);
	h->len += len;
}

static bool is_big(uint64_t value)
{
	return value >= UINT32_MAX;
}

/* All ones: the real value is in the zip64 field. */
static uint64_t low(uint64_t value, bool zip64)
{
	return zip64 ? UINT32_MAX : value;
}

/* From the version to the CRC: the same in both headers. */
static void shared_fields(struct header *h, const struct member *m,
			  unsigned version)
{
	le(h, version, 2);
	le(h, 0, 2);			/* flags */
	le(h, ZIP_DEFLATED, 2);
	le(h, 0, 2);			/* time */
	le(h, DATE_1980_01_01, 2);
	le(h, m->crc, 4);
}

static struct header local_header(const struct member *m)
{
	struct header h = { .len = 0 };

	le(&h, ZIP_LOCAL_MAGIC, 4);
	shared_fields(&h, m, m->local64 ? VERSION64 : VERSION);
	le(&h, low(m->csize, m->local64), 4);
	le(&h, low(m->usize, m->local64), 4);
	le(&h, strlen(m->name), 2);
	le(&h, m->local64 ? 4 + 2 * 8 : 0, 2);
	text(&h, m->name);
	if (m->local64) {	/* here it holds both sizes, always */
		le(&h, ZIP_EXTRA_ZIP64, 2);
		le(&h, 16, 2);
		le(&h, m->usize, 8);
		le(&h, m->csize, 8);
	}
	return h;
}

static struct header central_header(const struct member *m)
{
	bool sizes = is_big(m->csize) || is_big(m->usize);
	bool place = is_big(m->header), zip64 = sizes || place;
	unsigned version = zip64 || m->local64 ? VERSION64 : VERSION;
	unsigned extra = (sizes ? 16u : 0) + (place ? 8u : 0);
	struct header h = { .len = 0 };

	le(&h, ZIP_CENTRAL_MAGIC, 4);
	le(&h, MADE_BY_UNIX | version, 2);
	shared_fields(&h, m, version);
	le(&h, low(m->csize, sizes), 4);
	le(&h, low(m->usize, sizes), 4);
	le(&h, strlen(m->name), 2);
	le(&h, zip64 ? 4 + extra : 0, 2);
	le(&h, 0, 2 + 2 + 2);		/* comment, disk, internal */
	le(&h, ATTRIBUTES, 4);
	le(&h, low(m->header, place), 4);
	text(&h, m->name);
	if (zip64) {
		le(&h, ZIP_EXTRA_ZIP64, 2);
		le(&h, extra, 2);
	}
	if (sizes) {
		le(&h, m->usize, 8);
		le(&h, m->csize, 8);
	}
	if (place)
		le(&h, m->header, 8);
	return h;
}

static struct header end_records(size_t count, uint64_t at, uint64_t size)
{
	struct header h = { .len = 0 };
	bool zip64 = is_big(at);

	if (zip64) {
		le(&h, ZIP_END64_MAGIC, 4);
		le(&h, ZIP_END64_SIZE - 12, 8);
		le(&h, MADE_BY_UNIX | VERSION64, 2);
		le(&h, VERSION64, 2);
		le(&h, 0, 4 + 4);	/* disks */
		le(&h, count, 8);
		le(&h, count, 8);
		le(&h, size, 8);
		le(&h, at, 8);
		le(&h, ZIP_LOCATOR_MAGIC, 4);
		le(&h, 0, 4);		/* disk */
		le(&h, at + size, 8);
		le(&h, 1, 4);		/* disks */
	}
	le(&h, ZIP_END_MAGIC, 4);
	le(&h, 0, 2 + 2);		/* disks */
	le(&h, count, 2);
	le(&h, count, 2);
	le(&h, size, 4);
	le(&h, low(at, zip64), 4);
	le(&h, 0, 2);			/* comment */
	return h;
}

/* ---- members ---- */

static struct member *current(struct zip_writer *w)
{
	return &w->members[w->count - 1];
}

static bool begin_member(struct zip_writer *w, const struct member *m,
			 struct error *err)
{
	struct header h;

	assert(w->count < ZIP_WRITE_MEMBERS && strlen(m->name) <= NAME_LIMIT);
	w->members[w->count++] = *m;
	current(w)->header = position(w);
	w->given = 0;
	h = local_header(m);
	if (!put(w, h.bytes, h.len, err))
		return false;
	w->data = position(w);
	return true;
}

/*
 * A deflate stream can be longer than what is in it, by 5 bytes for each block
 * that does not shrink.  Blocks of 8 KiB are shorter than both libraries make.
 */
static uint64_t longest_stream(uint64_t usize)
{
	return usize + (usize >> 13) * 5 + 64;
}

bool zip_write_member(struct zip_writer *w, const char *name, uint64_t usize,
		      struct error *err)
{
	const struct member m = { .name = name, .usize = usize,
				  .local64 = is_big(longest_stream(usize)) };

	deflate_begin(w->deflate);
	w->deflating = true;
	return begin_member(w, &m, err);
}

static bool deflate_some(struct zip_writer *w, const void *data, size_t len,
			 bool last, struct error *err)
{
	struct deflate_io io = { .in = data, .in_len = len };
	bool ended = false;

	do {
		if (w->used == BUFFER_SIZE && !flush(w, err))
			return false;
		io.out = w->buffer + w->used;
		io.out_len = BUFFER_SIZE - w->used;
		if (!deflate_run(w->deflate, &io, last, &ended, err))
			return false;
		w->used = BUFFER_SIZE - io.out_len;
	} while (io.in_len > 0 || (last && !ended));
	return true;
}

bool zip_write_data(struct zip_writer *w, const void *data, size_t len,
		    struct error *err)
{
	struct member *m = current(w);

	m->crc = crc32_update(m->crc, data, len);
	w->given += len;
	return deflate_some(w, data, len, false, err);
}

static bool write_data(void *to, uint64_t offset, const void *buf, size_t len,
		       struct error *err)
{
	struct zip_writer *w = to;

	if (offset != w->given)
		return error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
				 "bytes for %" PRIu64 " of a zip member come "
				 "when %" PRIu64 " is reached", offset,
				 w->given);
	return zip_write_data(w, buf, len, err);
}

struct writer zip_write_data_writer(struct zip_writer *w)
{
	return (struct writer){ .write = write_data, .to = w };
}

bool zip_write_deflated(struct zip_writer *w, const char *name, uint32_t crc,
			uint64_t csize, uint64_t usize, struct error *err)
{
	const struct member m = { .name = name, .crc = crc, .csize = csize,
				  .usize = usize,
				  .local64 = is_big(csize) || is_big(usize) };

	w->deflating = false;
	return begin_member(w, &m, err);
}

bool zip_write_deflated_data(struct zip_writer *w, const void *data,
			     size_t len, struct error *err)
{
	w->given += len;
	return put(w, data, len, err);
}

static bool finish_deflating(struct zip_writer *w, struct error *err)
{
	struct member *m = current(w);
	struct header h;

	if (!deflate_some(w, NULL, 0, true, err))
		return false;
	m->csize = position(w) - w->data;
	if (is_big(m->csize) && !m->local64)
		return error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
				 "%" PRIu64 " bytes were deflated to %" PRIu64,
				 m->usize, m->csize);
	h = local_header(m);
	return put_again(w, m->header, h.bytes, h.len, err);
}

bool zip_write_end_member(struct zip_writer *w, struct error *err)
{
	struct member *m = current(w);
	uint64_t expected = w->deflating ? m->usize : m->csize;

	if (w->given != expected) {
		error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			  "%" PRIu64 " bytes came for a zip member of %" PRIu64,
			  w->given, expected);
		return error_in(err, NULL, m->name);
	}
	return !w->deflating || finish_deflating(w, err);
}

bool zip_write_finish(struct zip_writer *w, uint64_t *nbytes,
		      struct error *err)
{
	uint64_t at = position(w);
	struct header h;

	for (size_t i = 0; i < w->count; i++) {
		h = central_header(&w->members[i]);
		if (!put(w, h.bytes, h.len, err))
			return false;
	}
	h = end_records(w->count, at, position(w) - at);
	if (!put(w, h.bytes, h.len, err) || !flush(w, err))
		return false;
	*nbytes = w->offset;
	return true;
}
