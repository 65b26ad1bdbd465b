/* tensor_values.c - the loops over blocks of values */
#include "formats/tensor_values.h"

#include <math.h>
#include <string.h>

/*
 * How the bits of a value are to be read.  A floating-point number has one
 * sign, then exponent, then mantissa; bias is subtracted from the exponent.
 */
struct layout {
	enum { NOT_JUDGED, FLOATING, WHOLE, NATURAL, TRUTH, SCALE } kind;
	unsigned width;		/* bytes */
	int exponent_bits, mantissa_bits, bias;
	enum { IEEE, ONE_NAN, NO_INF } special;
};

/*
 * IEEE: the highest exponent is for infinities and NaN.  NO_INF: only all ones
 * are a NaN.  ONE_NAN: what would be minus zero is the NaN.  SCALE: a bare
 * exponent, of which all ones are a NaN.
 */
static const struct layout layouts[DTYPE_COUNT] = {
	/*			kind      width exponent mantissa bias special */
	[DTYPE_BOOL]		= { TRUTH, 1, 0, 0, 0, IEEE },
	[DTYPE_U8]		= { NATURAL, 1, 0, 0, 0, IEEE },
	[DTYPE_I8]		= { WHOLE, 1, 0, 0, 0, IEEE },
	[DTYPE_F8_E5M2]		= { FLOATING, 1, 5, 2, 15, IEEE },
	[DTYPE_F8_E4M3]		= { FLOATING, 1, 4, 3, 7, NO_INF },
	[DTYPE_F8_E8M0]		= { SCALE, 1, 8, 0, 127, NO_INF },
	[DTYPE_F8_E4M3FNUZ]	= { FLOATING, 1, 4, 3, 8, ONE_NAN },
	[DTYPE_F8_E5M2FNUZ]	= { FLOATING, 1, 5, 2, 16, ONE_NAN },
	[DTYPE_I16]		= { WHOLE, 2, 0, 0, 0, IEEE },
	[DTYPE_U16]		= { NATURAL, 2, 0, 0, 0, IEEE },
	[DTYPE_F16]		= { FLOATING, 2, 5, 10, 15, IEEE },
	[DTYPE_BF16]		= { FLOATING, 2, 8, 7, 127, IEEE },
	[DTYPE_I32]		= { WHOLE, 4, 0, 0, 0, IEEE },
	[DTYPE_U32]		= { NATURAL, 4, 0, 0, 0, IEEE },
	[DTYPE_F32]		= { FLOATING, 4, 8, 23, 127, IEEE },
	[DTYPE_C64]		= { FLOATING, 4, 8, 23, 127, IEEE },
	[DTYPE_F64]		= { FLOATING, 8, 11, 52, 1023, IEEE },
	[DTYPE_I64]		= { WHOLE, 8, 0, 0, 0, IEEE },
	[DTYPE_U64]		= { NATURAL, 8, 0, 0, 0, IEEE },
	[DTYPE_COMPLEX32]	= { FLOATING, 2, 5, 10, 15, IEEE },
	[DTYPE_COMPLEX128]	= { FLOATING, 8, 11, 52, 1023, IEEE },
};

size_t values_width(enum dtype dtype)
{
	return layouts[dtype].width;
}

/* Little-endian values of any alignment, one at a time. */
#define LOAD(bits)                                                             \
	static uint##bits##_t load_##bits(const uint8_t *bytes)                \
	{                                                                      \
		uint##bits##_t v;                                              \
		memcpy(&v, bytes, sizeof(v));                                  \
		if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)                    \
			v = __builtin_bswap##bits(v);                          \
		return v;                                                      \
	}

LOAD(16)
LOAD(32)
LOAD(64)

/* ---- one byte: a value's class and number, each known from its bits ---- */

/* The number of bits that are not a special value; sign and scale apart. */
static double magnitude(const struct layout *l, uint64_t bits)
{
	uint64_t mantissa = bits & ((UINT64_C(1) << l->mantissa_bits) - 1);
	int exponent = (int)(bits >> l->mantissa_bits &
			     ((UINT64_C(1) << l->exponent_bits) - 1));

	if (l->kind == SCALE)
		return ldexp(1, exponent - l->bias);
	if (exponent == 0)
		return ldexp((double)mantissa, 1 - l->bias - l->mantissa_bits);
	mantissa |= UINT64_C(1) << l->mantissa_bits;
	return ldexp((double)mantissa, exponent - l->bias - l->mantissa_bits);
}

static bool is_negative(const struct layout *l, uint64_t bits)
{
	return l->kind != SCALE && bits >> (8 * l->width - 1) != 0;
}

/* The bits of positive infinity, for formats that have it. */
static uint64_t infinity_of(const struct layout *l)
{
	return ((UINT64_C(1) << l->exponent_bits) - 1) << l->mantissa_bits;
}

