/* test_tensor_stats.c - what is counted of a tensor's values, in any blocks */
#include "formats/tensor_stats.h"

#include <math.h>
#include <stdlib.h>

#include "tests/unit/check.h"

static const struct row {
	const char *name;
	enum dtype dtype;
	const char *bytes;
	size_t len;
	uint64_t nvalues, nan, positive, negative, zero, denormal, odd;
	bool varied;
} rows[] = {
	{ "nothing", DTYPE_F32, BYTES(""), 0, 0, 0, 0, 0, 0, 0, false },
	{ "F32", DTYPE_F32,
	  BYTES("\0\0\x80\x3f" "\0\0\0\0" "\0\0\0\x80" "\0\0\x80\x7f"
		"\0\0\x80\xff" "\x01\0\x80\x7f" "\0\0\xc0\xff" "\x01\0\0\0"
		"\xff\xff\x7f\x80" "\0\0\x80\0" "\xff\xff\x7f\x7f"),
	  11, 2, 1, 1, 2, 2, 0, true },
	{ "F64", DTYPE_F64,
	  BYTES("\0\0\0\0\0\0\xf0\x7f" "\0\0\0\0\0\0\xf0\xff"
		"\x01\0\0\0\0\0\xf0\x7f" "\x01\0\0\0\0\0\0\x80"
		"\0\0\0\0\0\0\0\x80"),
	  5, 1, 1, 1, 1, 1, 0, true },
	{ "F16", DTYPE_F16,
	  BYTES("\0\x7c" "\0\xfc" "\x01\x7c" "\xff\xff" "\x01\0" "\0\x80"
		"\0\x3c"),
	  7, 2, 1, 1, 1, 1, 0, true },
	{ "BF16", DTYPE_BF16,
	  BYTES("\x80\x7f" "\x80\xff" "\xc0\x7f" "\x7f\x80" "\0\0" "\x80\0"),
	  6, 1, 1, 1, 1, 1, 0, true },
	{ "F8_E5M2", DTYPE_F8_E5M2, BYTES("\x7c\xfc\x7d\xff\x01\x80\x04\x7b"),
	  8, 2, 1, 1, 1, 1, 0, true },
	{ "F8_E4M3 has no infinities", DTYPE_F8_E4M3,
	  BYTES("\x7f\xff\x7e\xf8\x07\x80\x08"), 7, 2, 0, 0, 1, 1, 0, true },
	{ "F8_E4M3FNUZ has one NaN", DTYPE_F8_E4M3FNUZ,
	  BYTES("\x80\x7f\xff\0\x81"), 5, 1, 0, 0, 1, 1, 0, true },
	{ "F8_E5M2FNUZ has one NaN", DTYPE_F8_E5M2FNUZ,
	  BYTES("\x80\x7f\xff\0\x83\x84"), 6, 1, 0, 0, 1, 1, 0, true },
	{ "F8_E8M0 has no zero", DTYPE_F8_E8M0, BYTES("\0\xff\x7f"),
	  3, 1, 0, 0, 0, 0, 0, true },
	{ "C64: two values each", DTYPE_C64,
	  BYTES("\0\0\x80\x3f" "\0\0\xc0\x7f" "\0\0\x80\x3f" "\0\0\xc0\x7f"),
	  4, 2, 0, 0, 0, 0, 0, false },
	{ "BOOL", DTYPE_BOOL, BYTES("\0\1\2\xff\1"),
	  5, 0, 0, 0, 1, 0, 2, true },
	{ "U8", DTYPE_U8, BYTES("\0\xff\xff"), 3, 0, 0, 0, 1, 0, 0, true },
	{ "I8, constant", DTYPE_I8, BYTES("\xff\xff"),
	  2, 0, 0, 0, 0, 0, 0, false },
	{ "I16", DTYPE_I16, BYTES("\0\0" "\0\x80" "\0\x7c"),
	  3, 0, 0, 0, 1, 0, 0, true },
	{ "U32", DTYPE_U32, BYTES("\0\0\0\0" "\0\0\x80\x7f"),
	  2, 0, 0, 0, 1, 0, 0, true },
	{ "I64", DTYPE_I64, BYTES("\0\0\0\0\0\0\0\0" "\1\0\0\0\0\0\0\0"),
	  2, 0, 0, 0, 1, 0, 0, true },
	{ "both zeros are zero, not constant", DTYPE_F32,
	  BYTES("\0\0\0\0" "\0\0\0\x80"), 2, 0, 0, 0, 2, 0, 0, true },
	{ "the last one differs", DTYPE_U16, BYTES("\1\1" "\1\1" "\1\2"),
	  3, 0, 0, 0, 0, 0, 0, true },
	{ "part of an element is none", DTYPE_F32,
	  BYTES("\0\0\x80\x3f" "\0\0\x80"), 1, 0, 0, 0, 0, 0, 0, false },
	{ "4 bits are not looked at", DTYPE_F4, BYTES("\0\1\2"),
	  0, 0, 0, 0, 0, 0, 0, false },
	{ "6 bits are not looked at", DTYPE_F6_E2M3, BYTES("\0\1\2"),
	  0, 0, 0, 0, 0, 0, 0, false },
};

