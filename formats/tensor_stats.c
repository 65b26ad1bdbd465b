/* tensor_stats.c - a stream of bytes, block by block */
#include "formats/tensor_stats.h"

#include <math.h>
#include <string.h>

#include "formats/tensor_values.h"

void tensor_stats_begin(struct tensor_stats *s, enum dtype dtype,
			enum tensor_stats_level level)
{
	*s = (struct tensor_stats){
		.dtype = dtype,
		.level = level,
		.judged = values_width(dtype) > 0,
		.constant = true,
		.min = (double)INFINITY,
		.max = -(double)INFINITY,
	};
}

/* By the exponent of the double; a denormal one is below all bins. */
static void count_in_bin(struct tensor_stats *s, double x)
{
	uint64_t bits;
	int bin;

	memcpy(&bits, &x, sizeof(bits));
	bin = (int)(bits >> 52 & 0x7ff) - 1023 - TENSOR_STATS_LOWEST;
	if (bin < 0)
		bin = 0;
	if (bin >= TENSOR_STATS_BINS)
		bin = TENSOR_STATS_BINS - 1;
	(x < 0 ? s->negative : s->positive)[bin]++;
}

/* Sums are taken block by block, which keeps more of their small parts. */
static void take_statistics(struct tensor_stats *s, const double *x, size_t n)
{
	double sum = 0, squares = 0;

	for (size_t i = 0; i < n; i++) {
		if (!isfinite(x[i]))
			continue;
		sum += x[i];
		squares += x[i] * x[i];
		s->min = x[i] < s->min ? x[i] : s->min;
		s->max = x[i] > s->max ? x[i] : s->max;
		if (x[i] < 0 || x[i] > 0)
			count_in_bin(s, x[i]);
	}
	s->sum += sum;
	s->sum_squares += squares;
}

static void add_block(struct tensor_stats *s, const uint8_t *bytes, size_t len)
{
	struct value_counts counts = { 0 };
	double decoded[VALUES_BLOCK];
	size_t n = len / values_width(s->dtype);

	values_count(&counts, s->dtype, bytes, len);
	s->nvalues += n;
	s->nan += counts.nan;
	s->positive_inf += counts.positive_inf;
	s->negative_inf += counts.negative_inf;
	s->zero += counts.zero;
	s->denormal += counts.denormal;
	s->odd_bool += counts.odd_bool;
	if (s->level == TENSOR_STATS_FULL) {
		values_decode(decoded, s->dtype, bytes, n);
		take_statistics(s, decoded, n);
	}
}

/* Each element equals the one before it, and one of them the first. */
static void compare_elements(struct tensor_stats *s, const uint8_t *bytes,
			     size_t len, size_t item)
{
	if (s->nvalues == 0)
		memcpy(s->first, bytes, item);
	s->constant = s->constant && memcmp(s->first, bytes, item) == 0 &&
		      memcmp(bytes, bytes + item, len - item) == 0;
}

/* Whole elements, at least one. */
static void add_elements(struct tensor_stats *s, const uint8_t *bytes,
			 size_t len, size_t item)
{
	compare_elements(s, bytes, len, item);
	for (size_t at = 0; at < len; at += VALUES_BLOCK) {
		size_t left = len - at;

		add_block(s, bytes + at,
			  left < VALUES_BLOCK ? left : VALUES_BLOCK);
	}
}

/* Go on with the element that the last block ended in; returns what it took. */
static size_t complete_split(struct tensor_stats *s, const uint8_t *bytes,
			     size_t len, size_t item)
{
	size_t take = item - s->split_nbytes;

	if (take > len)
		take = len;
	memcpy(s->split + s->split_nbytes, bytes, take);
	s->split_nbytes += take;
	if (s->split_nbytes == item) {
		add_elements(s, s->split, item, item);
		s->split_nbytes = 0;
	}
	return take;
}

void tensor_stats_add(struct tensor_stats *s, const void *bytes, size_t len)
{
	size_t item = dtype_info(s->dtype)->item, whole;
	const uint8_t *p = bytes;

	s->nbytes += len;
	if (!s->judged)
		return;
	if (s->split_nbytes > 0) {
		size_t taken = complete_split(s, p, len, item);

		p += taken;
		len -= taken;
	}
	whole = len - len % item;
	if (whole > 0)
		add_elements(s, p, whole, item);
	if (len > whole)
		complete_split(s, p + whole, len - whole, item);
}

uint64_t tensor_stats_finite(const struct tensor_stats *s)
{
	return s->nvalues - s->nan - s->positive_inf - s->negative_inf;
}

double tensor_stats_mean(const struct tensor_stats *s)
{
	uint64_t n = tensor_stats_finite(s);

	return n > 0 ? s->sum / (double)n : (double)NAN;
}

double tensor_stats_norm(const struct tensor_stats *s)
{
	return sqrt(s->sum_squares);
}
