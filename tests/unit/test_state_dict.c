/* test_state_dict.c - does a tensor's geometry fit its storage */
#include "formats/state_dict.h"

#include <stdlib.h>

#include "tests/unit/check.h"

#define BIG (UINT64_C(1) << 40)

/* Strides of "row-major" stand for NULL. */
struct geometry {
	enum dtype dtype;
	size_t rank;
	uint64_t shape[4];
	bool row_major;
	uint64_t stride[4], start, storage_nbytes;
};

static const struct {
	const char *name;
	struct geometry g;
	uint64_t nelements, nbytes, span;
	bool dense;		/* the stride becomes NULL */
} accepts[] = {
	{ "0-dim", { DTYPE_F32, 0, { 0 }, true, { 0 }, 0, 4 },
	  1, 4, 4, true },
	{ "0-dim with strides of none", { DTYPE_F32, 0, { 0 }, false, { 0 },
	  8, 12 }, 1, 4, 4, true },
	{ "row-major", { DTYPE_F32, 2, { 2, 3 }, true, { 0 }, 0, 24 },
	  6, 24, 24, true },
	{ "row-major, said by strides",
	  { DTYPE_F32, 2, { 2, 3 }, false, { 3, 1 }, 0, 24 },
	  6, 24, 24, true },
	{ "a slice", { DTYPE_F32, 1, { 3 }, false, { 1 }, 8, 20 },
	  3, 12, 12, true },
	{ "sizes of 1 with any stride",
	  { DTYPE_F32, 4, { 1, 2, 1, 3 }, false, { 999, 3, UINT64_MAX, 1 },
	    0, 24 }, 6, 24, 24, true },
	{ "transposed", { DTYPE_F32, 2, { 2, 3 }, false, { 1, 2 }, 0, 24 },
	  6, 24, 24, false },
	{ "every other", { DTYPE_I64, 1, { 3 }, false, { 2 }, 8, 48 },
	  3, 24, 40, false },
	{ "expanded", { DTYPE_BF16, 2, { BIG, 3 }, false, { 0, 1 }, 0, 6 },
	  3 * BIG, 6 * BIG, 6, false },
	{ "columns with a hole", { DTYPE_U8, 2, { 2, 3 }, false, { 5, 1 }, 0,
	  8 }, 6, 6, 8, false },
	{ "empty, started anywhere, reaching anywhere",
	  { DTYPE_F32, 2, { 0, 9 }, false, { 99, 99 }, 1000, 0 },
	  0, 0, 0, true },
	{ "empty though a later size is huge",
	  { DTYPE_F32, 2, { 0, UINT64_MAX }, true, { 0 }, 0, 0 },
	  0, 0, 0, true },
	{ "complex", { DTYPE_C64, 1, { 2 }, true, { 0 }, 0, 16 },
	  2, 16, 16, true },
	{ "as much as 63 bits count",
	  { DTYPE_U8, 1, { INT64_MAX }, true, { 0 }, 0, UINT64_MAX },
	  INT64_MAX, INT64_MAX, INT64_MAX, true },
};

static struct tensor tensor_of(const struct geometry *g)
{
	return (struct tensor){
		.key = "w", .key_len = 1, .dtype = g->dtype, .rank = g->rank,
		.shape = g->shape, .stride = g->row_major ? NULL : g->stride,
		.start = g->start,
	};
}

static void test_accepts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(accepts); i++) {
		const struct geometry *g = &accepts[i].g;
		const char *name = accepts[i].name;
		struct tensor t = tensor_of(g);
		struct error err = { 0 };

		CHECK(name, tensor_check(&t, g->storage_nbytes, &err));
		check_text(name, err.reason, "");
		CHECK(name, t.nelements == accepts[i].nelements);
		CHECK(name, t.nbytes == accepts[i].nbytes);
		CHECK(name, tensor_span(&t) == accepts[i].span);
		CHECK(name, !t.stride == accepts[i].dense);
		CHECK(name, t.nelements == 0 || t.start == g->start);
	}
	check_rows();
}

