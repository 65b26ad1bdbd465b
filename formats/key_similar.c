/* key_similar.c - three orders of keys, and a look around a place in each */
#include "formats/key_similar.h"

#include <stdlib.h>
#include <string.h>

#include "formats/keys.h"

enum {
	NEIGHBOURS = 3,		/* looked at on either side of a place */
	COMPARED_LIMIT = 4096	/* bytes of a key that are compared */
};

/* ---- orders ---- */

static int by_key(const void *a, const void *b)
{
	return tensor_compare_keys(*(const struct tensor *const *)a,
				   *(const struct tensor *const *)b);
}

/* As if both keys were written from their last byte to their first. */
static int compare_backwards(const struct tensor *x, const struct tensor *y)
{
	size_t i = x->key_len, j = y->key_len;

	while (i > 0 && j > 0) {
		unsigned char a = (unsigned char)x->key[--i];
		unsigned char b = (unsigned char)y->key[--j];

		if (a != b)
			return a < b ? -1 : 1;
	}
	return (i > 0) - (j > 0);
}

static int by_key_backwards(const void *a, const void *b)
{
	return compare_backwards(*(const struct tensor *const *)a,
				 *(const struct tensor *const *)b);
}

static int by_stripped(const void *a, const void *b)
{
	const struct key_stripped *x = a, *y = b;
	size_t shorter = x->len < y->len ? x->len : y->len;
	int order = memcmp(x->key, y->key, shorter);

	if (order != 0)
		return order;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return tensor_compare_keys(x->tensor, y->tensor);
}

static bool strip(struct key_index *index, struct key_stripped *s,
		  const struct tensor *t, struct error *err)
{
	char *key = arena_array(&index->arena, t->key_len, 1, err);

	if (!key)
		return false;
	*s = (struct key_stripped){ key, keys_strip(key, t->key, t->key_len),
				    t };
	return true;
}

bool key_index_make(struct key_index *index, const struct tensor **tensors,
		    size_t count, struct error *err)
{
	*index = (struct key_index){ .count = count };
	index->forwards = memory_array(count, sizeof(*tensors), err);
	index->backwards = memory_array(count, sizeof(*tensors), err);
	index->stripped = memory_array(count, sizeof(*index->stripped), err);
	if (!index->forwards || !index->backwards || !index->stripped)
		goto failed;
	for (size_t i = 0; i < count; i++) {
		index->forwards[i] = index->backwards[i] = tensors[i];
		if (!strip(index, &index->stripped[i], tensors[i], err))
			goto failed;
	}
	qsort(index->forwards, count, sizeof(*tensors), by_key);
	qsort(index->backwards, count, sizeof(*tensors), by_key_backwards);
	qsort(index->stripped, count, sizeof(*index->stripped), by_stripped);
	return true;
failed:
	key_index_free(index);
	return false;
}

void key_index_free(struct key_index *index)
{
	free(index->forwards);
	free(index->backwards);
	free(index->stripped);
	arena_free(&index->arena);
	*index = (struct key_index){ 0 };
}

/* ---- likeness ---- */

static bool same_shape(const struct tensor *a, const struct tensor *b)
{
	return a->rank == b->rank &&
	       (a->rank == 0 || memcmp(a->shape, b->shape,
				       a->rank * sizeof(*a->shape)) == 0);
}

static size_t common_front(const struct tensor *a, const struct tensor *b,
			   size_t limit)
{
	size_t n = 0;

	while (n < limit && a->key[n] == b->key[n])
		n++;
	return n;
}

static size_t common_end(const struct tensor *a, const struct tensor *b,
			 size_t limit)
{
	size_t n = 0;

	while (n < limit &&
	       a->key[a->key_len - n - 1] == b->key[b->key_len - n - 1])
		n++;
	return n;
}

