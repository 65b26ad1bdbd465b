/*
 * tensor_diff.h - how far the values of two tensors of one shape are apart
 *
 * Bytes of both, little-endian as safetensors holds them, are fed in blocks of
 * as many values of each.  Values are compared as doubles, whatever the two
 * dtypes; of one dtype they are also compared bit for bit, and 64-bit integers
 * exactly.
 *
 * Two values are the same if they are equal or both NaN.  If they are, but not
 * their bits, that is counted apart: zeros of different sign, NaN of different
 * payload.  A value is an element (of BOOL the number that its byte is), or for
 * complex dtypes one of its two parts; for a dtype below a byte it is a byte,
 * and nothing but whether its bits are the same is known.
 *
 * Every bit pattern is legal input, and nothing here fails or allocates.  A
 * struct owns nothing, and is for one thread at a time.
 */
#ifndef FORMATS_TENSOR_DIFF_H
#define FORMATS_TENSOR_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/dtype.h"
#include "formats/state_dict.h"

struct tensor_diff {
	enum dtype a, b;
	bool numeric;		/* false: a dtype below a byte */
	uint64_t nvalues;	/* fed by now */
	uint64_t differing;	/* not the same */
	uint64_t nonfinite;	/* of those, where one is not finite */
	uint64_t bits_only;	/* the same, but not their bits */

	/* If numeric, of the pairs of finite values: */
	uint64_t finite;
	double max, sum;	/* of the absolute differences */
	double aa, bb, ab;	/* sums of products */
};

/* Can tensors of these be compared: have they as many values? */
bool tensor_diff_can(const struct tensor *a, const struct tensor *b);

/* Values of a tensor, and the bytes of one. */
uint64_t tensor_diff_values(const struct tensor *t);
size_t tensor_diff_width(enum dtype dtype);

void tensor_diff_begin(struct tensor_diff *d, enum dtype a, enum dtype b);

/* The next nvalues of both. */
void tensor_diff_add(struct tensor_diff *d, const void *a, const void *b,
		     size_t nvalues);

/* The mean absolute difference; NaN if there is no finite pair. */
double tensor_diff_mean(const struct tensor_diff *d);

/* The cosine of the angle between the two; NaN if one is all zeros. */
double tensor_diff_cosine(const struct tensor_diff *d);

#endif