static void check_counts(const struct row *row, const struct tensor_stats *s)
{
	CHECK(row->name, s->nbytes == row->len);
	CHECK(row->name, s->nvalues == row->nvalues);
	CHECK(row->name, s->nan == row->nan);
	CHECK(row->name, s->positive_inf == row->positive);
	CHECK(row->name, s->negative_inf == row->negative);
	CHECK(row->name, s->zero == row->zero);
	CHECK(row->name, s->denormal == row->denormal);
	CHECK(row->name, s->odd_bool == row->odd);
	CHECK(row->name, s->constant == !row->varied);
	CHECK(row->name, tensor_stats_finite(s) == row->nvalues - row->nan -
						   row->positive -
						   row->negative);
}

/* Each row at once, and cut at every step length. */
static void test_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t step = 1; step <= rows[i].len + 1; step++) {
			const struct row *row = &rows[i];
			struct tensor_stats s;

			tensor_stats_begin(&s, row->dtype, TENSOR_STATS_FULL);
			for (size_t at = 0; at < row->len; at += step)
				tensor_stats_add(&s, row->bytes + at,
						 row->len - at < step ?
						 row->len - at : step);
			check_counts(row, &s);
		}
	check_rows();
}

static bool is_near(double got, double expected)
{
	return fabs(got - expected) <= 1e-12 * fabs(expected);
}

static void test_statistics(void **state)
{
	static const float values[] = { 1, -2, 0, 0.5f, -0.25f, INFINITY, NAN };
	struct tensor_stats s;

	(void)state;
	tensor_stats_begin(&s, DTYPE_F32, TENSOR_STATS_FULL);
	tensor_stats_add(&s, values, sizeof(values));
	CHECK("floats", is_near(s.min, -2) && is_near(s.max, 1));
	CHECK("floats", is_near(tensor_stats_mean(&s), -0.75 / 5));
	CHECK("floats", is_near(tensor_stats_norm(&s),
				sqrt(1 + 4 + 0.25 + 0.0625)));
	CHECK("bins", s.positive[-TENSOR_STATS_LOWEST] == 1);
	CHECK("bins", s.positive[-TENSOR_STATS_LOWEST - 1] == 1);
	CHECK("bins", s.negative[-TENSOR_STATS_LOWEST + 1] == 1);
	CHECK("bins", s.negative[-TENSOR_STATS_LOWEST - 2] == 1);

	tensor_stats_begin(&s, DTYPE_F32, TENSOR_STATS_FULL);
	CHECK("nothing", isnan(tensor_stats_mean(&s)));
	CHECK("nothing", tensor_stats_norm(&s) < 1e-300);
	check_rows();
}

/* What is beyond the bins at either end is in the outermost. */
static void test_outermost_bins(void **state)
{
	static const double values[] = { 0x1p-1074, -0x1p-41, 0x1p24, -1e300 };
	struct tensor_stats s;

	(void)state;
	tensor_stats_begin(&s, DTYPE_F64, TENSOR_STATS_FULL);
	tensor_stats_add(&s, values, sizeof(values));
	CHECK("small", s.positive[0] == 1 && s.negative[0] == 1);
	CHECK("great", s.positive[TENSOR_STATS_BINS - 1] == 1 &&
	      s.negative[TENSOR_STATS_BINS - 1] == 1);
	check_rows();
}

/* Over several blocks, one special value at each place in turn. */
static void test_every_place(void **state)
{
	enum { N = 2500 };
	float *values = calloc(N, sizeof(*values));

	(void)state;
	assert_non_null(values);
	for (size_t i = 0; i < N; i++)
		values[i] = 1;
	for (size_t i = 0; i < N; i++) {
		struct tensor_stats s;

		values[i] = -INFINITY;
		tensor_stats_begin(&s, DTYPE_F32, TENSOR_STATS_SCAN);
		tensor_stats_add(&s, values, N * sizeof(*values));
		CHECK("place", s.negative_inf == 1 && s.nvalues == N &&
		      s.nan + s.positive_inf + s.zero + s.denormal == 0 &&
		      !s.constant);
		values[i] = 1;
	}
	free(values);
	check_rows();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_statistics),
		cmocka_unit_test(test_outermost_bins),
		cmocka_unit_test(test_every_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