static const struct {
	const char *name;
	struct geometry g;
	const char *reason;
} rejects[] = {
	{ "product above 63 bits",
	  { DTYPE_U8, 2, { UINT64_C(1) << 32, UINT64_C(1) << 31 }, true,
	    { 0 }, 0, UINT64_MAX }, "its 2 sizes overflows 63 bits" },
	{ "product above 64 bits",
	  { DTYPE_U8, 2, { UINT64_C(1) << 32, UINT64_C(1) << 32 }, true,
	    { 0 }, 0, UINT64_MAX }, "its 2 sizes overflows 63 bits" },
	{ "overflow before a size of 0",
	  { DTYPE_U8, 3, { UINT64_MAX, UINT64_MAX, 0 }, true, { 0 }, 0, 0 },
	  "its 3 sizes overflows 63 bits" },
	{ "bytes above 64 bits",
	  { DTYPE_F64, 1, { UINT64_C(1) << 61 }, true, { 0 }, 0, UINT64_MAX },
	  "2305843009213693952 elements of 8 bytes overflow 64 bits" },
	{ "one byte short",
	  { DTYPE_F32, 1, { 2 }, true, { 0 }, 0, 7 },
	  "reaches over 8 bytes from 0 on, in a storage of 7" },
	{ "empty storage",
	  { DTYPE_F32, 0, { 0 }, true, { 0 }, 0, 0 },
	  "reaches over 4 bytes from 0 on, in a storage of 0" },
	{ "started behind the end",
	  { DTYPE_U8, 1, { 1 }, true, { 0 }, 9, 8 },
	  "reaches over 1 bytes from 9 on, in a storage of 8" },
	{ "started where the sum wraps",
	  { DTYPE_U8, 1, { 4 }, true, { 0 }, UINT64_MAX - 1, 8 },
	  "reaches over 4 bytes from 18446744073709551614 on, in a "
	  "storage of 8" },
	{ "reaching out by its stride",
	  { DTYPE_F32, 2, { 2, 2 }, false, { 3, 1 }, 0, 19 },
	  "reaches over 20 bytes from 0 on, in a storage of 19" },
	{ "one stride overflows",
	  { DTYPE_U8, 1, { 3 }, false, { UINT64_MAX / 2 + 1 }, 0, 8 },
	  "its strides overflow 64 bits" },
	{ "the sum of strides overflows",
	  { DTYPE_U8, 2, { 2, 2 }, false,
	    { UINT64_MAX / 2 + 1, UINT64_MAX / 2 + 1 }, 0, 8 },
	  "its strides overflow 64 bits" },
	{ "the last element is the 2^64th",
	  { DTYPE_U8, 1, { 2 }, false, { UINT64_MAX }, 0, 8 },
	  "its strides overflow 64 bits" },
	{ "strides overflow as bytes",
	  { DTYPE_F64, 1, { 2 }, false, { UINT64_C(1) << 61 }, 0, 8 },
	  "its strides overflow 64 bits" },
};

static void test_rejects(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rejects); i++) {
		struct tensor t = tensor_of(&rejects[i].g);
		struct error err = { 0 };

		CHECK(rejects[i].name,
		      !tensor_check(&t, rejects[i].g.storage_nbytes, &err));
		check_fault(rejects[i].name, &err, ERROR_CORRUPT,
			    ERROR_NO_OFFSET, rejects[i].reason);
		check_fault(rejects[i].name, &err, ERROR_CORRUPT,
			    ERROR_NO_OFFSET, "tensor \"w\": ");
	}
	check_rows();
}

/* Every geometry of small sizes and strides, against walking its elements. */
static void test_every_small_geometry(void **state)
{
	uint64_t shape[3], stride[3];

	(void)state;
	for (unsigned n = 0; n < 4096; n++) {
		struct tensor t = { .key = "w", .key_len = 1,
				    .dtype = DTYPE_I16, .rank = 3,
				    .shape = shape, .stride = stride };
		struct error err = { 0 };
		uint64_t last = 0, count;

		for (unsigned i = 0; i < 3; i++) {
			shape[i] = n >> 2 * i & 3;
			stride[i] = n >> (6 + 2 * i) & 3;
			last += shape[i] * stride[i] - stride[i];
		}
		count = shape[0] * shape[1] * shape[2];
		assert_true(tensor_check(&t, 2 * last + 2, &err) || !count);
		assert_int_equal(t.nelements, count);
		assert_int_equal(tensor_span(&t), count ? 2 * last + 2 : 0);
		if (count > 0) {
			t.stride = stride;
			assert_false(tensor_check(&t, 2 * last + 1, &err));
		}
	}
}

