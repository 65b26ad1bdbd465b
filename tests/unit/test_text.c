/* test_text.c - what is UTF-8, and what a terminal gets to see */
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/check.h"

static const struct {
	const char *name, *bytes;
	size_t len, span;
} spans[] = {
	{ "nothing", BYTES(""), 0 },
	{ "ASCII with NUL", BYTES("a\0b"), 3 },
	{ "two bytes", BYTES("\xc2\x80\xdf\xbf"), 4 },
	{ "three bytes", BYTES("\xe0\xa0\x80\xef\xbf\xbf"), 6 },
	{ "four bytes", BYTES("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), 8 },
	{ "around the surrogates", BYTES("\xed\x9f\xbf\xee\x80\x80"), 6 },
	{ "first surrogate", BYTES("a\xed\xa0\x80"), 1 },
	{ "last surrogate", BYTES("a\xed\xbf\xbf"), 1 },
	{ "above U+10FFFF", BYTES("ab\xf4\x90\x80\x80"), 2 },
	{ "first byte F5", BYTES("\xf5\x80\x80\x80"), 0 },
	{ "first byte FF", BYTES("\xff"), 0 },
	{ "a following byte alone", BYTES("a\x80"), 1 },
	{ "two bytes where one would do", BYTES("\xc0\x80"), 0 },
	{ "two bytes where one would do, again", BYTES("\xc1\xbf"), 0 },
	{ "three bytes where two would do", BYTES("\xe0\x9f\xbf"), 0 },
	{ "four bytes where three would do", BYTES("\xf0\x8f\xbf\xbf"), 0 },
	{ "cut after one of two", BYTES("a\xc3"), 1 },
	{ "cut after two of three", BYTES("a\xe2\x82"), 1 },
	{ "cut after three of four", BYTES("a\xf0\x9f\x98"), 1 },
	{ "next character too early", BYTES("\xe2\x82\x41"), 0 },
};

static void test_utf8_span(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(spans); i++) {
		size_t len = spans[i].len;
		char *copy = malloc(len ? len : 1);	/* of just this size */

		assert_non_null(copy);
		memcpy(copy, spans[i].bytes, len);
		CHECK(spans[i].name,
		      text_utf8_span(copy, len) == spans[i].span);
		CHECK(spans[i].name,
		      text_is_utf8(copy, len) == (spans[i].span == len));
		free(copy);
	}
	check_rows();
}

/* Is seq one character of just n bytes? */
static bool is_character(const unsigned char *seq, size_t n)
{
	return text_utf8_span((const char *)seq, n) == n &&
	       text_utf8_span((const char *)seq, n - 1) == 0;
}

/* RFC 3629 has 128, 1920, 61440 and 1048576 characters of 1 to 4 bytes. */
static void test_number_of_characters(void **state)
{
	static const unsigned char last[] = { 0x7f, 0x80, 0xbf, 0xc0 };
	size_t count[5] = { 0 };
	unsigned char seq[4];

	(void)state;
	for (unsigned i = 0; i < 1u << 24; i++) {
		seq[0] = (unsigned char)(i >> 16);
		seq[1] = (unsigned char)(i >> 8);
		seq[2] = (unsigned char)i;
		if (seq[1] == 0 && seq[2] == 0)
			count[1] += is_character(seq, 1);
		if (seq[2] == 0)
			count[2] += is_character(seq, 2);
		if (seq[0] >= 0xe0)
			count[3] += is_character(seq, 3);
		if (seq[0] < 0xf0)
			continue;
		for (size_t j = 0; j < COUNT(last); j++) {
			seq[3] = last[j];
			count[4] += is_character(seq, 4);
		}
	}
	assert_int_equal(count[1], 128);
	assert_int_equal(count[2], 1920);
	assert_int_equal(count[3], 61440);
	assert_int_equal(count[4], 1048576 / 64 * 2);
}

static const struct {
	const char *name, *bytes;
	size_t len;
	const char *escaped;
} escapes[] = {
	{ "nothing", BYTES(""), "" },
	{ "plain", BYTES("a 'b' \"c\"/"), "a 'b' \"c\"/" },
	{ "short names", BYTES("\n\t\r\\"), "\\n\\t\\r\\\\" },
	{ "C0 and DEL", BYTES("\0\x01\x1b\x1f\x7f"),
	  "\\x00\\x01\\x1b\\x1f\\x7f" },
	{ "C1", BYTES("\xc2\x80\xc2\x9b\xc2\x9f"), "\\x80\\x9b\\x9f" },
	{ "behind C1", BYTES("\xc2\xa0"), "\xc2\xa0" },
	{ "letters", BYTES("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
	  "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
	{ "not UTF-8", BYTES("\xff" "a\xc3"), "\\xffa\\xc3" },
	{ "surrogate", BYTES("\xed\xa0\x80"), "\\xed\\xa0\\x80" },
	{ "line separators", BYTES("\xe2\x80\xa8\xe2\x80\xa9"),
	  "\\u2028\\u2029" },
	{ "around them", BYTES("\xe2\x80\xa7\xe2\x80\xaf"),
	  "\xe2\x80\xa7\xe2\x80\xaf" },
	{ "turned round", BYTES("\xe2\x80\xaa\xe2\x80\xae\xd8\x9c"),
	  "\\u202a\\u202e\\u061c" },
	{ "isolated", BYTES("\xe2\x81\xa5\xe2\x81\xa6\xe2\x81\xa9"),
	  "\xe2\x81\xa5\\u2066\\u2069" },
};

static void test_escape(void **state)
{
	char out[100];

	(void)state;
	for (size_t i = 0; i < COUNT(escapes); i++) {
		size_t len = escapes[i].len;
		char *copy = malloc(len ? len : 1);	/* of just this size */

		assert_non_null(copy);
		memcpy(copy, escapes[i].bytes, len);
		len = text_escape(out, sizeof(out), copy, len);
		check_text(escapes[i].name, out, escapes[i].escaped);
		CHECK(escapes[i].name, len == strlen(out));
		free(copy);
	}
	check_rows();
}

/* Room for less than all: what fits of whole characters, then "...". */
static void check_cut(const char *row, const char *bytes, size_t len,
		      size_t size)
{
	char whole[100], *room = malloc(size ? size : 1);
	size_t full = text_escape(whole, sizeof(whole), bytes, len), got;

	assert_non_null(room);
	got = text_escape(room, size, bytes, len);
	if (size == 0) {
		CHECK(row, got == 0);
	} else if (CHECK(row, got < size && room[got] == '\0') &&
		   full < size) {
		check_text(row, room, whole);
	} else if (size > 3) {
		CHECK(row, got >= 3 && strcmp(room + got - 3, "...") == 0);
		CHECK(row, memcmp(room, whole, got - 3) == 0);
		CHECK(row, text_is_utf8(room, got));
	}
	free(room);
}

static void test_escape_into_any_room(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(escapes); i++)
		for (size_t size = 0; size < 30; size++)
			check_cut(escapes[i].name, escapes[i].bytes,
				  escapes[i].len, size);
	check_rows();
}

static void test_escape_is_cut_at_a_character(void **state)
{
	static const struct {
		const char *name, *bytes;
		size_t len, size;
		const char *escaped;
	} rows[] = {
		{ "just fits", BYTES("abcdef"), 7, "abcdef" },
		{ "one too long", BYTES("abcdef"), 6, "ab..." },
		{ "no escape is split", BYTES("ab\x1b" "cd"), 8, "ab..." },
		{ "an escape fits", BYTES("ab\x1b" "c"), 8, "ab\\x1bc" },
		{ "no letter is split", BYTES("a\xf0\x9f\x98\x80" "bcd"), 8,
		  "a..." },
		{ "only dots", BYTES("abcd"), 4, "..." },
		{ "not even dots", BYTES("abcd"), 3, "" },
	};
	char out[20];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		text_escape(out, rows[i].size, rows[i].bytes, rows[i].len);
		check_text(rows[i].name, out, rows[i].escaped);
	}
	check_rows();
}

static void test_ends_in(void **state)
{
	static const struct {
		const char *text, *suffix;
		bool ends;
	} rows[] = {
		{ "run:v1.mpt", ".mpt", true },
		{ ".mpt", ".mpt", true },
		{ "x", "", true },
		{ "", "", true },
		{ "mpt", ".mpt", false },
		{ "run.MPT", ".mpt", false },
		{ ".mpt.tmp", ".mpt", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		CHECK(rows[i].text, text_ends_in(rows[i].text, rows[i].suffix)
		      == rows[i].ends);
	check_rows();
}

static const struct {
	const char *name, *bytes;
	size_t len, columns;
} widths[] = {
	{ "nothing", BYTES(""), 0 },
	{ "ASCII", BYTES("run:v1"), 6 },
	{ "U+07FF, two bytes", BYTES("\xdf\xbf"), 1 },
	{ "U+0800, three bytes", BYTES("\xe0\xa0\x80"), 1 },
	{ "U+0FFF", BYTES("\xe0\xbf\xbf"), 1 },
	{ "U+1000", BYTES("\xe1\x80\x80"), 1 },
	{ "U+10FF, the last narrow one", BYTES("\xe1\x83\xbf"), 1 },
	{ "U+1100, the first wide one", BYTES("\xe1\x84\x80"), 2 },
	{ "U+2000", BYTES("\xe2\x80\x80"), 2 },
	{ "U+1F600, four bytes", BYTES("\xf0\x9f\x98\x80"), 2 },
	{ "a mixture", BYTES("a\xc3\xa4\xe6\xbc\xa2" "b"), 5 },
};

static void test_columns(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(widths); i++)
		CHECK(widths[i].name, widths[i].columns ==
		      text_columns(widths[i].bytes, widths[i].len));
	check_rows();
}

/* The end is a whole character, as wide as may be and not wider. */
static void test_tail(void **state)
{
	static const char text[] = "a\xc3\xa4\xe6\xbc\xa2\xf0\x9f\x98\x80" "b";
	static const size_t starts[] = { 11, 10, 10, 6, 6, 3, 1, 0, 0 };

	(void)state;
	for (size_t columns = 0; columns < COUNT(starts); columns++) {
		char row[20];

		snprintf(row, sizeof(row), "%zu columns", columns);
		CHECK(row, text_tail(text, sizeof(text) - 1, columns) ==
		      text + starts[columns]);
	}
	check_rows();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf8_span),
		cmocka_unit_test(test_number_of_characters),
		cmocka_unit_test(test_ends_in),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_tail),
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_escape_into_any_room),
		cmocka_unit_test(test_escape_is_cut_at_a_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
