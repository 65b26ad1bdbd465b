/* test_uri.c - which URIs are taken apart how, and how they are spelt again */
#include "remote/uri.h"

#include <stdlib.h>

#include "tests/unit/check.h"

#define KEY_16 "0123456789abcdef"
#define KEY_64 KEY_16 KEY_16 KEY_16 KEY_16
#define KEY_256 KEY_64 KEY_64 KEY_64 KEY_64
#define KEY_1024 KEY_256 KEY_256 KEY_256 KEY_256

static const struct {
	const char *text;
	enum uri_scheme scheme;
	const char *bucket, *name;	/* bucket NULL: none */
	bool bare, latest;
	const char *printed;
} paths[] = {
	{ "runs/nav:v5", URI_FILE, NULL, "runs/nav:v5", true, false,
	  "file://runs/nav%3Av5" },
	{ "/runs/a b", URI_FILE, NULL, "/runs/a b", true, false,
	  "file:///runs/a%20b" },
	{ "a%3Ab", URI_FILE, NULL, "a%3Ab", true, false, "file://a%253Ab" },
	{ "~/nav:v5.zip", URI_FILE, NULL, "~/nav:v5.zip", true, false,
	  "file://~/nav%3Av5.zip" },
	{ "runs:latest", URI_FILE, NULL, "runs", true, true,
	  "file://runs:latest" },
	{ "runs//:latest", URI_FILE, NULL, "runs", true, true,
	  "file://runs:latest" },
	{ "/:latest", URI_FILE, NULL, "/", true, true, "file:///:latest" },
	{ ":latest", URI_FILE, NULL, ".", true, true, "file://.:latest" },
	{ "a:latest:latest", URI_FILE, NULL, "a:latest", true, true,
	  "file://a%3Alatest:latest" },
	{ "a:latest/", URI_FILE, NULL, "a:latest/", true, false,
	  "file://a%3Alatest/" },
	{ "\xff?#\n", URI_FILE, NULL, "\xff?#\n", true, false,
	  "file://%FF%3F%23%0A" },
	{ "3d://x", URI_FILE, NULL, "3d://x", true, false, "file://3d%3A//x" },
	{ "./s3://x", URI_FILE, NULL, "./s3://x", true, false,
	  "file://./s3%3A//x" },
	{ "file:/x", URI_FILE, NULL, "file:/x", true, false,
	  "file://file%3A/x" },
	{ "file:///a/b:v1", URI_FILE, NULL, "/a/b:v1", false, false,
	  "file:///a/b%3Av1" },
	{ "file://a/b%3Av1", URI_FILE, NULL, "a/b:v1", false, false,
	  "file://a/b%3Av1" },
	{ "file:///a%2fb%2Fc", URI_FILE, NULL, "/a/b/c", false, false,
	  "file:///a/b/c" },
	{ "file:///%e2%82%ac%25", URI_FILE, NULL, "/\xe2\x82\xac%", false,
	  false, "file:///%E2%82%AC%25" },
	{ "file:///runs/:latest", URI_FILE, NULL, "/runs", false, true,
	  "file:///runs:latest" },
	{ "file:///runs%2F%2f:latest", URI_FILE, NULL, "/runs", false, true,
	  "file:///runs:latest" },
	{ "file:///runs%3Alatest", URI_FILE, NULL, "/runs:latest", false,
	  false, "file:///runs%3Alatest" },
	{ "s3://bucket/a/b:v1.zip", URI_S3, "bucket", "a/b:v1.zip", false,
	  false, "s3://bucket/a/b:v1.zip" },
	{ "s3://b.u-c_k3t/a%20b + c//d", URI_S3, "b.u-c_k3t", "a%20b + c//d",
	  false, false, "s3://b.u-c_k3t/a%20b + c//d" },
	{ "s3://bucket/runs/", URI_S3, "bucket", "runs/", false, false,
	  "s3://bucket/runs/" },
	{ "s3://bucket/runs/:latest", URI_S3, "bucket", "runs", false, true,
	  "s3://bucket/runs:latest" },
	{ "s3://bucket", URI_S3, "bucket", "", false, false, "s3://bucket/" },
	{ "s3://bucket/", URI_S3, "bucket", "", false, false, "s3://bucket/" },
	{ "s3://bucket/:latest", URI_S3, "bucket", "", false, true,
	  "s3://bucket/:latest" },
	{ "https://buc.s3.amazonaws.com", URI_S3, "buc", "", false, false,
	  "s3://buc/" },
	{ "s3://bucket/" KEY_1024, URI_S3, "bucket", KEY_1024, false, false,
	  "s3://bucket/" KEY_1024 },
	{ "https://buc.s3.amazonaws.com/k", URI_S3, "buc", "k", false, false,
	  "s3://buc/k" },
	{ "http://buc.s3.eu-west-1.amazonaws.com/a/b%3Av1.zip", URI_S3, "buc",
	  "a/b:v1.zip", false, false, "s3://buc/a/b:v1.zip" },
	{ "https://buc.s3.amazonaws.com/a%2F:latest", URI_S3, "buc", "a",
	  false, true, "s3://buc/a:latest" },
	{ "mock://random", URI_MOCK, NULL, "random", false, false,
	  "mock://random" },
	{ "mock://a.b.C_1", URI_MOCK, NULL, "a.b.C_1", false, false,
	  "mock://a.b.C_1" },
};

