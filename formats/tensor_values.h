/*
 * tensor_values.h - blocks of values: counted, and decoded
 *
 * Part of formats/tensor_stats.  What is fed is cut into blocks of one size,
 * so that the loops over them have a known length, and compilers make vectors
 * of them.  Constant tables: safe from any thread.
 */
#ifndef FORMATS_TENSOR_VALUES_H
#define FORMATS_TENSOR_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/dtype.h"

enum { VALUES_BLOCK = 4096 };	/* bytes */

/* Values in the byte order of the machine; the rest of a block is padding. */
union values {
	uint8_t u8[VALUES_BLOCK];
	uint16_t u16[VALUES_BLOCK / 2];
	uint32_t u32[VALUES_BLOCK / 4];
	uint64_t u64[VALUES_BLOCK / 8];
};

struct value_counts {
	uint64_t nan, positive_inf, negative_inf, zero, denormal, odd_bool;
};

/* The bytes of one value of a dtype; 0 if it is none that can be judged. */
size_t values_width(enum dtype dtype);

/*
 * Take len bytes (a whole number of values, at most VALUES_BLOCK) into a
 * block; the rest becomes padding that counts as nothing.
 */
void values_load(union values *v, enum dtype dtype, const uint8_t *bytes,
		 size_t len);

/* Add what the values of a block are to *counts. */
void values_count(struct value_counts *counts, const union values *v,
		  enum dtype dtype);

/* The first n values of a block as doubles, NaN and infinities too. */
void values_decode(double *out, const union values *v, size_t n,
		   enum dtype dtype);

#endif
