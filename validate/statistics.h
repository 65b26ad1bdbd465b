/*
 * statistics.h - what the tensors of one bundle are like, for a report
 *
 * A copy of what a report keeps of a bundle's weights, in bounded space, after
 * the weights themselves are gone.
 */
#ifndef VALIDATE_STATISTICS_H
#define VALIDATE_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/state_dict.h"
#include "formats/tensor_stats.h"
#include "validate/weights.h"

/* So many tensors of a bundle are kept apart; the others only in the sums. */
enum { STATISTICS_TENSORS = 400 };

struct tensor_summary {
	const char *key;	/* hostile; cut at a NUL */
	const char *shape;	/* "3 x 5"; "" for a scalar */
	struct tensor_stats stats;	/* TENSOR_STATS_FULL */
};

struct statistics {
	struct tensor_summary *tensors;	/* malloc'ed, [count] */
	size_t count, left_out;
	double sum_squares;	/* of the parameters: no integers, no flags */
	uint64_t nonfinite;
	struct arena arena;	/* keys and shapes */
};

/* Of weights that were read with statistics.  On failure *s is empty. */
bool statistics_make(struct statistics *s, const struct weights *weights,
		     struct error *err);

/* The root of the sum of squares of all parameters. */
double statistics_norm(const struct statistics *s);

/* NaN and infinities. */
uint64_t statistics_nonfinite(const struct tensor_stats *stats);

void statistics_free(struct statistics *s);

#endif
