/*
 * tensor_stats.h - what the values of a tensor are like: counts and statistics
 *
 * The bytes of one tensor, little-endian as safetensors holds them, are fed in
 * blocks of any size, from first to last; an element may lie across two blocks.
 *
 *	tensor_stats_begin(&s, DTYPE_F32, TENSOR_STATS_SCAN);
 *	tensor_stats_add(&s, bytes, len);	as often as it takes
 *
 * TENSOR_STATS_SCAN counts what no weights should hold, about as fast as memory
 * is; TENSOR_STATS_FULL also takes minimum, maximum, mean, norm and a
 * distribution, at some hundred megabytes a second.
 *
 * A value is an element, or for complex dtypes one of its two parts.  Every
 * bit pattern is legal input, and nothing here fails, allocates or looks at the
 * floating-point environment.  A struct is for one thread at a time; it owns
 * nothing and may be copied.
 */
#ifndef FORMATS_TENSOR_STATS_H
#define FORMATS_TENSOR_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/dtype.h"

enum tensor_stats_level { TENSOR_STATS_SCAN, TENSOR_STATS_FULL };

/*
 * The distribution: bin i counts the finite values x of one sign with
 * 2^(LOWEST + i) <= |x| < 2^(LOWEST + i + 1).  The first bin takes what is
 * smaller, the last what is greater; zeros are in none.
 */
enum { TENSOR_STATS_BINS = 64, TENSOR_STATS_LOWEST = -40 };

struct tensor_stats {
	enum dtype dtype;
	enum tensor_stats_level level;
	bool judged;		/* false: a dtype below a byte, or of bits only:
				   nothing but nbytes is counted */
	uint64_t nbytes;	/* fed by now */
	uint64_t nvalues;	/* in the whole elements among them */
	uint64_t nan, positive_inf, negative_inf;
	uint64_t zero;		/* of either sign */
	uint64_t denormal;	/* not zero, below the least normal number */
	uint64_t odd_bool;	/* BOOL bytes other than 0 and 1 */
	bool constant;		/* all elements have the same bits; true for
				   one or none as well */

	/*
	 * TENSOR_STATS_FULL, of the finite values as doubles.  min and max mean
	 * nothing if there are none.
	 */
	double min, max, sum, sum_squares;
	uint64_t positive[TENSOR_STATS_BINS], negative[TENSOR_STATS_BINS];

	/* For tensor_stats_add() alone. */
	uint8_t first[16];	/* the first element */
	uint8_t split[16];	/* the part of one that was fed by now */
	size_t split_nbytes;
};

void tensor_stats_begin(struct tensor_stats *s, enum dtype dtype,
			enum tensor_stats_level level);

void tensor_stats_add(struct tensor_stats *s, const void *bytes, size_t len);

/* Values that are neither NaN nor infinite. */
uint64_t tensor_stats_finite(const struct tensor_stats *s);

/* TENSOR_STATS_FULL: of the finite values; NaN if there are none. */
double tensor_stats_mean(const struct tensor_stats *s);

/* TENSOR_STATS_FULL: the root of the sum of squares; 0 if there are none. */
double tensor_stats_norm(const struct tensor_stats *s);

#endif
