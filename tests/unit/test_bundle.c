/* test_bundle.c - names, paths, and the checks of both members */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "formats/bundle.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define NO_EPOCH UINT64_MAX	/* in the table only */

static const struct name {
	const char *text;
	bool folder;
	const char *run;
	uint64_t epoch;
} names[] = {
	{ "run:v5.mpt", false, "run", 5 },
	{ "run:v5.zip", false, "run", 5 },
	{ "run:v5", true, "run", 5 },
	{ "run:v5", false, "run", 5 },
	{ "my.run:v5.mpt", false, "my.run", 5 },
	{ "my.run:v5", true, "my.run", 5 },
	{ "my.run:v5", false, "my", NO_EPOCH },
	{ "run:v007.pt", false, "run", 7 },
	{ "run:v0.pt", false, "run", 0 },
	{ "a:v1:v2.pt", false, "a:v1", 2 },
	{ "a:v1:vx.pt", false, "a:v1:vx", NO_EPOCH },
	{ ":v5.pt", false, ":v5", NO_EPOCH },
	{ "run:v.pt", false, "run:v", NO_EPOCH },
	{ "run:v5-submission.zip", false, "run:v5-submission", NO_EPOCH },
	{ "run:v\xc2\xb2.pt", false, "run:v\xc2\xb2", NO_EPOCH },
	{ "run:v+5.pt", false, "run:v+5", NO_EPOCH },
	{ "model_0001.pt", false, "model_0001", NO_EPOCH },
	{ ".mpt", false, ".mpt", NO_EPOCH },
	{ "x.", false, "x.", NO_EPOCH },
	{ "", true, "", NO_EPOCH },
	{ "run:v18446744073709551614", true, "run", UINT64_MAX - 1 },
};

static void test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		const struct name *n = &names[i];
		struct bundle_name name;
		struct error err = { 0 };

		assert_true(bundle_parse_name(&name, n->text, n->folder,
					      &err));
		if (name.run_len != strlen(n->run) ||
		    memcmp(name.run, n->run, name.run_len) != 0 ||
		    name.has_epoch != (n->epoch != NO_EPOCH) ||
		    (name.has_epoch && name.epoch != n->epoch))
			fail_msg("%s: %.*s", n->text, (int)name.run_len,
				 name.run);
	}
}

static void test_epoch_too_big(void **state)
{
	struct bundle_name name;
	struct error err = { 0 };

	(void)state;
	assert_false(bundle_parse_name(&name, "r:v18446744073709551616.pt",
				       false, &err));
	assert_non_null(strstr(err.reason, "epoch of 20 digits"));
}

static void test_run_faults(void **state)
{
	static const char *const good[] = {
		"run", "relh.machina_bc.hc.1221", "a_b", "-", "\xc3\xa9"
	};
	static const char *const bad[] = {
		"", "\t", "a b", "a/b", "a*b", "a\\b", "a:b", "a<b", "a>b",
		"a|b", "a?b", "a\"b", "a__b", "__"
	};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		if (bundle_run_fault(good[i], strlen(good[i])))
			fail_msg("%s", good[i]);
	for (size_t i = 0; i < COUNT(bad); i++)
		if (!bundle_run_fault(bad[i], strlen(bad[i])))
			fail_msg("%s", bad[i]);
}

static void test_hidden(void **state)
{
	(void)state;
	assert_true(bundle_folder_hidden("my.run:v5"));
	assert_false(bundle_folder_hidden("run:v5"));
	assert_false(bundle_folder_hidden("my.run"));
}

static void test_leftovers(void **state)
{
	static const char *const left[] = {
		".weights.safetensors.abc_1234.tmp", "model_0001.pt.tmp",
		".policy_spec.json.zzzzzzzz.tmp", ".run:v5.0a1b2c3d.zip"
	};
	static const char *const wanted[] = {
		"weights.safetensors", ".tmp", "run:v5.zip", ".run:v5.zip",
		".run:v5.0A1b2c3d.zip", "run:v5.0a1b2c3d.zip", ""
	};

	(void)state;
	for (size_t i = 0; i < COUNT(left); i++)
		if (!bundle_is_leftover(left[i]))
			fail_msg("%s", left[i]);
	for (size_t i = 0; i < COUNT(wanted); i++)
		if (bundle_is_leftover(wanted[i]))
			fail_msg("%s", wanted[i]);
}

