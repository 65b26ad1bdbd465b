/* test_memory.c - checked sizes, growth, and memory that does not move */
#include "base/memory.h"

#include <stdalign.h>
#include <stdlib.h>

#include "tests/unit/check.h"

/* Sizes that cannot be had are asked for here on purpose, in any build. */
__attribute__((weak, visibility("default")))
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static bool all_zero(const void *data, size_t len)
{
	const char *p = data;

	while (len > 0 && p[len - 1] == 0)
		len--;
	return len == 0;
}

static void test_array(void **state)
{
	static const struct {
		const char *name;
		size_t count, size;
		const char *reason;	/* NULL: memory is given */
	} rows[] = {
		{ "some", 3, 8, NULL },
		{ "no element is no error", 0, 8, NULL },
		{ "elements of no size", 8, 0, NULL },
		{ "product overflows", SIZE_MAX / 2, 3,
		  "18446744073709551615 bytes were asked for" },
		{ "more than there is", SIZE_MAX / 4, 2,
		  "9223372036854775806 bytes were asked for" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error err = { 0 };
		void *p = memory_array(rows[i].count, rows[i].size, &err);

		if (rows[i].reason) {
			CHECK(rows[i].name, !p);
			check_fault(rows[i].name, &err, ERROR_MEMORY,
				    ERROR_NO_OFFSET, rows[i].reason);
		} else if (CHECK(rows[i].name, p && !err.kind)) {
			CHECK(rows[i].name,
			      all_zero(p, rows[i].count * rows[i].size));
		}
		free(p);
	}
	check_rows();
}

static void test_grow_keeps_and_zeroes(void **state)
{
	struct error err = { 0 };
	void *array = NULL;
	size_t capacity = 0;

	(void)state;
	assert_true(memory_grow(&array, &capacity, 0, 4, &err));
	assert_null(array);
	assert_true(memory_grow(&array, &capacity, 1, 4, &err));
	assert_int_equal(capacity, 16);
	assert_true(all_zero(array, 64));
	memset(array, 7, 64);
	assert_true(memory_grow(&array, &capacity, 16, 4, &err));
	assert_int_equal(capacity, 16);
	assert_true(memory_grow(&array, &capacity, 33, 4, &err));
	assert_int_equal(capacity, 64);
	for (size_t i = 0; i < 256; i++)
		assert_int_equal(((char *)array)[i], i < 64 ? 7 : 0);
	free(array);
}

static void test_grow_fails_and_leaves_it(void **state)
{
	static const struct {
		const char *name;
		size_t count, size;
		const char *reason;
	} rows[] = {
		{ "capacity overflows", SIZE_MAX, 1, "18446744073709551615" },
		{ "product overflows", SIZE_MAX / 4, 8,
		  "18446744073709551615" },
		{ "more than there is", (size_t)1 << 60, 2,
		  "2305843009213693952" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error err = { 0 };
		char *old = malloc(4);
		void *array = old;
		size_t capacity = 4;

		CHECK(rows[i].name, !memory_grow(&array, &capacity,
						 rows[i].count, rows[i].size,
						 &err));
		check_fault(rows[i].name, &err, ERROR_MEMORY, ERROR_NO_OFFSET,
			    rows[i].reason);
		CHECK(rows[i].name, array == old && capacity == 4);
		free(old);
	}
	check_rows();
}

static void test_buffer_grows(void **state)
{
	struct error err = { 0 };
	struct buffer b = { 0 };

	(void)state;
	assert_true(buffer_append(&b, NULL, 0, &err));
	assert_null(b.data);
	assert_true(buffer_append(&b, "ab\0", 3, &err));
	assert_true(buffer_print(&b, &err, "%d-%s", 42, "x"));
	assert_true(buffer_terminate(&b, &err));
	assert_int_equal(b.len, 7);
	assert_memory_equal(b.data, "ab\0" "42-x", 8);
	buffer_free(&b);
	assert_null(b.data);
	buffer_free(&b);
}

/* Around the size of the room in which short texts are printed. */
static void test_buffer_prints_any_length(void **state)
{
	static const int lengths[] = { 0, 1, 254, 255, 256, 257, 10000 };

	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		struct error err = { 0 };
		struct buffer b = { 0 };
		size_t len = (size_t)lengths[i];

		assert_true(buffer_print(&b, &err, "%*s", lengths[i], ""));
		assert_true(buffer_append(&b, "|", 1, &err));
		assert_int_equal(b.len, len + 1);
		for (size_t j = 0; j < len; j++)
			assert_int_equal(b.data[j], ' ');
		assert_int_equal(b.data[len], '|');
		buffer_free(&b);
	}
}

static void test_buffer_length_overflows(void **state)
{
	struct error err = { 0 };
	struct buffer b = { .len = SIZE_MAX - 1 };

	(void)state;
	assert_false(buffer_append(&b, "abc", 3, &err));
	check_fault("sum", &err, ERROR_MEMORY, ERROR_NO_OFFSET,
		    "18446744073709551615");
	check_rows();
}

static void test_arena_hands_out(void **state)
{
	/* Below, at and above the size of its blocks. */
	static const size_t sizes[] = { 1, 3, 0, 16, 9000, 16384, 16385,
					100000, 5, 7000, 0 };
	struct error err = { 0 };
	struct arena a = { 0 };
	char *got[COUNT(sizes)];

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		got[i] = arena_array(&a, 1, sizes[i], &err);
		assert_non_null(got[i]);
		assert_int_equal((uintptr_t)got[i] % alignof(max_align_t), 0);
		assert_true(all_zero(got[i], sizes[i]));
		memset(got[i], (int)i + 1, sizes[i]);
	}
	for (size_t i = 0; i < COUNT(sizes); i++)
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(got[i][j], (int)i + 1);
	arena_free(&a);
	assert_null(a.blocks);
	arena_free(&a);
}

