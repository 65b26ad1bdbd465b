/* memory.c - allocation with checked sizes */
#include "base/memory.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BLOCK = 16384 };

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	alignas(max_align_t) char data[];
};

void *memory_array(size_t count, size_t size, struct error *err)
{
	void *p = calloc(count ? count : 1, size ? size : 1);

	if (!p) {
		size_t nbytes;

		if (__builtin_mul_overflow(count, size, &nbytes))
			nbytes = SIZE_MAX;
		error_set_memory(err, nbytes);
	}
	return p;
}

void *memory_block(size_t nbytes, struct error *err)
{
	void *p = malloc(nbytes ? nbytes : 1);

	if (!p)
		error_set_memory(err, nbytes);
	return p;
}

/* An arena's or the heap's, of len + 1 bytes. */
static char *copy_to(char *p, const void *data, size_t len)
{
	if (p && len > 0)
		memcpy(p, data, len);
	if (p)
		p[len] = '\0';
	return p;
}

static bool add_nul(size_t len, size_t *whole, struct error *err)
{
	return !__builtin_add_overflow(len, 1, whole) ||
	       error_set_memory(err, len);
}

char *memory_copy(const void *data, size_t len, struct error *err)
{
	size_t whole;

	return add_nul(len, &whole, err) ?
	       copy_to(memory_block(whole, err), data, len) : NULL;
}

bool memory_grow(void **array, size_t *capacity, size_t count, size_t size,
		 struct error *err)
{
	size_t want = *capacity ? *capacity : 16, nbytes;
	char *p;

	if (count <= *capacity)
		return true;
	while (want < count)
		if (__builtin_mul_overflow(want, 2, &want))
			return error_set_memory(err, SIZE_MAX);
	if (__builtin_mul_overflow(want, size, &nbytes))
		return error_set_memory(err, SIZE_MAX);
	p = realloc(*array, nbytes);
	if (!p)
		return error_set_memory(err, nbytes);
	memset(p + *capacity * size, 0, nbytes - *capacity * size);
	*array = p;
	*capacity = want;
	return true;
}

bool buffer_append(struct buffer *b, const void *data, size_t len,
		   struct error *err)
{
	void *grown = b->data;
	size_t need;

	if (len == 0)
		return true;
	if (__builtin_add_overflow(b->len, len, &need))
		return error_set_memory(err, SIZE_MAX);
	if (need > b->capacity &&
	    !memory_grow(&grown, &b->capacity, need, 1, err))
		return false;
	b->data = grown;
	memcpy(b->data + b->len, data, len);
	b->len = need;
	return true;
}

bool buffer_print(struct buffer *b, struct error *err, const char *fmt, ...)
{
	va_list args;
	bool ok;

	va_start(args, fmt);
	ok = buffer_vprint(b, err, fmt, args);
	va_end(args);
	return ok;
}

bool buffer_vprint(struct buffer *b, struct error *err, const char *fmt,
		   va_list args)
{
	char small[256];
	char *text = small;
	bool ok = false;
	va_list again;
	int len;

	va_copy(again, args);
	len = vsnprintf(small, sizeof(small), fmt, args);
	if (len < 0) {
		error_set_memory(err, 0);
		goto done;
	}
	if ((size_t)len >= sizeof(small)) {
		text = memory_array((size_t)len + 1, 1, err);
		if (!text)
			goto done;
		vsnprintf(text, (size_t)len + 1, fmt, again);
	}
	ok = buffer_append(b, text, (size_t)len, err);
done:
	if (text != small)
		free(text);
	va_end(again);
	return ok;
}

bool buffer_terminate(struct buffer *b, struct error *err)
{
	if (!buffer_append(b, "", 1, err))
		return false;
	b->len--;
	return true;
}

void buffer_free(struct buffer *b)
{
	free(b->data);
	*b = (struct buffer){ 0 };
}

static void *arena_take(struct arena *a, size_t nbytes, struct error *err)
{
	struct arena_block *block = a->blocks;
	size_t rounded, size, whole;
	void *p;

	if (__builtin_add_overflow(nbytes, alignof(max_align_t) - 1, &rounded))
		goto huge;
	rounded -= rounded % alignof(max_align_t);
	if (!block || rounded > block->size - block->used) {
		size = rounded > ARENA_BLOCK ? rounded : ARENA_BLOCK;
		if (__builtin_add_overflow(size, sizeof(*block), &whole))
			goto huge;
		block = memory_array(1, whole, err);
		if (!block)
			return NULL;
		block->size = size;
		block->next = a->blocks;
		a->blocks = block;
	}
	p = block->data + block->used;
	block->used += rounded;
	return p;
huge:
	error_set_memory(err, nbytes);
	return NULL;
}

void *arena_array(struct arena *a, size_t count, size_t size,
		  struct error *err)
{
	size_t nbytes;

	if (__builtin_mul_overflow(count, size, &nbytes)) {
		error_set_memory(err, SIZE_MAX);
		return NULL;
	}
	return arena_take(a, nbytes, err);
}

char *arena_copy(struct arena *a, const void *data, size_t len,
		 struct error *err)
{
	size_t whole;

	return add_nul(len, &whole, err) ?
	       copy_to(arena_take(a, whole, err), data, len) : NULL;
}

void arena_free(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *block = a->blocks;

		a->blocks = block->next;
		free(block);
	}
}
