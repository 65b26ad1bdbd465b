/* reader.c - bounds of spans */
#include "base/reader.h"

#include <inttypes.h>
#include <string.h>

bool reader_read(const struct reader *r, uint64_t offset, void *buf,
		 size_t len, struct error *err)
{
	if (offset > r->size || len > r->size - offset)
		return error_set(err, ERROR_TRUNCATED, offset,
				 "%zu bytes are needed here, only %" PRIu64
				 " follow", len,
				 offset > r->size ? 0 : r->size - offset);
	return r->read(r->source, r->start + offset, buf, len, err);
}

bool reader_window(struct reader *window, const struct reader *r,
		   uint64_t offset, uint64_t size, struct error *err)
{
	if (offset > r->size || size > r->size - offset)
		return error_set(err, ERROR_TRUNCATED, offset,
				 "a span of %" PRIu64 " bytes, only %" PRIu64
				 " follow", size,
				 offset > r->size ? 0 : r->size - offset);
	*window = *r;
	window->start += offset;
	window->size = size;
	return true;
}

static bool read_memory(const void *source, uint64_t offset, void *buf,
			size_t len, struct error *err)
{
	const struct reader_bytes *bytes = source;

	if (offset > bytes->len || len > bytes->len - offset)
		return error_set(err, ERROR_TRUNCATED, offset,
				 "read past the end of %zu bytes", bytes->len);
	if (len > 0)
		memcpy(buf, (const char *)bytes->data + offset, len);
	return true;
}

struct reader reader_memory(const struct reader_bytes *bytes)
{
	return (struct reader){ .read = read_memory, .source = bytes,
				.size = bytes->len };
}

static bool read_near(const void *source, uint64_t offset, void *buf,
		      size_t len, struct error *err)
{
	const struct reader_near *near = source;
	struct reader_ahead *a = near->ahead;
	uint64_t left = near->far->size - offset;

	if (len >= sizeof(a->bytes))
		return reader_read(near->far, offset, buf, len, err);
	if (offset < a->offset || offset - a->offset > a->len ||
	    len > a->len - (size_t)(offset - a->offset)) {
		size_t n = left < sizeof(a->bytes) ? (size_t)left
						   : sizeof(a->bytes);

		a->len = 0;
		if (!reader_read(near->far, offset, a->bytes, n, err))
			return false;
		a->offset = offset;
		a->len = n;
	}
	if (len > 0)
		memcpy(buf, a->bytes + (offset - a->offset), len);
	return true;
}

struct reader reader_near(const struct reader_near *near)
{
	return (struct reader){ .read = read_near, .source = near,
				.size = near->far->size };
}
