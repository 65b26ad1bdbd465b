/* test_key_manifest.c - which manifests are read, and how they are written */
#include "formats/key_manifest.h"

#include "formats/json.h"
#include "tests/unit/check.h"

#define HEAD "{\"format\":\"mpt-key-manifest\",\"version\":1,\"keys\":"
#define ONE(fields) HEAD "{\"a\":" fields "}}"

static const char two_keys[] =
	HEAD "{\n"
	"\"A\":{\"dtype\":\"BF16\",\"shape\":[]},\n"
	"\"a.\\u00e9\":{\"dtype\":\"F32\",\"shape\":[2,9007199254740991]}\n"
	"}}\n";

static const struct {
	const char *name, *text;
	enum error_kind kind;
	const char *reason;
} rejects[] = {
	{ "nothing", "", ERROR_TRUNCATED, "ends where a value" },
	{ "no JSON", "keys", ERROR_CORRUPT, "where a value must stand" },
	{ "a list", "[]", ERROR_CORRUPT, "must be an object" },
	{ "another document", "{}", ERROR_CORRUPT, "\"format\" is missing" },
	{ "another format", "{\"format\":\"x\"}", ERROR_UNSUPPORTED,
	  "its format is \"x\", not \"mpt-key-manifest\"" },
	{ "no version", "{\"format\":\"mpt-key-manifest\"}", ERROR_CORRUPT,
	  "\"version\" is missing" },
	{ "a later version",
	  "{\"format\":\"mpt-key-manifest\",\"version\":2,\"keys\":{}}",
	  ERROR_UNSUPPORTED, "version 2, only version 1 is known" },
	{ "no keys", "{\"format\":\"mpt-key-manifest\",\"version\":1}",
	  ERROR_CORRUPT, "\"keys\" is missing" },
	{ "keys in a list", HEAD "[]}", ERROR_CORRUPT,
	  "\"keys\" must be an object" },
	{ "a field more", HEAD "{},\"more\":1}", ERROR_CORRUPT,
	  "unknown field \"more\"" },
	{ "text behind", HEAD "{}}{}", ERROR_CORRUPT, "more text behind" },
	{ "a key twice", HEAD "{\"a\":{},\"\\u0061\":{}}}", ERROR_CORRUPT,
	  "\"a\" stands twice" },
	{ "no tensor", ONE("1"), ERROR_CORRUPT,
	  "tensor \"a\": \"its value\" must be an object" },
	{ "no dtype", ONE("{\"shape\":[]}"), ERROR_CORRUPT,
	  "tensor \"a\": \"dtype\" is missing" },
	{ "no shape", ONE("{\"dtype\":\"F32\"}"), ERROR_CORRUPT,
	  "tensor \"a\": \"shape\" is missing" },
	{ "a field more in a tensor",
	  ONE("{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}"),
	  ERROR_CORRUPT, "tensor \"a\": unknown field \"data_offsets\"" },
	{ "dtype a number", ONE("{\"dtype\":1,\"shape\":[]}"), ERROR_CORRUPT,
	  "\"dtype\" must be a string" },
	{ "dtype of torch", ONE("{\"dtype\":\"float32\",\"shape\":[]}"),
	  ERROR_CORRUPT, "unknown dtype \"float32\"" },
	{ "shape a number", ONE("{\"dtype\":\"F32\",\"shape\":1}"),
	  ERROR_CORRUPT, "\"shape\" must be an array" },
	{ "size a string", ONE("{\"dtype\":\"F32\",\"shape\":[\"1\"]}"),
	  ERROR_CORRUPT, "\"a size\" must be a number" },
	{ "size negative", ONE("{\"dtype\":\"F32\",\"shape\":[-1]}"),
	  ERROR_CORRUPT, "must be a whole number" },
	{ "size 2^53", ONE("{\"dtype\":\"F32\",\"shape\":[9007199254740992]}"),
	  ERROR_CORRUPT, "must be a whole number" },
};

static void test_rejects(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rejects); i++) {
		struct state_dict sd;
		struct error err = { 0 };

		CHECK(rejects[i].name,
		      !key_manifest_parse(&sd, rejects[i].text,
					  strlen(rejects[i].text), &err));
		CHECK(rejects[i].name, err.kind == rejects[i].kind);
		if (!strstr(err.reason, rejects[i].reason))
			check_text(rejects[i].name, err.reason,
				   rejects[i].reason);
		CHECK(rejects[i].name, sd.count == 0 && !sd.tensors);
	}
	check_rows();
}