static void check_path(size_t i)
{
	const char *row = paths[i].text;
	struct buffer printed = { 0 };
	struct error err = { 0 };
	struct uri u;

	if (!CHECK(row, uri_parse(&u, row, &err)))
		return;
	CHECK(row, u.scheme == paths[i].scheme);
	CHECK(row, u.bare == paths[i].bare && u.latest == paths[i].latest);
	CHECK(row, !u.has_version && !u.is_id);
	CHECK(row, !u.bucket == !paths[i].bucket);
	if (u.bucket && paths[i].bucket)
		check_text(row, u.bucket, paths[i].bucket);
	check_text(row, u.name, paths[i].name);
	if (CHECK(row, uri_print(&printed, &u, &err)))
		check_text(row, printed.data, paths[i].printed);
	buffer_free(&printed);
	uri_free(&u);
	uri_free(&u);
}

static void test_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++)
		check_path(i);
	check_rows();
}

#define ID "01234567-89ab-cdef-0123-456789ABCDEF"

static const struct {
	const char *text, *name;
	bool latest, is_id, has_version;
	uint64_t version;
	const char *printed;
} policies[] = {
	{ "metta://policy/nav", "nav", false, false, false, 0,
	  "metta://policy/nav" },
	{ "metta://policy/a.b:c d", "a.b:c d", false, false, false, 0,
	  "metta://policy/a.b:c d" },
	{ "metta://policy/nav:latest", "nav", true, false, false, 0,
	  "metta://policy/nav:latest" },
	{ "metta://policy/nav:v0", "nav", false, false, true, 0,
	  "metta://policy/nav:v0" },
	{ "metta://policy/nav:v007", "nav", false, false, true, 7,
	  "metta://policy/nav:v7" },
	{ "metta://policy/nav:v18446744073709551615", "nav", false, false,
	  true, UINT64_MAX, "metta://policy/nav:v18446744073709551615" },
	{ "metta://policy/a:v1:v2", "a:v1", false, false, true, 2,
	  "metta://policy/a:v1:v2" },
	{ "metta://policy/a:v1:latest", "a:v1", true, false, false, 0,
	  "metta://policy/a:v1:latest" },
	{ "metta://policy/a:latest:v3", "a:latest", false, false, true, 3,
	  "metta://policy/a:latest:v3" },
	{ "metta://policy/:v3", ":v3", false, false, false, 0,
	  "metta://policy/:v3" },
	{ "metta://policy/a:v", "a:v", false, false, false, 0,
	  "metta://policy/a:v" },
	{ "metta://policy/v1", "v1", false, false, false, 0,
	  "metta://policy/v1" },
	{ "metta://policy/...", "...", false, false, false, 0,
	  "metta://policy/..." },
	{ "metta://policy/" ID, ID, false, true, false, 0,
	  "metta://policy/" ID },
	{ "metta://policy/" ID "0", ID "0", false, false, false, 0,
	  "metta://policy/" ID "0" },
};

