/* test_policy_spec.c - which fields a spec must and may have */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "formats/policy_spec.h"

static const struct reject {
	const char *name, *text;
	enum error_kind kind;
	const char *reason;
} rejects[] = {
	{ "empty", "", ERROR_TRUNCATED, "ends where a value" },
	{ "not an object", "[]", ERROR_CORRUPT,
	  "must be an object, and is an array" },
	{ "no class", "{}", ERROR_CORRUPT, "\"class_path\" is missing" },
	{ "class null", "{\"class_path\":null}", ERROR_CORRUPT,
	  "\"class_path\" must be a string, and is null" },
	{ "data_path number", "{\"class_path\":\"C\",\"data_path\":1}",
	  ERROR_CORRUPT, "\"data_path\" must be a string, and is a number" },
	{ "init_kwargs null", "{\"class_path\":\"C\",\"init_kwargs\":null}",
	  ERROR_CORRUPT, "\"init_kwargs\" must be an object, and is null" },
	{ "init_kwargs list", "{\"class_path\":\"C\",\"init_kwargs\":[]}",
	  ERROR_CORRUPT, "\"init_kwargs\" must be an object, and is an array" },
	{ "setup_script list", "{\"class_path\":\"C\",\"setup_script\":[]}",
	  ERROR_CORRUPT, "\"setup_script\" must be a string" },
	{ "key twice", "{\"class_path\":\"C\",\"class_path\":\"C\"}",
	  ERROR_CORRUPT, "\"class_path\" stands twice" },
	{ "NaN", "{\"class_path\":\"C\",\"init_kwargs\":{\"x\":NaN}}",
	  ERROR_CORRUPT, "where a value must stand" },
	{ "mark", "\xef\xbb\xbf{\"class_path\":\"C\"}", ERROR_CORRUPT,
	  "byte order mark" },
	{ "text behind", "{\"class_path\":\"C\"}{}", ERROR_CORRUPT,
	  "more text behind" },
};

static void test_rejects(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rejects) / sizeof(rejects[0]); i++) {
		const struct reject *r = &rejects[i];
		struct policy_spec spec;
		struct error err = { 0 };

		if (policy_spec_parse(&spec, r->text, strlen(r->text), &err) ||
		    err.kind != r->kind || !strstr(err.reason, r->reason))
			fail_msg("%s: %s", r->name, err.reason);
		assert_null(spec.document.root);
	}
}

static void test_limit(void **state)
{
	static char text[POLICY_SPEC_LIMIT + 1];
	struct policy_spec spec;
	struct error err = { 0 };

	(void)state;
	memset(text, ' ', sizeof(text));
	memcpy(text, "{\"class_path\":\"C\"}", 18);
	assert_true(policy_spec_parse(&spec, text, sizeof(text) - 1, &err));
	policy_spec_free(&spec);
	assert_false(policy_spec_parse(&spec, text, sizeof(text), &err));
	assert_int_equal(err.kind, ERROR_LIMIT);
}

static void test_least(void **state)
{
	static const char text[] = " { \"class_path\" : \"lstm\" } \n";
	struct policy_spec spec;
	struct error err = { 0 };

	(void)state;
	assert_true(policy_spec_parse(&spec, text, sizeof(text) - 1, &err));
	assert_string_equal(spec.class_path, "lstm");
	assert_null(spec.data_path);
	assert_null(spec.setup_script);
	assert_null(spec.init_kwargs);
	assert_null(spec.architecture_spec);
	assert_int_equal(spec.unknown_count, 0);
	policy_spec_free(&spec);
	policy_spec_free(&spec);
}

static void test_all_fields(void **state)
{
	static const char text[] =
		"{\"later\":{},\"setup_script\":\"s.py\",\"init_kwargs\":"
		"{\"device\":0,\"architecture_spec\":\"p.C\","
		"\"checkpoint_uri\":\"s3://b/x.mpt\",\"Device\":\"x\"},"
		"\"data_path\":\"w\",\"class_path\":\"p.C\",\"Class_path\":1}";
	struct policy_spec spec;
	struct error err = { 0 };

	(void)state;
	assert_true(policy_spec_parse(&spec, text, sizeof(text) - 1, &err));
	assert_string_equal(spec.class_path, "p.C");
	assert_string_equal(spec.data_path, "w");
	assert_string_equal(spec.setup_script, "s.py");
	assert_string_equal(spec.architecture_spec, "p.C");
	assert_string_equal(spec.checkpoint_uri, "s3://b/x.mpt");
	assert_null(spec.device);
	assert_int_equal(spec.unknown_count, 2);
	assert_string_equal(spec.unknown, "later");
	policy_spec_free(&spec);
}

static void test_print(void **state)
{
	static const char architecture[] = "p.C(a='x', b=\"y\\n\")";
	struct policy_spec spec;
	struct buffer out = { 0 };
	struct error err = { 0 };

	(void)state;
	assert_true(policy_spec_print(&out, architecture,
				      sizeof(architecture) - 1, &err));
	assert_true(policy_spec_parse(&spec, out.data, out.len, &err));
	assert_string_equal(spec.class_path, POLICY_SPEC_CHECKPOINT_CLASS);
	assert_string_equal(spec.data_path, "weights.safetensors");
	assert_string_equal(spec.architecture_spec, architecture);
	assert_string_equal(spec.device, "cpu");
	assert_null(spec.setup_script);
	policy_spec_free(&spec);
	buffer_free(&out);
	assert_false(policy_spec_print(&out, "\xff", 1, &err));
	buffer_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rejects),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_least),
		cmocka_unit_test(test_all_fields),
		cmocka_unit_test(test_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
