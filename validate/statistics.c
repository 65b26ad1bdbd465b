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

static uint16_t share(uint64_t count, uint64_t most)
{
	if (count == 0)
		return 0;
	return (uint16_t)fmax(1, (double)count / (double)most * UINT16_MAX);
}

static void keep_bins(struct tensor_summary *to, const struct tensor_stats *s)
{
	uint64_t most = s->zero;

	for (size_t i = 0; i < TENSOR_STATS_BINS; i++) {
		most = s->negative[i] > most ? s->negative[i] : most;
		most = s->positive[i] > most ? s->positive[i] : most;
	}
	for (size_t i = 0; i < TENSOR_STATS_BINS; i++) {
		to->negative[i] = share(s->negative[i], most);
		to->positive[i] = share(s->positive[i], most);
	}
	to->zeros = share(s->zero, most);
}

static bool keep(struct statistics *s, const struct tensor *tensor,
		 const struct tensor_stats *stats, struct error *err)
{
	struct tensor_summary *to = &s->tensors[s->count++];

	*to = (struct tensor_summary){
		.key = arena_copy(&s->arena, tensor->key, tensor->key_len,
				  err),
		.shape = print_shape(s, tensor, err),
		.dtype = stats->dtype,
		.nvalues = stats->nvalues,
		.finite = tensor_stats_finite(stats),
		.nan = stats->nan,
		.positive_inf = stats->positive_inf,
		.negative_inf = stats->negative_inf,
		.zero = stats->zero,
		.min = stats->min,
		.max = stats->max,
		.mean = tensor_stats_mean(stats),
		.norm = tensor_stats_norm(stats),
	};
	keep_bins(to, stats);
	return to->key && to->shape;
}

static bool fill_in(struct statistics *s, const struct weights *weights,
		    struct error *err)
{
	const struct state_dict *sd = weights_tensors(weights);
	double squares = 0;

	for (size_t i = 0; i < sd->count; i++) {
		const struct tensor_stats *stats = &weights->statistics[i];

		s->nonfinite += stats->nvalues - tensor_stats_finite(stats);
		if (is_parameter(stats->dtype))
			squares += stats->sum_squares;
		if (i >= STATISTICS_TENSORS)
			s->left_out++;
		else if (!keep(s, &sd->tensors[i], stats, err))
			return false;
	}
	s->norm = sqrt(squares);
	return true;
}

struct statistics *statistics_make(const struct weights *weights,
				   struct error *err)
{
	size_t count = weights_tensors(weights)->count;
	struct statistics *s = memory_array(1, sizeof(*s), err);

	if (!s)
		return NULL;
	s->references = 1;
	s->tensors = memory_array(count < STATISTICS_TENSORS ? count :
				  STATISTICS_TENSORS, sizeof(*s->tensors),
				  err);
	if (s->tensors && fill_in(s, weights, err))
		return s;
	statistics_drop(s);
	return NULL;
}

uint64_t statistics_nonfinite(const struct tensor_summary *tensor)
{
	return tensor->nan + tensor->positive_inf + tensor->negative_inf;
}

struct statistics *statistics_hold(struct statistics *s)
{
	s->references++;
	return s;
}

void statistics_drop(struct statistics *s)
{
	if (!s || --s->references > 0)
		return;
	arena_free(&s->arena);
	free(s->tensors);
	free(s);
}
