/*
 * statistics.h - what the tensors of one bundle are like, for a report
 *
 * What is kept of a bundle's weights when they are gone, in little space: many
 * bundles may wait for their turn in a report.  Constant once made, and shared
 * by whoever holds a reference; those are counted by one thread at a time.
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
	enum dtype dtype;
	uint64_t nvalues, finite, nan, positive_inf, negative_inf, zero;
	double min, max, mean, norm;	/* of the finite values */

	/*
	 * The bins of formats/tensor_stats.h and the zeros, in proportion: the
	 * greatest is UINT16_MAX, and none that has something is 0.
	 */
	uint16_t negative[TENSOR_STATS_BINS], positive[TENSOR_STATS_BINS];
	uint16_t zeros;
};

struct statistics {
	struct tensor_summary *tensors;	/* malloc'ed, [count] */
	size_t count, left_out;
	double norm;		/* of all parameters: no integers, no flags */
	uint64_t nonfinite;
	struct arena arena;	/* keys and shapes */
	size_t references;
};

/* Of weights that were read with statistics; NULL for want of memory. */
struct statistics *statistics_make(const struct weights *weights,
				   struct error *err);

/* NaN and infinities. */
uint64_t statistics_nonfinite(const struct tensor_summary *tensor);

struct statistics *statistics_hold(struct statistics *s);

/* Give a reference back; NULL is fine. */
void statistics_drop(struct statistics *s);

#endif