static void test_parsed(void **state)
{
	struct state_dict sd;
	struct error err = { 0 };

	(void)state;
	assert_true(key_manifest_parse(&sd, BYTES(two_keys), &err));
	assert_int_equal(sd.count, 2);
	assert_string_equal(sd.tensors[0].key, "A");
	assert_int_equal(sd.tensors[0].dtype, DTYPE_BF16);
	assert_int_equal(sd.tensors[0].rank, 0);
	assert_string_equal(sd.tensors[1].key, "a.\xc3\xa9");
	assert_int_equal(sd.tensors[1].key_len, 4);
	assert_int_equal(sd.tensors[1].dtype, DTYPE_F32);
	assert_int_equal(sd.tensors[1].rank, 2);
	assert_true(sd.tensors[1].shape[0] == 2);
	assert_true(sd.tensors[1].shape[1] == JSON_INTEGER_LIMIT - 1);
	state_dict_free(&sd);
	assert_true(key_manifest_parse(&sd, BYTES(HEAD "{}}"), &err));
	assert_int_equal(sd.count, 0);
	state_dict_free(&sd);
}

static const uint64_t large[] = { 2, JSON_INTEGER_LIMIT - 1 };
static const uint64_t too_large[] = { 0, JSON_INTEGER_LIMIT };

static const struct {
	const char *name;
	struct tensor tensors[2];
	size_t count;
	const char *text, *reason;	/* one of them NULL */
} prints[] = {
	{ "nothing", { { 0 } }, 0, HEAD "{\n}}\n", NULL },
	{ "in order", {
	  { .key = "b\"\n", .key_len = 3, .dtype = DTYPE_I64 },
	  { .key = "B", .key_len = 1, .dtype = DTYPE_F32, .rank = 2,
	    .shape = large } }, 2,
	  HEAD "{\n"
	  "\"B\":{\"dtype\":\"F32\",\"shape\":[2,9007199254740991]},\n"
	  "\"b\\\"\\n\":{\"dtype\":\"I64\",\"shape\":[]}\n"
	  "}}\n", NULL },
	{ "NUL in a key", { { .key = "a\0b", .key_len = 3 } }, 1, NULL,
	  "cannot hold a NUL" },
	{ "a size of 2^53", {
	  { .key = "a", .key_len = 1, .rank = 2, .shape = too_large } }, 1,
	  NULL, "cannot hold 2^53" },
	{ "complex128", {
	  { .key = "a", .key_len = 1, .dtype = DTYPE_COMPLEX128 } }, 1, NULL,
	  "no name for its dtype" },
};

static void test_printed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(prints); i++) {
		struct tensor tensors[2];
		struct state_dict sd = { .tensors = tensors,
					 .count = prints[i].count };
		struct buffer out = { 0 };
		struct error err = { 0 };
		bool ok;

		memcpy(tensors, prints[i].tensors, sizeof(tensors));
		ok = key_manifest_print(&out, &sd, &err);
		CHECK(prints[i].name, ok == (prints[i].text != NULL));
		if (ok && buffer_terminate(&out, &err))
			check_text(prints[i].name, out.data, prints[i].text);
		else
			CHECK(prints[i].name,
			      strstr(err.reason, prints[i].reason));
		buffer_free(&out);
	}
	check_rows();
}

static void test_limit(void **state)
{
	static char text[KEY_MANIFEST_LIMIT + 1];
	struct error err = { 0 };
	struct state_dict sd;

	(void)state;
	memset(text, ' ', sizeof(text));
	assert_false(key_manifest_parse(&sd, text, sizeof(text), &err));
	assert_int_equal(err.kind, ERROR_LIMIT);
}

/* Hundreds of thousands of keys are no matter: nothing is looked up in them. */
static void test_many_keys(void **state)
{
	enum { MANY = 100000 };
	struct buffer text = { 0 }, again = { 0 };
	struct error err = { 0 };
	struct state_dict sd;

	(void)state;
	assert_true(buffer_print(&text, &err, "%s", HEAD "{\n"));
	for (int i = 0; i < MANY; i++)
		assert_true(buffer_print(&text, &err, "\"%06d\":{\"dtype\":"
					 "\"F32\",\"shape\":[%d]}%s\n", i, i,
					 i + 1 < MANY ? "," : ""));
	assert_true(buffer_print(&text, &err, "}}\n"));
	assert_true(key_manifest_parse(&sd, text.data, text.len, &err));
	assert_int_equal(sd.count, MANY);
	assert_true(key_manifest_print(&again, &sd, &err));
	assert_int_equal(again.len, text.len);
	assert_memory_equal(again.data, text.data, text.len);
	state_dict_free(&sd);
	buffer_free(&text);
	buffer_free(&again);
}

static void test_start(void **state)
{
	(void)state;
	assert_true(key_manifest_is_start(BYTES(" \n{")));
	assert_false(key_manifest_is_start(BYTES("[")));
	assert_false(key_manifest_is_start(BYTES("\x10\0\0\0\0\0\0\0{")));
	assert_false(key_manifest_is_start(BYTES("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rejects), cmocka_unit_test(test_parsed),
		cmocka_unit_test(test_printed), cmocka_unit_test(test_limit),
		cmocka_unit_test(test_many_keys), cmocka_unit_test(test_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