static const struct {
	const char *name, *a;
	size_t a_len;
	const char *b;
	size_t b_len;
	int order;
} orders[] = {
	{ "equal", BYTES("ab"), BYTES("ab"), 0 },
	{ "empty and not", BYTES(""), BYTES("a"), -1 },
	{ "a start of it", BYTES("ab"), BYTES("a"), 1 },
	{ "bytes, not letters", BYTES("B"), BYTES("a"), -1 },
	{ "digits as bytes", BYTES("a.10"), BYTES("a.2"), -1 },
	{ "bytes above 0x7f come last", BYTES("\xc3\xa9"), BYTES("z"), 1 },
	{ "above the BMP behind U+FFFF", BYTES("\xf0\x90\x80\x80"),
	  BYTES("\xef\xbf\xbf"), 1 },
	{ "NUL counts", BYTES("a\0"), BYTES("a"), 1 },
	{ "behind NUL counts", BYTES("a\0b"), BYTES("a\0c"), -1 },
};

static void test_compare_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(orders); i++) {
		struct tensor a = { .key = orders[i].a,
				    .key_len = orders[i].a_len };
		struct tensor b = { .key = orders[i].b,
				    .key_len = orders[i].b_len };
		int there = tensor_compare_keys(&a, &b);
		int back = tensor_compare_keys(&b, &a);

		CHECK(orders[i].name,
		      (there > 0) - (there < 0) == orders[i].order);
		CHECK(orders[i].name,
		      (back > 0) - (back < 0) == -orders[i].order);
	}
	check_rows();
}

static void test_check_keys(void **state)
{
	struct tensor tensors[] = {
		{ .key = "b\0", .key_len = 2 }, { .key = "a", .key_len = 1 },
		{ .key = "", .key_len = 0 }, { .key = "b", .key_len = 1 },
		{ .key = "\x1b", .key_len = 1 }, { .key = "b\0", .key_len = 1 },
	};
	struct state_dict sd = { .tensors = tensors };
	struct error err = { 0 };

	(void)state;
	for (sd.count = 0; sd.count < COUNT(tensors); sd.count++)
		assert_true(state_dict_check_keys(&sd, &err));
	assert_false(state_dict_check_keys(&sd, &err));
	check_fault("twice", &err, ERROR_CORRUPT, ERROR_NO_OFFSET,
		    "tensor \"b\": stands twice");
	check_rows();
}

static void test_error_names_the_tensor(void **state)
{
	struct tensor t = { .key = "a\n\0b", .key_len = 4 };
	struct error err = { 0 };

	(void)state;
	assert_false(tensor_error(&t, &err, ERROR_LIMIT, "%d is %s", 3, "it"));
	check_fault("name", &err, ERROR_LIMIT, ERROR_NO_OFFSET,
		    "tensor \"a\\n\\x00b\": 3 is it");
	check_rows();
}

static void test_freeing_twice(void **state)
{
	struct state_dict sd = { 0 };
	struct error err = { 0 };

	(void)state;
	sd.tensors = memory_array(3, sizeof(*sd.tensors), &err);
	sd.count = 3;
	assert_non_null(arena_copy(&sd.arena, "x", 1, &err));
	state_dict_free(&sd);
	assert_int_equal(sd.count, 0);
	state_dict_free(&sd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_rejects),
		cmocka_unit_test(test_every_small_geometry),
		cmocka_unit_test(test_compare_keys),
		cmocka_unit_test(test_check_keys),
		cmocka_unit_test(test_error_names_the_tensor),
		cmocka_unit_test(test_freeing_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
