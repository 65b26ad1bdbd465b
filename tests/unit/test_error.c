/* test_error.c - one fault: recorded once, located, printed safely */
#include "base/error.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/unit/check.h"

static void test_kind_names(void **state)
{
	static const struct {
		enum error_kind kind;
		const char *name;
	} rows[] = {
		{ ERROR_NONE, "none" },
		{ ERROR_IO, "io" },
		{ ERROR_MEMORY, "memory" },
		{ ERROR_TRUNCATED, "truncated" },
		{ ERROR_CORRUPT, "corrupt" },
		{ ERROR_UNSAFE, "unsafe" },
		{ ERROR_UNSUPPORTED, "unsupported" },
		{ ERROR_LIMIT, "limit" },
		{ ERROR_PYTHON, "python" },
		{ ERROR_USAGE, "usage" },
		{ ERROR_DIFFERENT, "different" },
		{ ERROR_INTERRUPTED, "interrupted" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check_text(rows[i].name, error_kind_name(rows[i].kind),
			   rows[i].name);
	check_rows();
}

static void test_first_fault_wins(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_false(error_set(&err, ERROR_CORRUPT, 7, "%s %d", "first", 1));
	assert_false(error_set(&err, ERROR_LIMIT, 8, "second"));
	errno = EIO;
	assert_false(error_set_errno(&err, "third"));
	assert_false(error_set_memory(&err, 9));
	check_fault("the first stays", &err, ERROR_CORRUPT, 7, "first 1");
	check_rows();
}

static void test_errno_is_in_the_reason(void **state)
{
	struct error err = { 0 };

	(void)state;
	errno = ENOENT;
	assert_false(error_set_errno(&err, "cannot open \"%s\"", "x"));
	check_fault("errno", &err, ERROR_IO, ERROR_NO_OFFSET,
		    "cannot open \"x\": No such file or directory");
	check_rows();
}

static void test_memory_says_the_size(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_false(error_set_memory(&err, 12345));
	check_fault("size", &err, ERROR_MEMORY, ERROR_NO_OFFSET,
		    "out of memory: 12345 bytes were asked for");
	check_rows();
}

static void test_long_reason_is_cut(void **state)
{
	struct error err = { 0 }, err2 = { 0 };

	(void)state;
	error_set(&err, ERROR_CORRUPT, 0, "%0*d", 2000, 0);
	assert_int_equal(strlen(err.reason), sizeof(err.reason) - 1);
	errno = ENOENT;
	error_set_errno(&err2, "%0*d", 2000, 0);
	assert_int_equal(strlen(err2.reason), sizeof(err2.reason) - 1);
}

static void test_inner_names_stay(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_false(error_in(&err, NULL, NULL));
	assert_string_equal(err.path, "");
	assert_false(error_in(&err, NULL, "inner"));
	assert_false(error_in(&err, "file", "outer"));
	assert_false(error_in(&err, "other", NULL));
	assert_string_equal(err.path, "file");
	assert_string_equal(err.member, "inner");
}

static void test_long_name_loses_its_front(void **state)
{
	struct error err = { 0 };
	char name[600];

	(void)state;
	for (size_t i = 0; i < sizeof(name) - 1; i++)
		name[i] = (char)('a' + i % 26);
	name[sizeof(name) - 1] = '\0';
	error_in(&err, name, name + sizeof(name) - sizeof(err.member));
	assert_int_equal(strlen(err.path), sizeof(err.path) - 1);
	assert_memory_equal(err.path, "...", 3);
	assert_string_equal(err.path + 3,
			    name + sizeof(name) - (sizeof(err.path) - 3));
	/* One byte shorter than its array: kept whole. */
	assert_string_equal(err.member,
			    name + sizeof(name) - sizeof(err.member));
}

/* The file that was worked on leads; the one that broke is in the reason. */
static void test_fault_in_another_file(void **state)
{
	static const struct {
		const char *name;
		struct error err;
		const char *line;
	} rows[] = {
		{ "the same file",
		  { ERROR_IO, 3, "in", "m", "why" }, "in: m: offset 3: why" },
		{ "no file", { ERROR_MEMORY, 3, "", "m", "why" },
		  "in: m: offset 3: why" },
		{ "another", { ERROR_IO, ERROR_NO_OFFSET, "out/w", "", "why" },
		  "in: out/w: why" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error err = rows[i].err;
		char line[4 * sizeof(struct error)];

		CHECK(rows[i].name, !error_for(&err, "in"));
		error_format(&err, line, sizeof(line));
		check_text(rows[i].name, line, rows[i].line);
	}
	check_rows();
}

/* Whatever their lengths: the reason stays, the other name loses its front. */
static void test_names_of_all_lengths(void **state)
{
	(void)state;
	for (size_t named = 0; named < 512; named += 73) {
		for (size_t len = 1; len < 512; len++) {
			struct error err = { .kind = ERROR_IO };
			char reason[sizeof(err.reason)];
			size_t whole;

			memset(err.path, 'p', named);
			memset(err.reason, 'r', len);
			memcpy(reason, err.reason, sizeof(reason));
			error_for(&err, "in");
			whole = strlen(err.reason);
			CHECK("fits", whole >= len && whole < sizeof(reason));
			CHECK("stays", strcmp(err.reason + whole - len,
					      reason) == 0);
			CHECK("is told", named == 0 || len > 504 ||
			      whole > len + 2);
		}
	}
	check_rows();
}

static const struct {
	const char *name;
	struct error err;
	const char *line, *reason;
} formats[] = {
	{ "all is known",
	  { ERROR_CORRUPT, 8, "run:v3.zip", "weights", "a gap" },
	  "run:v3.zip: weights: offset 8: a gap",
	  "weights: offset 8: a gap" },
	{ "offset 0 is an offset",
	  { ERROR_CORRUPT, 0, "f", "", "empty" },
	  "f: offset 0: empty", "offset 0: empty" },
	{ "only the reason",
	  { ERROR_IO, ERROR_NO_OFFSET, "", "", "why" }, "why", "why" },
	{ "only path and reason",
	  { ERROR_IO, ERROR_NO_OFFSET, "a/b", "", "why" },
	  "a/b: why", "why" },
	{ "only member and reason",
	  { ERROR_IO, ERROR_NO_OFFSET, "", "m", "why" },
	  "m: why", "m: why" },
	{ "terminal escapes everywhere",
	  { ERROR_IO, 1, "\x1b[2J", "\r\n", "\t\x7f" },
	  "\\x1b[2J: \\r\\n: offset 1: \\t\\x7f",
	  "\\r\\n: offset 1: \\t\\x7f" },
	{ "not UTF-8",
	  { ERROR_IO, ERROR_NO_OFFSET, "\xff", "\xc3", "\xed\xa0\x80" },
	  "\\xff: \\xc3: \\xed\\xa0\\x80", "\\xc3: \\xed\\xa0\\x80" },
	{ "letters of every language stay",
	  { ERROR_IO, ERROR_NO_OFFSET, "\xc3\xa9", "", "\xf0\x9f\x98\x80" },
	  "\xc3\xa9: \xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
};

static void test_format(void **state)
{
	char line[4 * sizeof(struct error)];

	(void)state;
	for (size_t i = 0; i < COUNT(formats); i++) {
		error_format(&formats[i].err, line, sizeof(line));
		check_text(formats[i].name, line, formats[i].line);
		error_format_reason(&formats[i].err, line, sizeof(line));
		check_text(formats[i].name, line, formats[i].reason);
	}
	check_rows();
}

/* Whatever the room, there is a NUL in it and nothing behind it is touched. */
static void test_format_into_any_room(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(formats); i++) {
		for (size_t size = 0; size < 60; size++) {
			char *room = malloc(size ? size : 1);

			assert_non_null(room);
			room[0] = 'x';
			error_format(&formats[i].err, room, size);
			CHECK(formats[i].name, size == 0 ? room[0] == 'x' :
			      memchr(room, '\0', size) != NULL);
			free(room);
		}
	}
	check_rows();
}

/* Names and a reason of bytes that each become four: the line holds them. */
static void test_longest_line_is_whole(void **state)
{
	struct error err = { .kind = ERROR_IO, .offset = UINT64_MAX - 1 };
	char line[4 * sizeof(struct error)];

	(void)state;
	memset(err.path, 1, sizeof(err.path) - 1);
	memset(err.member, 1, sizeof(err.member) - 1);
	memset(err.reason, 1, sizeof(err.reason) - 1);
	error_format(&err, line, sizeof(line));
	assert_int_equal(strlen(line),
			 4 * (sizeof(err.path) - 1 + sizeof(err.member) - 1 +
			      sizeof(err.reason) - 1) +
			 strlen(": : offset 18446744073709551614: "));
}

static void test_print(void **state)
{
	struct error err = { 0 };
	char *text = NULL;
	size_t len;
	FILE *stream = open_memstream(&text, &len);

	(void)state;
	assert_non_null(stream);
	error_set(&err, ERROR_CORRUPT, 3, "two\nlines");
	error_in(&err, "file", NULL);
	error_print(stream, "mpt-x", &err);
	fclose(stream);
	assert_string_equal(text, "mpt-x: file: offset 3: two\\nlines\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kind_names),
		cmocka_unit_test(test_first_fault_wins),
		cmocka_unit_test(test_errno_is_in_the_reason),
		cmocka_unit_test(test_memory_says_the_size),
		cmocka_unit_test(test_long_reason_is_cut),
		cmocka_unit_test(test_inner_names_stay),
		cmocka_unit_test(test_long_name_loses_its_front),
		cmocka_unit_test(test_fault_in_another_file),
		cmocka_unit_test(test_names_of_all_lengths),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_format_into_any_room),
		cmocka_unit_test(test_longest_line_is_whole),
		cmocka_unit_test(test_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
