/* statistics.c - summaries of tensors, counted references */
#include "validate/statistics.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static bool is_parameter(enum dtype dtype)
{
	switch (dtype) {
	case DTYPE_F8_E5M2:
	case DTYPE_F8_E4M3:
	case DTYPE_F8_E8M0:
	case DTYPE_F8_E4M3FNUZ:
	case DTYPE_F8_E5M2FNUZ:
	case DTYPE_F16:
	case DTYPE_BF16:
	case DTYPE_F32:
	case DTYPE_F64:
	case DTYPE_C64:
		return true;
	default:
		return false;
	}
}

static const char *print_shape(struct statistics *s, const struct tensor *t,
			       struct error *err)
{
	struct buffer text = { 0 };
	const char *copy = NULL;
	bool ok = true;

	/* Enough for people; a hostile one may have millions of sizes. */
	for (size_t i = 0; ok && i < t->rank && i < 8; i++)
		ok = buffer_print(&text, err, "%s%" PRIu64,
				  i ? " \xc3\x97 " : "", t->shape[i]);
	if (ok && t->rank > 8)
		ok = buffer_print(&text, err, " \xc3\x97 ... (%zu sizes)",
				  t->rank);
	if (ok)
		copy = arena_copy(&s->arena, text.data, text.len, err);
	buffer_free(&text);
	return copy;
}

static bool keep(struct statistics *s, const struct tensor *tensor,
		 const struct tensor_stats *stats, struct error *err)
{
	struct tensor_summary *summary = &s->tensors[s->count++];

	summary->key = arena_copy(&s->arena, tensor->key, tensor->key_len,
				  err);
	summary->shape = print_shape(s, tensor, err);
	summary->stats = *stats;
	return summary->key && summary->shape;
}

bool statistics_make(struct statistics *s, const struct weights *weights,
		     struct error *err)
{
	const struct state_dict *sd = &weights->header.tensors;
	size_t count = sd->count < STATISTICS_TENSORS ? sd->count :
		       STATISTICS_TENSORS;
	bool ok;

	*s = (struct statistics){ .left_out = sd->count - count };
	s->tensors = memory_array(count, sizeof(*s->tensors), err);
	ok = s->tensors != NULL;
	for (size_t i = 0; ok && i < sd->count; i++) {
		const struct tensor_stats *stats = &weights->statistics[i];

		s->nonfinite += statistics_nonfinite(stats);
		if (is_parameter(stats->dtype))
			s->sum_squares += stats->sum_squares;
		if (i < count)
			ok = keep(s, &sd->tensors[i], stats, err);
	}
	if (!ok)
		statistics_free(s);
	return ok;
}

double statistics_norm(const struct statistics *s)
{
	return sqrt(s->sum_squares);
}

uint64_t statistics_nonfinite(const struct tensor_stats *stats)
{
	return stats->nan + stats->positive_inf + stats->negative_inf;
}

void statistics_free(struct statistics *s)
{
	arena_free(&s->arena);
	free(s->tensors);
	*s = (struct statistics){ 0 };
}