static void test_policies(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(policies); i++) {
		const char *row = policies[i].text;
		struct buffer printed = { 0 };
		struct error err = { 0 };
		struct uri u;

		if (!CHECK(row, uri_parse(&u, row, &err)))
			continue;
		CHECK(row, u.scheme == URI_POLICY && !u.bare && !u.bucket);
		check_text(row, u.name, policies[i].name);
		CHECK(row, u.latest == policies[i].latest);
		CHECK(row, u.is_id == policies[i].is_id);
		CHECK(row, u.has_version == policies[i].has_version);
		CHECK(row, u.version == policies[i].version);
		if (CHECK(row, uri_print(&printed, &u, &err)))
			check_text(row, printed.data, policies[i].printed);
		buffer_free(&printed);
		uri_free(&u);
	}
	check_rows();
}

static const struct {
	const char *text;
	enum error_kind kind;
	uint64_t offset;
	const char *reason;
} rejects[] = {
	{ "", ERROR_CORRUPT, 0, "an empty name" },
	{ "gs://bucket/key", ERROR_UNSUPPORTED, 0, "unknown scheme \"gs\"" },
	{ "FILE:///x", ERROR_UNSUPPORTED, 0, "unknown scheme \"FILE\"" },
	{ "file://", ERROR_CORRUPT, 7, "no path follows" },
	{ "file://:latest", ERROR_CORRUPT, 7, "no path follows" },
	{ "file:///a%", ERROR_CORRUPT, 9, "two hex digits" },
	{ "file:///a%4", ERROR_CORRUPT, 9, "two hex digits" },
	{ "file:///a%g0", ERROR_CORRUPT, 9, "two hex digits" },
	{ "file:///a%0", ERROR_CORRUPT, 9, "two hex digits" },
	{ "file:///a%4:latest", ERROR_CORRUPT, 9, "two hex digits" },
	{ "file:///a%00b", ERROR_UNSAFE, 9, "no name holds a NUL" },
	{ "file:///a?b", ERROR_CORRUPT, 9, "written %3F" },
	{ "file:///a#b", ERROR_CORRUPT, 9, "written %23" },
	{ "file:///a\nb", ERROR_CORRUPT, 9, "a control character" },
	{ "file:///a\x7f", ERROR_CORRUPT, 9, "a control character" },
	{ "s3://", ERROR_CORRUPT, 5, "a bucket of 0 bytes" },
	{ "s3://ab/key", ERROR_CORRUPT, 5, "a bucket of 2 bytes" },
	{ "s3://" KEY_16 KEY_16 KEY_16 KEY_16 "/key", ERROR_CORRUPT, 5,
	  "names of buckets have 3 to 63" },
	{ "s3://-ab/key", ERROR_CORRUPT, 5, "no name of a bucket" },
	{ "s3://a@b/key", ERROR_CORRUPT, 6, "no name of a bucket" },
	{ "s3://a\xc3\xa4z/key", ERROR_CORRUPT, 6, "no name of a bucket" },
	{ "s3://bucket/" KEY_1024 "x", ERROR_LIMIT, 12, "over the limit" },
	{ "s3://bucket/\xff", ERROR_CORRUPT, 12, "not UTF-8" },
	{ "https://example.com/key", ERROR_UNSUPPORTED, 8, "not the host" },
	{ "https://buc.s3.amazonaws.com.evil/key", ERROR_UNSUPPORTED, 8,
	  "not the host" },
	{ "https://s3.amazonaws.com/bucket/key", ERROR_UNSUPPORTED, 8,
	  "not the host" },
	{ "https://.s3.amazonaws.com/key", ERROR_UNSUPPORTED, 8,
	  "not the host" },
	{ "https://buc.s3..amazonaws.com/key", ERROR_UNSUPPORTED, 8,
	  "not the host" },
	{ "https://buc.s3.a.b.amazonaws.com/key", ERROR_UNSUPPORTED, 8,
	  "not the host" },
	{ "https://buc.s3x.amazonaws.com/key", ERROR_UNSUPPORTED, 8,
	  "not the host" },
	{ "https://buc.amazonaws.com/key", ERROR_UNSUPPORTED, 8,
	  "not the host" },
	{ "https://buc.s3.amazonaws.com:80/key", ERROR_UNSUPPORTED, 8,
	  "not the host" },
	{ "https://a@c.s3.amazonaws.com/key", ERROR_CORRUPT, 9,
	  "no name of a bucket" },
	{ "https://buc.s3.amazonaws.com/k?X-Amz-Signature=1", ERROR_CORRUPT,
	  30, "a query" },
	{ "https://buc.s3.amazonaws.com/%ff", ERROR_CORRUPT, 29,
	  "not UTF-8" },
	{ "https://buc.s3.amazonaws.com/a%3Alatest", ERROR_CORRUPT, 29,
	  "cannot be told" },
	{ "mock://", ERROR_CORRUPT, 7, "no class follows" },
	{ "mock://a/b", ERROR_CORRUPT, 7, "no dotted name" },
	{ "mock://a..b", ERROR_CORRUPT, 7, "no dotted name" },
	{ "mock://a.b?c=1", ERROR_CORRUPT, 10, "a query" },
	{ "metta://", ERROR_CORRUPT, 8, "only metta://policy/NAME" },
	{ "metta://run/x", ERROR_CORRUPT, 8, "only metta://policy/NAME" },
	{ "metta://policy/", ERROR_CORRUPT, 15, "no name follows" },
	{ "metta://policy/:latest", ERROR_CORRUPT, 15, "no name follows" },
	{ "metta://policy/a/b", ERROR_UNSAFE, 15, "it is a path" },
	{ "metta://policy/..", ERROR_UNSAFE, 15, "it is a path" },
	{ "metta://policy/.:v1", ERROR_UNSAFE, 15, "it is a path" },
	{ "metta://policy/a\x1b[2J", ERROR_CORRUPT, 16, "a control" },
	{ "metta://policy/a?b=1", ERROR_CORRUPT, 16, "a query" },
	{ "metta://policy/\xc3", ERROR_CORRUPT, 15, "not UTF-8" },
	{ "metta://policy/a:v18446744073709551616", ERROR_LIMIT, 18,
	  "a version of 20 digits" },
	{ "metta://policy/01234567-89ab-cdef-0123-456789abcdeg",
	  ERROR_CORRUPT, 50, "no hex digit" },
};