static void test_known_extras(void **state)
{
	static const char *const known[] = {
		"trainer_state.pt", "modelarchitecture.txt",
		".extraction.lock", ".extraction_complete",
		".setup-0123456789abcdef.lock", ".setup-0123456789abcdef.done"
	};
	static const char *const others[] = {
		"", "trainer_state.pt2", ".setup-0123456789abcde.lock",
		".setup-0123456789abcdef0.lock", ".setup-0123456789ABCDEF.done",
		".setup-0123456789abcdef.txt", ".setup-", "README"
	};

	(void)state;
	for (size_t i = 0; i < COUNT(known); i++)
		if (!bundle_is_known_extra(known[i]))
			fail_msg("%s", known[i]);
	for (size_t i = 0; i < COUNT(others); i++)
		if (bundle_is_known_extra(others[i]))
			fail_msg("%s", others[i]);
}

static void test_class_names(void **state)
{
	static const struct {
		const char *class_path;
		bool accepted;
	} classes[] = {
		{ "a.B", true }, { "a.b.C1", true }, { "_a._B", true },
		{ "short", true }, { "short-name", true },
		{ "a.\u00e9", true }, { "a..B", false }, { "a.", false },
		{ ".a", false }, { "a.1B", false }, { "a.B()", false },
		{ "a .B", false }, { "a.B\n", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(classes); i++) {
		struct policy_spec spec = {
			.class_path = classes[i].class_path
		};
		struct error err = { 0 };

		if (bundle_check_class(&spec, &err) != classes[i].accepted)
			fail_msg("%s", classes[i].class_path);
	}
}

static const struct path {
	const char *path;
	const char *clean;	/* NULL: refused */
	const char *reason;
} paths[] = {
	{ "weights.safetensors", "weights.safetensors", NULL },
	{ "./a//b/./c", "a/b/c", NULL },
	{ "a/", "a", NULL },
	{ "...", "...", NULL },
	{ "a/~", "a/~", NULL },
	{ "", NULL, "is empty" },
	{ ".", NULL, "names the bundle itself" },
	{ "./", NULL, "names the bundle itself" },
	{ "/a", NULL, "is an absolute path" },
	{ "~/a", NULL, "starts with '~'" },
	{ "./~/a", NULL, "starts with '~'" },
	{ ".//.//~", NULL, "starts with '~'" },
	{ "..", NULL, "holds \"..\"" },
	{ "a/../b", NULL, "holds \"..\"" },
	{ "a/..", NULL, "holds \"..\"" },
};

static void test_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++) {
		const struct path *p = &paths[i];
		struct error err = { 0 };
		char *clean;

		bundle_clean_path(&clean, p->path, "data_path", &err);
		if (p->clean && (!clean || strcmp(clean, p->clean) != 0))
			fail_msg("%s: %s", p->path, err.reason);
		if (p->reason &&
		    (clean || !strstr(err.reason, p->reason)))
			fail_msg("%s: %s", p->path, err.reason);
		free(clean);
	}
}

#define CHECKPOINT "{\"class_path\":\"" POLICY_SPEC_CHECKPOINT_CLASS "\","