static void test_arena_copies(void **state)
{
	struct error err = { 0 };
	struct arena a = { 0 };

	(void)state;
	assert_memory_equal(arena_copy(&a, "a\0b", 3, &err), "a\0b", 4);
	assert_string_equal(arena_copy(&a, NULL, 0, &err), "");
	arena_free(&a);
}

static void test_block(void **state)
{
	struct error err = { 0 };
	char *empty = memory_block(0, &err), *some = memory_block(5, &err);

	(void)state;
	assert_non_null(empty);
	assert_non_null(some);
	memset(some, 7, 5);
	free(empty);
	free(some);
	assert_null(memory_block(SIZE_MAX / 2, &err));
	check_fault("more than there is", &err, ERROR_MEMORY, ERROR_NO_OFFSET,
		    "9223372036854775807 bytes were asked for");
	check_rows();
}

static void test_copy(void **state)
{
	struct error err = { 0 };
	char *three = memory_copy("a\0bc", 3, &err);
	char *none = memory_copy(NULL, 0, &err);

	(void)state;
	assert_memory_equal(three, "a\0b", 4);
	assert_string_equal(none, "");
	free(three);
	free(none);
	assert_null(memory_copy("", SIZE_MAX, &err));
	check_fault("sum", &err, ERROR_MEMORY, ERROR_NO_OFFSET,
		    "18446744073709551615");
	check_rows();
}

static void test_arena_refuses(void **state)
{
	static const struct {
		const char *name;
		size_t count, size;
		const char *reason;
	} rows[] = {
		{ "product overflows", SIZE_MAX / 2, 3, "18446744073709551615" },
		{ "rounding overflows", SIZE_MAX, 1, "18446744073709551615" },
		{ "with the block's head it overflows", SIZE_MAX - 31, 1,
		  "18446744073709551584" },
		{ "more than there is", SIZE_MAX / 2, 1,
		  "bytes were asked for" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error err = { 0 };
		struct arena a = { 0 };

		CHECK(rows[i].name, !arena_array(&a, rows[i].count,
						 rows[i].size, &err));
		check_fault(rows[i].name, &err, ERROR_MEMORY, ERROR_NO_OFFSET,
			    rows[i].reason);
		CHECK(rows[i].name, arena_array(&a, 1, 1, &err) != NULL);
		arena_free(&a);
	}
	check_rows();
}

static void test_arena_refuses_a_copy(void **state)
{
	struct error err = { 0 };
	struct arena a = { 0 };

	(void)state;
	assert_null(arena_copy(&a, "", SIZE_MAX, &err));
	check_fault("sum", &err, ERROR_MEMORY, ERROR_NO_OFFSET,
		    "18446744073709551615");
	check_rows();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_array),
		cmocka_unit_test(test_block),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_grow_keeps_and_zeroes),
		cmocka_unit_test(test_grow_fails_and_leaves_it),
		cmocka_unit_test(test_buffer_grows),
		cmocka_unit_test(test_buffer_prints_any_length),
		cmocka_unit_test(test_buffer_length_overflows),
		cmocka_unit_test(test_arena_hands_out),
		cmocka_unit_test(test_arena_copies),
		cmocka_unit_test(test_arena_refuses),
		cmocka_unit_test(test_arena_refuses_a_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
