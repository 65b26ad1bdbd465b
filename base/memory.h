/*
 * memory.h - checked allocation, a growing buffer, and an arena
 *
 * Everything here reports a failed allocation through struct error with the
 * size asked for, and checks each product and sum.  Zeroed structs are empty
 * and valid; freeing twice is harmless.  Not shared between threads.
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* count zeroed elements of size bytes, or NULL.  The caller frees. */
void *memory_array(size_t count, size_t size, struct error *err);

/* nbytes that hold anything, or NULL.  The caller frees. */
void *memory_block(size_t nbytes, struct error *err);

/* A copy of len bytes with a NUL behind it, or NULL.  The caller frees. */
char *memory_copy(const void *data, size_t len, struct error *err);

/*
 * Make *array hold at least count elements, growing by doubling; *capacity is
 * what it holds.  Added elements are zeroed.  On failure *array is unchanged.
 */
bool memory_grow(void **array, size_t *capacity, size_t count, size_t size,
		 struct error *err);

/* A string that grows; data is not NUL-terminated unless one is appended. */
struct buffer {
	char *data;
	size_t len, capacity;
};

bool buffer_append(struct buffer *b, const void *data, size_t len,
		   struct error *err);

__attribute__((format(printf, 3, 4)))
bool buffer_print(struct buffer *b, struct error *err, const char *fmt, ...);
__attribute__((format(printf, 3, 0)))
bool buffer_vprint(struct buffer *b, struct error *err, const char *fmt,
		   va_list args);

/* Append a NUL that b->len does not count. */
bool buffer_terminate(struct buffer *b, struct error *err);

void buffer_free(struct buffer *b);

/*
 * Many small things that live and die together.  What it hands out is zeroed,
 * aligned for any type, never moves, and goes away with arena_free().
 */
struct arena {
	struct arena_block *blocks;
};

void *arena_array(struct arena *a, size_t count, size_t size,
		  struct error *err);

/* A copy of len bytes with a NUL behind it. */
char *arena_copy(struct arena *a, const void *data, size_t len,
		 struct error *err);

void arena_free(struct arena *a);

#endif
