/* test_architecture.c - spans; the language is in tests/test_architecture.py */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "formats/architecture.h"

static const struct strip {
	const char *text, *stripped;
} strips[] = {
	{ "", "" },
	{ " \t\r\n\v\f", "" },
	{ "a", "a" },
	{ "\x1c\x1f a b \x1e", "a b" },
	{ "\xc2\x85\xc2\xa0" "a\xe1\x9a\x80", "a" },
	{ "\xe2\x80\x80\xe2\x80\x8a" "a\xe2\x80\xa8\xe2\x80\xa9", "a" },
	{ "\xe2\x80\xaf\xe2\x81\x9f\xe3\x80\x80" "a", "a" },
	{ "\xe2\x80\x8b" "a", "\xe2\x80\x8b" "a" },	/* U+200B is none */
	{ "\xef\xbb\xbf" "a", "\xef\xbb\xbf" "a" },	/* U+FEFF neither */
	{ " \xf0\x9f\x98\x80 ", "\xf0\x9f\x98\x80" },
};

static void test_strip(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(strips) / sizeof(strips[0]); i++) {
		const char *text = strips[i].text;
		size_t len = strlen(text);

		architecture_strip(&text, &len);
		if (len != strlen(strips[i].stripped) ||
		    memcmp(text, strips[i].stripped, len) != 0)
			fail_msg("row %zu: %.*s", i, (int)len, text);
	}
}

static void assert_span(const char *span, size_t len, const char *expected)
{
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(span, expected, len);
}

static void test_spans(void **state)
{
	static const char text[] =
		"\n p.q.C ( core_resnet_layers = 12 , # ) \n"
		" core_resnet_pattern='A' 'B'  # 'C'\n , components=[ ] ) ";
	const struct architecture_keyword *k;
	struct architecture a;
	struct error err = { 0 };

	(void)state;
	assert_true(architecture_parse(&a, text, sizeof(text) - 1, &err));
	assert_span(a.class_name, a.class_name_len, "p.q.C");
	assert_ptr_equal(a.text, text + 2);
	assert_int_equal(a.len, sizeof(text) - 1 - 3);
	assert_int_equal(a.count, 3);
	k = architecture_find(&a, "core_resnet_layers");
	assert_non_null(k);
	assert_span(k->value, k->value_len, "12");
	k = architecture_find(&a, "core_resnet_pattern");
	assert_non_null(k);
	assert_span(k->value, k->value_len, "'A' 'B'");
	k = architecture_find(&a, "components");
	assert_non_null(k);
	assert_span(k->value, k->value_len, "[ ]");
	assert_null(architecture_find(&a, "component"));
	architecture_free(&a);
	architecture_free(&a);
}

static void test_no_arguments(void **state)
{
	struct architecture a;
	struct error err = { 0 };

	(void)state;
	assert_true(architecture_parse(&a, "p.C", 3, &err));
	assert_span(a.class_name, a.class_name_len, "p.C");
	assert_int_equal(a.count, 0);
	architecture_free(&a);
}

/* As many keywords as fit: sorted, not compared with each other. */
static void test_limit(void **state)
{
	char *text = malloc(ARCHITECTURE_LIMIT + 16);
	struct architecture a;
	struct error err = { 0 };
	size_t len = 4;

	(void)state;
	memcpy(text, "p.C(", 4);
	for (unsigned i = 0; len < ARCHITECTURE_LIMIT - 16; i++) {
		char keyword[16];
		int n = snprintf(keyword, sizeof(keyword), "a%u=1,", i);

		memcpy(text + len, keyword, (size_t)n);
		len += (size_t)n;
	}
	text[len++] = ')';
	memset(text + len, ' ', ARCHITECTURE_LIMIT + 16 - len);
	assert_true(architecture_parse(&a, text, ARCHITECTURE_LIMIT, &err));
	assert_true(a.count > 100000);
	architecture_free(&a);
	assert_false(architecture_parse(&a, text, ARCHITECTURE_LIMIT + 1,
					&err));
	assert_int_equal(err.kind, ERROR_LIMIT);
	assert_null(a.keywords);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strip),
		cmocka_unit_test(test_spans),
		cmocka_unit_test(test_no_arguments),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
