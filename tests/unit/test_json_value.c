/* test_json_value.c - parsed values: equality, order of members, printing */
#include "tests/unit/check.h"

#include <stdlib.h>

#include "formats/json.h"

static const struct {
	const char *name, *a, *b;
	bool equal;
} pairs[] = {
	{ "null", "null", "null", true },
	{ "null and false", "null", "false", false },
	{ "true and false", "true", "false", false },
	{ "two spellings of a number", "100", "1e2", true },
	{ "two numbers", "1", "1.5", false },
	{ "a number and a string", "1", "\"1\"", false },
	{ "two spellings of a string", "\"a\\u00e9\"", "\"a\xc3\xa9\"", true },
	{ "two strings", "\"a\"", "\"A\"", false },
	{ "arrays", "[1,[2]]", "[ 1, [2] ]", true },
	{ "arrays in another order", "[1,2]", "[2,1]", false },
	{ "an array and its beginning", "[1,2]", "[1]", false },
	{ "an array and a longer one", "[]", "[null]", false },
	{ "members in another order", "{\"a\":1,\"b\":{\"c\":2,\"d\":3}}",
	  "{\"b\":{\"d\":3,\"c\":2},\"a\":1}", true },
	{ "keys of another case", "{\"a\":1}", "{\"A\":1}", false },
	{ "a member more", "{\"a\":1}", "{\"a\":1,\"b\":null}", false },
	{ "another value deep inside", "{\"a\":[{\"b\":1}]}",
	  "{\"a\":[{\"b\":2}]}", false },
	{ "an array and an object", "[]", "{}", false },
};

static void test_equal(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++) {
		struct json_document a, b;
		struct error err = { 0 };
		bool equal = !pairs[i].equal, back = equal;

		assert_true(json_parse(&a, pairs[i].a, strlen(pairs[i].a),
				       &err));
		assert_true(json_parse(&b, pairs[i].b, strlen(pairs[i].b),
				       &err));
		CHECK(pairs[i].name,
		      json_equal(a.root, b.root, &equal, &err) &&
		      json_equal(b.root, a.root, &back, &err) &&
		      equal == pairs[i].equal && back == equal);
		json_free(&a);
		json_free(&b);
	}
	check_rows();
}

static void test_members_are_sorted(void **state)
{
	static const char text[] = "{\"b\":1,\"a\":2,\"\":3,\"B\":4}";
	static const char *const sorted[] = { "", "B", "a", "b" };
	const struct json_value **members;
	struct json_document doc;
	struct error err = { 0 };
	size_t count;

	(void)state;
	assert_true(json_parse(&doc, text, strlen(text), &err));
	assert_true(json_sort_members(doc.root, &members, &count, &err));
	assert_int_equal(count, COUNT(sorted));
	for (size_t i = 0; i < count; i++)
		assert_string_equal(json_key(members[i]), sorted[i]);
	free(members);
	json_free(&doc);
}

/* What is printed is one line, and safe on a terminal. */
static void test_printed(void **state)
{
	static const char text[] =
		" {\"a\" : [1, 2.5, 1e300, true, null], \"\\u001b\\\"\": {},\n"
		"  \"s\": \"\\u009b\\n\\u2028\"} ";
	static const char expected[] =
		"{\"value\":{\"a\":[1,2.5,1e+300,true,null],"
		"\"\\u001b\\\"\":{},\"s\":\"\\u009b\\n\\u2028\"},\"next\":0}";
	struct buffer out = { 0 };
	struct error err = { 0 };
	struct json_writer w = { .out = &out, .err = &err };
	struct json_document doc;

	(void)state;
	assert_true(json_parse(&doc, text, strlen(text), &err));
	json_open(&w, NULL, '{');
	json_put_value(&w, "value", doc.root);
	json_put_u64(&w, "next", 0);
	json_close(&w, '}');
	assert_false(w.failed);
	assert_true(buffer_terminate(&out, &err));
	assert_string_equal(out.data, expected);
	buffer_free(&out);
	json_free(&doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_members_are_sorted),
		cmocka_unit_test(test_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
