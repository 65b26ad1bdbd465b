/*
 * tensor_values.h - blocks of values: counted, and decoded
 *
 * Part of formats/tensor_stats.  Constant tables: safe from any thread.
 */
#ifndef FORMATS_TENSOR_VALUES_H
#define FORMATS_TENSOR_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/dtype.h"

/* Bytes, the most that are taken at once: a whole number of any values. */
enum { VALUES_BLOCK = 4096 };

struct value_counts {
	uint64_t nan, positive_inf, negative_inf, zero, denormal, odd_bool;
};

/* The bytes of one value of a dtype; 0 if it is none that can be judged. */
size_t values_width(enum dtype dtype);

/*
 * Add to *counts what the values in len bytes, little-endian, are: a whole
 * number of them, at most VALUES_BLOCK bytes.
 */
void values_count(struct value_counts *counts, enum dtype dtype,
		  const uint8_t *bytes, size_t len);

/*
 * The first n values, little-endian and at most VALUES_BLOCK bytes, as doubles:
 * NaN and infinities too.
 */
void values_decode(double *out, enum dtype dtype, const uint8_t *bytes,
		   size_t n);

#endif