static const struct spec {
	const char *text;
	const char *reason;	/* NULL: accepted */
} specs[] = {
	{ CHECKPOINT "\"data_path\":\"w\",\"init_kwargs\":"
	  "{\"architecture_spec\":\"p.C(a=1)\",\"device\":\"cpu\"},"
	  "\"setup_script\":null}", NULL },
	{ CHECKPOINT "\"data_path\":\"w\",\"init_kwargs\":"
	  "{\"architecture_spec\":\"p.C\"},\"setup_script\":\"\"}", NULL },
	{ CHECKPOINT "\"data_path\":\"w\",\"init_kwargs\":"
	  "{\"architecture_spec\":\"p.C\"},\"setup_script\":\"s/x.py\"}",
	  NULL },
	{ "{\"class_path\":\"lstm\"}", NULL },
	{ "{\"class_path\":\"lstm\",\"data_path\":\"../w\"}",
	  "data_path \"../w\" holds \"..\"" },
	{ "{\"class_path\":\"lstm\",\"setup_script\":\"/x.py\"}",
	  "setup_script \"/x.py\" is an absolute path" },
	{ "{\"class_path\":\"lstm\",\"setup_script\":\"x.sh\"}",
	  "does not end in .py" },
	{ "{\"class_path\":\"lstm\",\"init_kwargs\":"
	  "{\"architecture_spec\":\"p.C(1)\"}}",
	  "architecture: column 5" },
	{ CHECKPOINT "\"data_path\":\"w\"}", "\"init_kwargs\" is missing" },
	{ CHECKPOINT "\"data_path\":\"w\",\"init_kwargs\":{}}",
	  "\"architecture_spec\" is missing" },
	{ CHECKPOINT "\"data_path\":\"w\",\"init_kwargs\":"
	  "{\"architecture_spec\":7}}",
	  "\"architecture_spec\" must be a string, and is a number" },
	{ CHECKPOINT "\"data_path\":null,\"init_kwargs\":"
	  "{\"architecture_spec\":\"p.C\"}}", "data_path is null" },
	{ "{\"class_path\":\"" POLICY_SPEC_POINTER_CLASS "\",\"data_path\":"
	  "null,\"init_kwargs\":{\"checkpoint_uri\":\"s3://b/r:v5.mpt\"}}",
	  "a pointer to the legacy checkpoint \"s3://b/r:v5.mpt\"" },
};

static void test_specs(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(specs); i++) {
		const struct spec *s = &specs[i];
		struct policy_spec spec;
		struct error err = { 0 };
		bool ok = bundle_check_spec(&spec, s->text, strlen(s->text),
					    &err);

		if (ok != (s->reason == NULL) ||
		    (s->reason && !strstr(err.reason, s->reason)))
			fail_msg("%s: %s", s->text, err.reason);
		policy_spec_free(&spec);
	}
}

#define HEADER "{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}"

static const char weights[] = "\x35\0\0\0\0\0\0\0" HEADER "xyz";

static bool check(const char *bytes, size_t len, struct error *err)
{
	const struct reader_bytes source = { bytes, len };
	const struct reader reader = reader_memory(&source);
	struct safetensors_header header;
	bool ok = bundle_check_weights_at(&header, &reader, err);

	if (ok)
		assert_int_equal(header.tensors.count, 1);
	safetensors_header_free(&header);
	return ok;
}

static void test_weights(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_int_equal(sizeof(HEADER) - 1, 0x35);
	if (!check(weights, sizeof(weights) - 1, &err))
		fail_msg("%s", err.reason);
	for (size_t n = 0; n < sizeof(weights) - 1; n++) {
		struct error cut = { 0 };

		assert_false(check(weights, n, &cut));
		assert_true(cut.kind != ERROR_NONE);
	}
	assert_false(check(weights, sizeof(weights), &err));
	assert_non_null(strstr(err.reason, "cover 3 bytes, 4 follow"));
}

static bool broken_read(void *source, void *buf, size_t len,
			struct error *err)
{
	size_t *left = source;

	if (len > *left)
		return error_set(err, ERROR_IO, ERROR_NO_OFFSET, "broken");
	*left -= len;
	memcpy(buf, len == SAFETENSORS_LENGTH_SIZE ? weights : HEADER, len);
	return true;
}

/* The header is sound, a byte of the data cannot be read. */
static void test_unreadable(void **state)
{
	size_t left = sizeof(weights) - 2;
	const struct bundle_stream stream = { broken_read, &left,
					      sizeof(weights) - 1,
					      sizeof(weights) - 1 };
	struct safetensors_header header;
	struct error err = { 0 };

	(void)state;
	assert_false(bundle_check_weights(&header, &stream, &err));
	assert_string_equal(err.reason, "broken");
	assert_int_equal(header.tensors.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_epoch_too_big),
		cmocka_unit_test(test_run_faults),
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_leftovers),
		cmocka_unit_test(test_known_extras),
		cmocka_unit_test(test_class_names),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_specs),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_unreadable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
