/* tensors.c - sort them, and read them once */
#include "inspect/tensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "formats/tensor_stats.h"

enum { CHUNK = 256 << 10 };

static int by_place(const void *a, const void *b)
{
	const struct tensor *x = *(const struct tensor *const *)a;
	const struct tensor *y = *(const struct tensor *const *)b;

	return x->start < y->start ? -1 : x->start > y->start;
}

const struct tensor **tensors_by_place(const struct state_dict *sd,
				       struct error *err)
{
	return state_dict_sorted(sd, by_place, err);
}

const char *tensors_shape(char buf[64], const struct tensor *t)
{
	enum { SIZE = 64, ROOM = 28 };	/* for a size, and "...]" */
	size_t used = 1, i;

	buf[0] = '[';
	for (i = 0; i < t->rank && used < SIZE - ROOM; i++)
		used += (size_t)snprintf(buf + used, SIZE - used, "%s%" PRIu64,
					 i ? ", " : "", t->shape[i]);
	snprintf(buf + used, SIZE - used, i < t->rank ? ", ...]" : "]");
	return buf;
}

uint64_t tensors_parameters(const struct state_dict *sd)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < sd->count; i++)
		if (__builtin_add_overflow(sum, sd->tensors[i].nelements,
					   &sum))
			return UINT64_MAX;
	return sum;
}

static bool summarise(struct tensor_summary *summary, struct source *s,
		      const struct tensor *t, uint8_t *chunk,
		      struct error *err)
{
	struct tensor_stats stats;

	tensor_stats_begin(&stats, t->dtype, TENSOR_STATS_FULL);
	for (uint64_t at = 0; at < t->nbytes; ) {
		size_t n = t->nbytes - at < CHUNK ? (size_t)(t->nbytes - at)
						  : CHUNK;

		if (!source_read(s, t, at, chunk, n, err))
			return false;
		tensor_stats_add(&stats, chunk, n);
		at += n;
	}
	*summary = (struct tensor_summary){
		.judged = stats.judged,
		.any_finite = tensor_stats_finite(&stats) > 0,
		.min = stats.min, .max = stats.max,
		.mean = tensor_stats_mean(&stats),
		.norm = tensor_stats_norm(&stats),
		.nan = stats.nan,
		.infinite = stats.positive_inf + stats.negative_inf,
	};
	return true;
}

bool tensors_summarise(struct tensor_summary **summaries, struct source *s,
		       struct error *err)
{
	const struct state_dict *sd = &s->header.tensors;
	const struct tensor **order = tensors_by_place(sd, err);
	uint8_t *chunk = memory_array(CHUNK, 1, err);
	bool ok;

	*summaries = memory_array(sd->count, sizeof(**summaries), err);
	ok = order && chunk && *summaries && source_begin(s, true, err);
	for (size_t i = 0; ok && i < sd->count; i++)
		ok = summarise(&(*summaries)[order[i] - sd->tensors], s,
			       order[i], chunk, err);
	ok = ok && source_finish(s, err);
	free(chunk);
	free(order);
	return ok;
}