static void test_rejects(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rejects); i++) {
		struct error err = { 0 };
		struct uri u;

		CHECK(rejects[i].text, !uri_parse(&u, rejects[i].text, &err));
		check_fault(rejects[i].text, &err, rejects[i].kind,
			    rejects[i].offset, rejects[i].reason);
		CHECK(rejects[i].text, !u.name && !u.bucket && !u.latest);
	}
	check_rows();
}

static void test_length(void **state)
{
	char *text = malloc(URI_LIMIT + 2);
	struct error err = { 0 };
	struct uri u;

	(void)state;
	assert_non_null(text);
	memset(text, 'a', URI_LIMIT + 1);
	text[URI_LIMIT + 1] = '\0';
	assert_false(uri_parse(&u, text, &err));
	assert_int_equal(err.kind, ERROR_LIMIT);
	text[URI_LIMIT] = '\0';
	err = (struct error){ 0 };
	assert_true(uri_parse(&u, text, &err));
	uri_free(&u);
	free(text);
}

static void test_plain_paths(void **state)
{
	static const char *const plain[] = {
		"a", "/a:v1", "./~", "a:latest/", "file:x", "3://", "",
	}, *const others[] = {
		"~", "~/a", "a:latest", "file://a", "x+y-z.1://",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(plain); i++)
		CHECK(plain[i], uri_is_plain_path(plain[i]));
	for (size_t i = 0; i < COUNT(others); i++)
		CHECK(others[i], !uri_is_plain_path(others[i]));
	check_rows();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths), cmocka_unit_test(test_policies),
		cmocka_unit_test(test_rejects), cmocka_unit_test(test_length),
		cmocka_unit_test(test_plain_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