/* 0 for a number, 1 for an infinity, 2 for a NaN. */
static int special(const struct layout *l, uint64_t bits)
{
	uint64_t sign = UINT64_C(1) << (8 * l->width - 1), inf;

	if (l->kind == SCALE)
		return bits == 0xff ? 2 : 0;
	if (l->special == ONE_NAN)
		return bits == sign ? 2 : 0;
	bits &= ~sign;
	if (l->special == NO_INF)
		return bits == sign - 1 ? 2 : 0;
	inf = infinity_of(l);
	return bits < inf ? 0 : bits == inf ? 1 : 2;
}

static double decode_float(const struct layout *l, uint64_t bits)
{
	int what = special(l, bits);
	double value = what == 2 ? (double)NAN :
		       what == 1 ? (double)INFINITY : magnitude(l, bits);

	return is_negative(l, bits) ? -value : value;
}

static double decode_byte(const struct layout *l, uint8_t bits)
{
	switch (l->kind) {
	case WHOLE:
		return bits < 0x80 ? bits : bits - 0x100;
	case FLOATING:
	case SCALE:
		return decode_float(l, bits);
	default:
		return bits;
	}
}

/* Count a value of one byte, which occurs so many times, by its class. */
static void count_float(struct value_counts *counts, const struct layout *l,
			uint64_t bits, uint64_t times)
{
	int what = special(l, bits);

	if (what == 2)
		counts->nan += times;
	else if (what == 1 && is_negative(l, bits))
		counts->negative_inf += times;
	else if (what == 1)
		counts->positive_inf += times;
	else if (l->kind == SCALE)
		return;		/* a power of 2: never zero */
	else if ((bits & 0x7f) == 0)
		counts->zero += times;
	else if ((bits & 0x7f) >> l->mantissa_bits == 0)
		counts->denormal += times;
}

/* How often each byte occurs says all; four tables, so that one store need
   not wait for the one before it. */
static void count_bytes(struct value_counts *counts, const struct layout *l,
			const uint8_t *v, size_t len)
{
	uint16_t seen[4][256] = { 0 };

	for (size_t i = 0; i < len; i++)
		seen[i % 4][v[i]]++;
	for (unsigned bits = 0; bits < 256; bits++) {
		uint64_t times = (uint64_t)seen[0][bits] + seen[1][bits] +
				 seen[2][bits] + seen[3][bits];

		if (times == 0)
			continue;
		if (l->kind == FLOATING || l->kind == SCALE)
			count_float(counts, l, bits, times);
		else if (bits == 0)
			counts->zero += times;
		else if (l->kind == TRUTH && bits > 1)
			counts->odd_bool += times;
	}
}

/* ---- wider values ---- */

enum {
	STEP = 1024,	/* bytes */
	/* Of a value of such bytes nothing is counted, whatever its dtype. */
	PADDING = 0x3f
};

/*
 * Compiled twice, and the processor decides when the program starts.  glibc's
 * loader can do that.
 */
#if defined(__x86_64__) && defined(__GLIBC__) && __has_attribute(target_clones)
#define FOR_AVX2_TOO __attribute__((target_clones("avx2", "default")))
#else
#define FOR_AVX2_TOO
#endif

/*
 * A step at a time, so that the loops have a known length and compilers make
 * vectors of them.  Mostly all values of a step are normal, so that is what a
 * first loop finds out: of both differences one is negative if a value is not.
 * The others count, and what exactly is not finite only where such values are.
 * The counters are as wide as the values and no step overflows them.
 */