/* Bytes that both have in front and at the end; the shorter key caps it. */
static size_t likeness(const struct tensor *a, const struct tensor *b)
{
	size_t shorter = a->key_len < b->key_len ? a->key_len : b->key_len;
	size_t limit = shorter < COMPARED_LIMIT ? shorter : COMPARED_LIMIT;
	size_t front = common_front(a, b, limit);

	return front + common_end(a, b, limit - front);
}

/* Is one key the other with components in front? */
static bool differ_by_prefix(const struct tensor *a, const struct tensor *b)
{
	const struct tensor *longer = a->key_len > b->key_len ? a : b;
	const struct tensor *shorter = longer == a ? b : a;
	size_t extra = longer->key_len - shorter->key_len;

	return extra > 0 && shorter->key_len > 0 &&
	       longer->key[extra - 1] == '.' &&
	       memcmp(longer->key + extra, shorter->key,
		      shorter->key_len) == 0;
}

/* The best by now. */
struct best {
	const struct tensor *tensor;
	enum key_cause cause;
	size_t score;
};

/*
 * Half of the longer key must be in the other, but for a prefix.  One that
 * also has shape and dtype goes before all that have not.
 */
static void consider(struct best *best, const struct tensor *t,
		     const struct tensor *other)
{
	size_t longer = t->key_len > other->key_len ? t->key_len
						    : other->key_len;
	size_t score = likeness(t, other);
	bool same = t->dtype == other->dtype && same_shape(t, other);
	bool prefix = differ_by_prefix(t, other);

	if (!prefix && score < (longer < COMPARED_LIMIT ? longer
							: COMPARED_LIMIT) / 2)
		return;
	score += 1 + (same ? (size_t)2 * COMPARED_LIMIT : 0) +
		 (prefix ? COMPARED_LIMIT : 0);
	if (score <= best->score)
		return;
	*best = (struct best){ other, prefix ? KEY_CAUSE_PREFIX :
			       same ? KEY_CAUSE_RENAMED : KEY_CAUSE_NONE,
			       score };
}

/* The first of the sorted tensors that is not before t. */
static size_t place(const struct tensor **sorted, size_t count,
		    const struct tensor *t,
		    int (*compare)(const void *, const void *))
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&sorted[middle], &t) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void look_around(struct best *best, const struct tensor **sorted,
			size_t count, const struct tensor *t,
			int (*compare)(const void *, const void *))
{
	size_t at = place(sorted, count, t, compare);
	size_t i = at < NEIGHBOURS ? 0 : at - NEIGHBOURS;

	for (; i < count && i < at + NEIGHBOURS; i++)
		consider(best, t, sorted[i]);
}

static int compare_stripped(const struct key_stripped *s, const char *key,
			    size_t len)
{
	int order = memcmp(s->key, key, s->len < len ? s->len : len);

	return order ? order : (s->len > len) - (s->len < len);
}

/* The first key that is the same once wrappers' names are off both. */
static bool find_stripped(const struct key_index *index,
			  const struct tensor *t, const struct tensor **found,
			  struct error *err)
{
	char *key = memory_array(t->key_len, 1, err);
	size_t low = 0, high = index->count, len;

	if (!key)
		return false;
	len = keys_strip(key, t->key, t->key_len);
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_stripped(&index->stripped[middle], key, len) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*found = low < index->count &&
		 compare_stripped(&index->stripped[low], key, len) == 0 ?
		 index->stripped[low].tensor : NULL;
	free(key);
	return true;
}

bool key_index_find(const struct key_index *index, const struct tensor *t,
		    const struct tensor **found, enum key_cause *cause,
		    struct error *err)
{
	struct best best = { 0 };

	if (!find_stripped(index, t, found, err))
		return false;
	*cause = KEY_CAUSE_WRAPPER;
	if (*found)
		return true;
	look_around(&best, index->forwards, index->count, t, by_key);
	look_around(&best, index->backwards, index->count, t,
		    by_key_backwards);
	*found = best.tensor;
	*cause = best.cause;
	return true;
}
