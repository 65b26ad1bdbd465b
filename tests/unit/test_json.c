/* test_json.c - getters and writer; for the parser see tests/test_json.py */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "formats/json.h"

static const char sample[] =
	"{\"s\":\"x\",\"n\":7,\"b\":true,\"z\":null,\"a\":[1,2],\"o\":{},"
	"\"big\":9007199254740992,\"most\":9007199254740991,\"half\":0.5,"
	"\"minus\":-1,\"huge\":1e400}";

static struct json_document parse_sample(void)
{
	struct json_document doc;
	struct error err = { 0 };

	assert_true(json_parse(&doc, sample, sizeof(sample) - 1, &err));
	return doc;
}

static bool get_string(const struct json_value *o, const char *key,
		       struct error *err)
{
	const char *value;

	return json_get_string(o, key, &value, err);
}

static bool get_u64(const struct json_value *o, const char *key,
		    struct error *err)
{
	uint64_t value;

	return json_get_u64(o, key, &value, err);
}

static bool get_bool(const struct json_value *o, const char *key,
		     struct error *err)
{
	bool value;

	return json_get_bool(o, key, &value, err);
}

static bool get_array(const struct json_value *o, const char *key,
		      struct error *err)
{
	const struct json_value *value;

	return json_get_array(o, key, &value, err);
}

static bool get_object(const struct json_value *o, const char *key,
		       struct error *err)
{
	const struct json_value *value;

	return json_get_object(o, key, &value, err);
}

static const struct getter {
	bool (*get)(const struct json_value *o, const char *key,
		    struct error *err);
	const char *key;
	const char *reason;	/* NULL: no fault */
} getters[] = {
	{ get_string, "s", NULL },
	{ get_string, "S", "\"S\" is missing" },
	{ get_string, "n", "\"n\" must be a string, and is a number" },
	{ get_u64, "n", NULL },
	{ get_u64, "most", NULL },
	{ get_u64, "big", "\"big\" is 9007199254740992, and must be" },
	{ get_u64, "half", "\"half\" is 0.5, and must be" },
	{ get_u64, "minus", "\"minus\" is -1, and must be" },
	{ get_u64, "huge", "\"huge\" is inf, and must be" },
	{ get_u64, "s", "\"s\" must be a number, and is a string" },
	{ get_bool, "b", NULL },
	{ get_bool, "z", "\"z\" must be a boolean, and is null" },
	{ get_array, "a", NULL },
	{ get_array, "o", "\"o\" must be an array, and is an object" },
	{ get_object, "o", NULL },
	{ get_object, "a", "\"a\" must be an object, and is an array" },
	{ get_object, "b", "\"b\" must be an object, and is a boolean" },
};

static void test_getters(void **state)
{
	struct json_document doc = parse_sample();

	(void)state;
	for (size_t i = 0; i < sizeof(getters) / sizeof(getters[0]); i++) {
		const struct getter *g = &getters[i];
		struct error err = { 0 };
		bool ok = g->get(doc.root, g->key, &err);

		if (ok != (g->reason == NULL) ||
		    (g->reason && !strstr(err.reason, g->reason)))
			fail_msg("%s: %s", g->key, err.reason);
	}
	json_free(&doc);
	json_free(&doc);
}

static void test_walk(void **state)
{
	static const char *const keys[] = { "s", "n", "b", "z", "a", "o" };
	struct json_document doc = parse_sample();
	const struct json_value *v = json_first(doc.root);

	(void)state;
	for (size_t i = 0; i < 6; i++, v = json_next(v))
		assert_string_equal(json_key(v), keys[i]);
	v = json_first(json_find(doc.root, "a"));
	assert_null(json_key(v));
	assert_null(json_next(json_next(v)));
	assert_null(json_first(json_find(doc.root, "o")));
	json_free(&doc);
}

static void write_all(struct json_writer *w)
{
	json_open(w, NULL, '{');
	json_put_string(w, "s", "a\"\\\n\x1b\x7f \xc2\x9b \xe2\x80\xa8");
	json_put_text(w, "bad", "x\xff\xe2\x80y\0z", 7);
	json_put_path(w, "path", "run:v1");
	json_put_path(w, "odd", "\xffz");
	json_open(w, "list", '[');
	json_put_u64(w, NULL, UINT64_MAX);
	json_put_bool(w, NULL, true);
	json_put_bool(w, NULL, false);
	json_put_null(w, NULL);
	json_open(w, NULL, '{');
	json_close(w, '}');
	json_close(w, ']');
	json_put_real(w, "third", 1.0 / 3);
	json_put_real(w, "tenth", 0.1);
	json_put_real(w, "whole", 2);
	json_put_real(w, "none", (double)UINT64_MAX * 1e300);
	json_close(w, '}');
}

static const char written[] =
	"{\"s\":\"a\\\"\\\\\\n\\u001b\\u007f \\u009b \\u2028\","
	"\"bad\":\"x\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdy\\u0000z\","
	"\"path\":\"run:v1\","
	"\"odd\":\"\xef\xbf\xbdz\",\"odd_hex\":\"ff7a\","
	"\"list\":[18446744073709551615,true,false,null,{}],"
	"\"third\":0.3333333333333333,\"tenth\":0.1,\"whole\":2,"
	"\"none\":null}";

static void test_writer(void **state)
{
	struct buffer out = { 0 };
	struct error err = { 0 };
	struct json_writer w = { .out = &out, .err = &err };

	(void)state;
	write_all(&w);
	assert_false(w.failed);
	assert_true(buffer_terminate(&out, &err));
	assert_string_equal(out.data, written);
	buffer_free(&out);
}

static void test_string_must_be_utf8(void **state)
{
	struct buffer out = { 0 };
	struct error err = { 0 };

	(void)state;
	assert_false(json_append_string(&out, "ab\xff", 3, &err));
	assert_int_equal(err.kind, ERROR_UNSUPPORTED);
	assert_int_equal(err.offset, 2);
	buffer_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_getters),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_writer),
		cmocka_unit_test(test_string_must_be_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
