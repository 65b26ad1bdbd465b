/*
 * cursor.h - the only way hostile bytes are read as numbers
 *
 * A cursor walks over bytes it borrows.  Reading past the end sets 'bad' and
 * gives zeros or NULL from then on, so a whole record is read first and 'bad'
 * is tested once.  A nested record gets a cursor of its own over its own span.
 * Lengths may come straight from the file.  Not shared between threads.
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
	const uint8_t *base;
	size_t len, pos;	/* pos <= len, always */
	bool bad;		/* a read went past the end; sticky */
};

static inline struct cursor cursor_over(const void *base, size_t len)
{
	return (struct cursor){ .base = base, .len = len };
}

static inline size_t cursor_left(const struct cursor *c)
{
	return c->len - c->pos;
}

/* The next n bytes, or NULL and c->bad. */
static inline const uint8_t *cursor_take(struct cursor *c, uint64_t n)
{
	const uint8_t *p;

	if (c->bad || n > c->len - c->pos) {
		c->bad = true;
		return NULL;
	}
	p = c->base + c->pos;
	c->pos += (size_t)n;
	return p;
}

/* A little-endian number of 1 to 8 bytes; 0 and c->bad past the end. */
static inline uint64_t cursor_le(struct cursor *c, unsigned nbytes)
{
	const uint8_t *p = cursor_take(c, nbytes);
	uint64_t v = 0;

	for (unsigned i = nbytes; p && i > 0; i--)
		v = v << 8 | p[i - 1];
	return v;
}

static inline uint8_t cursor_u8(struct cursor *c)
{
	return (uint8_t)cursor_le(c, 1);
}

static inline uint16_t cursor_u16(struct cursor *c)
{
	return (uint16_t)cursor_le(c, 2);
}

static inline uint32_t cursor_u32(struct cursor *c)
{
	return (uint32_t)cursor_le(c, 4);
}

static inline uint64_t cursor_u64(struct cursor *c)
{
	return cursor_le(c, 8);
}

#endif
