/*
 * dtype.h - element types: their size, and what torch and safetensors call them
 *
 * The order is that of the safetensors format: a writer puts tensors with a
 * higher dtype first, so that each is aligned to its element size.  Types
 * that torch can save but safetensors has no name for come last.  Checked
 * against torch 2.13 and the safetensors package 0.8.  Tables are constant:
 * safe from any thread.
 */
#ifndef FORMATS_DTYPE_H
#define FORMATS_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dtype {
	DTYPE_BOOL, DTYPE_F4, DTYPE_F6_E2M3, DTYPE_F6_E3M2, DTYPE_U8, DTYPE_I8,
	DTYPE_F8_E5M2, DTYPE_F8_E4M3, DTYPE_F8_E8M0, DTYPE_F8_E4M3FNUZ,
	DTYPE_F8_E5M2FNUZ, DTYPE_I16, DTYPE_U16, DTYPE_F16, DTYPE_BF16,
	DTYPE_I32, DTYPE_U32, DTYPE_F32, DTYPE_C64, DTYPE_F64, DTYPE_I64,
	DTYPE_U64,
	DTYPE_SAFETENSORS_COUNT,
	DTYPE_COMPLEX32 = DTYPE_SAFETENSORS_COUNT, DTYPE_COMPLEX128,
	DTYPE_BITS8, DTYPE_BITS16, DTYPE_BITS1X8, DTYPE_BITS2X4, DTYPE_BITS4X2,
	DTYPE_COUNT
};

struct dtype_info {
	const char *name;	/* in a safetensors header, or NULL */
	const char *torch;	/* as torch names it, or NULL */
	const char *storage;	/* typed storage class, or NULL */
	unsigned bits;		/* of one safetensors element */
	unsigned item;		/* bytes of one torch element; 0 if none */
	unsigned part;		/* bytes of what is swapped and negated */
};

const struct dtype_info *dtype_info(enum dtype dtype);

/* By the name in a safetensors header, which is case-sensitive. */
bool dtype_by_name(const char *name, size_t len, enum dtype *dtype);

/* By torch's name, "float32"; aliases such as "double" are known too. */
bool dtype_by_torch(const char *name, size_t len, enum dtype *dtype);

/* By the class of a typed storage, "FloatStorage". */
bool dtype_by_storage(const char *name, size_t len, enum dtype *dtype);

#endif