#define COUNT_FLOATS(bits)                                                     \
	static void count_special_##bits(struct value_counts *counts,          \
					 const uint8_t *bytes,                 \
					 int##bits##_t inf)                    \
	{                                                                      \
		uint##bits##_t nan = 0, infinite = 0, positive = 0;            \
		for (size_t at = 0; at < STEP; at += (bits) / 8) {     \
			uint##bits##_t v = load_##bits(bytes + at);            \
			int##bits##_t x =                                      \
				(int##bits##_t)(v & INT##bits##_MAX);          \
			nan = (uint##bits##_t)(nan + (x > inf));               \
			infinite = (uint##bits##_t)(infinite + (x == inf));    \
			positive = (uint##bits##_t)(                           \
				positive + (v == (uint##bits##_t)inf));        \
		}                                                              \
		counts->nan += nan;                                            \
		counts->positive_inf += positive;                              \
		counts->negative_inf += (uint64_t)infinite - positive;         \
	}                                                                      \
	FOR_AVX2_TOO                                                           \
	static void count_floats_##bits(struct value_counts *counts,           \
					const uint8_t *bytes,                  \
					const struct layout *l)                \
	{                                                                      \
		const int##bits##_t normal =                                   \
			(int##bits##_t)(UINT64_C(1) << l->mantissa_bits);      \
		const int##bits##_t inf = (int##bits##_t)infinity_of(l);       \
		uint##bits##_t zero = 0, small = 0, special = 0;               \
		int##bits##_t differences = 0;                                 \
		for (size_t at = 0; at < STEP; at += (bits) / 8) {     \
			int##bits##_t x = (int##bits##_t)(                     \
				load_##bits(bytes + at) & INT##bits##_MAX);    \
			differences = (int##bits##_t)(                         \
				differences | (x - normal) | (inf - 1 - x));   \
		}                                                              \
		if (differences >= 0)                                          \
			return;                                                \
		for (size_t at = 0; at < STEP; at += (bits) / 8) {     \
			int##bits##_t x = (int##bits##_t)(                     \
				load_##bits(bytes + at) & INT##bits##_MAX);    \
			zero = (uint##bits##_t)(zero + (x == 0));              \
			small = (uint##bits##_t)(small + (x < normal));        \
			special = (uint##bits##_t)(special + (x >= inf));      \
		}                                                              \
		counts->zero += zero;                                          \
		counts->denormal += (uint64_t)small - zero;                    \
		if (special > 0)                                               \
			count_special_##bits(counts, bytes, inf);              \
	}

#define COUNT_WHOLE(bits)                                                      \
	static void count_whole_##bits(struct value_counts *counts,            \
				       const uint8_t *bytes)                   \
	{                                                                      \
		uint##bits##_t zero = 0;                                       \
		for (size_t at = 0; at < STEP; at += (bits) / 8)       \
			zero = (uint##bits##_t)(                               \
				zero + (load_##bits(bytes + at) == 0));        \
		counts->zero += zero;                                          \
	}

COUNT_FLOATS(16)
COUNT_FLOATS(32)
COUNT_FLOATS(64)
COUNT_WHOLE(16)
COUNT_WHOLE(32)
COUNT_WHOLE(64)

static void count_step(struct value_counts *counts, const struct layout *l,
		       const uint8_t *bytes)
{
	bool floating = l->kind == FLOATING;

	switch (l->width) {
	case 2:
		if (floating)
			count_floats_16(counts, bytes, l);
		else
			count_whole_16(counts, bytes);
		break;
	case 4:
		if (floating)
			count_floats_32(counts, bytes, l);
		else
			count_whole_32(counts, bytes);
		break;
	case 8:
		if (floating)
			count_floats_64(counts, bytes, l);
		else
			count_whole_64(counts, bytes);
		break;
	}
}

void values_count(struct value_counts *counts, enum dtype dtype,
		  const uint8_t *bytes, size_t len)
{
	const struct layout *l = &layouts[dtype];
	uint8_t padded[STEP];

	if (l->width == 1) {
		count_bytes(counts, l, bytes, len);
		return;
	}
	for (; len >= STEP; bytes += STEP, len -= STEP)
		count_step(counts, l, bytes);
	if (len == 0)
		return;
	memcpy(padded, bytes, len);
	memset(padded + len, PADDING, STEP - len);
	count_step(counts, l, padded);
}

/* ---- decoding ---- */

static void decode_bytes(double *out, const uint8_t *v, size_t n,
			 const struct layout *l)
{
	double table[256];

	for (unsigned bits = 0; bits < 256; bits++)
		table[bits] = decode_byte(l, (uint8_t)bits);
	for (size_t i = 0; i < n; i++)
		out[i] = table[v[i]];
}

static double f32_of(uint32_t bits)
{
	float value;

	memcpy(&value, &bits, sizeof(value));
	return (double)value;
}

static double f64_of(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* A half is a float of another bias: a product puts that right, exactly. */
static double half_of(const struct layout *l, uint16_t bits)
{
	double x;

	if (special(l, bits) != 0)
		return decode_float(l, bits);
	x = f32_of((uint32_t)(bits & 0x7fff) << 13) * 0x1p112;
	return bits >> 15 ? -x : x;
}

static void decode_16(double *out, const uint8_t *bytes, size_t n,
		      const struct layout *l, enum dtype dtype)
{
	for (size_t i = 0; i < n; i++) {
		uint16_t v = load_16(bytes + 2 * i);

		if (dtype == DTYPE_BF16)
			out[i] = f32_of((uint32_t)v << 16);
		else if (l->kind == FLOATING)
			out[i] = half_of(l, v);
		else
			out[i] = l->kind == WHOLE ? (double)(int16_t)v :
				 (double)v;
	}
}

static void decode_32(double *out, const uint8_t *bytes, size_t n,
		      const struct layout *l)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t v = load_32(bytes + 4 * i);

		if (l->kind == FLOATING)
			out[i] = f32_of(v);
		else
			out[i] = l->kind == WHOLE ? (double)(int32_t)v :
				 (double)v;
	}
}

static void decode_64(double *out, const uint8_t *bytes, size_t n,
		      const struct layout *l)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t v = load_64(bytes + 8 * i);

		if (l->kind == FLOATING)
			out[i] = f64_of(v);
		else
			out[i] = l->kind == WHOLE ? (double)(int64_t)v :
				 (double)v;
	}
}

void values_decode(double *out, enum dtype dtype, const uint8_t *bytes,
		   size_t n)
{
	const struct layout *l = &layouts[dtype];

	switch (l->width) {
	case 1:
		decode_bytes(out, bytes, n, l);
		break;
	case 2:
		decode_16(out, bytes, n, l, dtype);
		break;
	case 4:
		decode_32(out, bytes, n, l);
		break;
	case 8:
		decode_64(out, bytes, n, l);
		break;
	}
}
