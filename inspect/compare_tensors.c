/* compare_tensors.c - in an order that both files can be read in */
#include "inspect/compare_tensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "inspect/tensors.h"

enum { CHUNK = 32 << 10 };	/* values */

/* ---- pairs ---- */

static bool is_same_kind(const struct tensor *a, const struct tensor *b)
{
	return a->dtype == b->dtype && a->rank == b->rank &&
	       (a->rank == 0 || memcmp(a->shape, b->shape, a->rank *
				       sizeof(*a->shape)) == 0);
}

static void merge(struct tensor_pairs *pairs, const struct tensor **a,
		  size_t a_count, const struct tensor **b, size_t b_count)
{
	size_t i = 0, k = 0;

	while (i < a_count || k < b_count) {
		struct tensor_pair *pair = &pairs->pairs[pairs->count++];
		int order = i == a_count ? 1 : k == b_count ? -1 :
			    tensor_compare_keys(a[i], b[k]);

		if (order <= 0)
			pair->a = a[i++];
		if (order >= 0)
			pair->b = b[k++];
		pair->kind_differs = order == 0 &&
				     !is_same_kind(pair->a, pair->b);
	}
}

bool compare_tensors_pair(struct tensor_pairs *pairs, const struct source *a,
			  const struct source *b, struct error *err)
{
	const struct state_dict *x = &a->header.tensors;
	const struct state_dict *y = &b->header.tensors;
	const struct tensor **ours = state_dict_by_key(x, err);
	const struct tensor **theirs = state_dict_by_key(y, err);

	/* Both counts are those of arrays in memory: no overflow. */
	pairs->pairs = memory_array(x->count + y->count,
				    sizeof(*pairs->pairs), err);
	if (ours && theirs && pairs->pairs)
		merge(pairs, ours, x->count, theirs, y->count);
	free(ours);
	free(theirs);
	return ours && theirs && pairs->pairs;
}

/* ---- values ---- */

static int by_place_in_a(const void *a, const void *b)
{
	const struct tensor *x = (*(struct tensor_pair *const *)a)->a;
	const struct tensor *y = (*(struct tensor_pair *const *)b)->a;

	return x->start < y->start ? -1 : x->start > y->start;
}

static int by_place_in_b(const void *a, const void *b)
{
	const struct tensor *x = (*(struct tensor_pair *const *)a)->b;
	const struct tensor *y = (*(struct tensor_pair *const *)b)->b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* The pairs to read, as pointers: malloc'ed, [*count]. */
static struct tensor_pair **find_comparable(struct tensor_pairs *pairs,
					    size_t *count, struct error *err)
{
	struct tensor_pair **found = memory_array(pairs->count,
						  sizeof(struct tensor_pair *),
						  err);

	*count = 0;
	for (size_t i = 0; found && i < pairs->count; i++) {
		struct tensor_pair *pair = &pairs->pairs[i];

		if (pair->a && pair->b && tensor_diff_can(pair->a, pair->b))
			found[(*count)++] = pair;
	}
	return found;
}

static bool is_in_order_of_b(struct tensor_pair *const *pairs, size_t count)
{
	uint64_t reached = 0;

	for (size_t i = 0; i < count; i++) {
		const struct tensor *t = pairs[i]->b;

		if (t->nbytes == 0)
			continue;
		if (t->start < reached)
			return false;
		reached = t->start + t->nbytes;
	}
	return true;
}

/*
 * One that is a stream is read in its order.  If both are and their orders are
 * not the same, the second is unpacked.
 */
static bool begin(struct tensor_pair **pairs, size_t count, struct source *a,
		  struct source *b, struct error *err)
{
	bool b_leads = source_is_positioned(a) && !source_is_positioned(b);

	qsort(pairs, count, sizeof(struct tensor_pair *),
	      b_leads ? by_place_in_b : by_place_in_a);
	return source_begin(a, true, err) &&
	       source_begin(b, b_leads || is_in_order_of_b(pairs, count),
			    err);
}

/* Blocks of CHUNK values, of up to 8 bytes, of either. */
struct chunks {
	uint8_t *a, *b;
};

static bool compare_pair(struct tensor_pair *pair, struct source *a,
			 struct source *b, struct chunks *chunks,
			 struct error *err)
{
	size_t width_a = tensor_diff_width(pair->a->dtype);
	size_t width_b = tensor_diff_width(pair->b->dtype);
	uint64_t nvalues = tensor_diff_values(pair->a);

	tensor_diff_begin(&pair->values, pair->a->dtype, pair->b->dtype);
	pair->compared = true;
	for (uint64_t at = 0; at < nvalues; ) {
		size_t n = nvalues - at < CHUNK ? (size_t)(nvalues - at)
						: CHUNK;

		if (!source_read(a, pair->a, at * width_a, chunks->a,
				 n * width_a, err) ||
		    !source_read(b, pair->b, at * width_b, chunks->b,
				 n * width_b, err))
			return false;
		tensor_diff_add(&pair->values, chunks->a, chunks->b, n);
		at += n;
	}
	return true;
}

bool compare_tensors_read(struct tensor_pairs *pairs, struct source *a,
			  struct source *b, struct error *err)
{
	struct chunks chunks = { memory_array(CHUNK, 8, err),
				 memory_array(CHUNK, 8, err) };
	size_t count = 0;
	struct tensor_pair **order = find_comparable(pairs, &count, err);
	bool ok = chunks.a && chunks.b && order &&
		  begin(order, count, a, b, err);

	for (size_t i = 0; ok && i < count; i++)
		ok = compare_pair(order[i], a, b, &chunks, err);
	ok = ok && source_finish(a, err) && source_finish(b, err);
	free(order);
	free(chunks.a);
	free(chunks.b);
	return ok;
}

bool compare_tensors_differ(const struct tensor_pair *pair)
{
	return pair->compared &&
	       pair->values.differing + pair->values.bits_only > 0;
}

void compare_tensors_free(struct tensor_pairs *pairs)
{
	free(pairs->pairs);
	*pairs = (struct tensor_pairs){ 0 };
}
