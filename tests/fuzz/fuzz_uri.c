/*
 * fuzz_uri.c - names of checkpoints, and policies of a command line
 *
 * The input, up to the first NUL, is taken for both.  Demanded are: a URI that
 * is taken apart and printed is the same when it is taken apart again, and is
 * printed the same; a path is printed in plain characters; nothing in what is
 * decoded ends a string; the URI of a policy is part of the argument.
 */
#include <math.h>

#include "remote/policy_argument.h"
#include "remote/uri.h"
#include "tests/fuzz/fuzz.h"

static void check_same(const struct uri *a, const struct uri *b)
{
	REQUIRE(a->scheme == b->scheme);
	REQUIRE(a->latest == b->latest && a->is_id == b->is_id);
	REQUIRE(a->has_version == b->has_version);
	REQUIRE(a->version == b->version);
	REQUIRE(!a->bucket == !b->bucket);
	REQUIRE(!a->bucket || strcmp(a->bucket, b->bucket) == 0);
	REQUIRE(strcmp(a->name, b->name) == 0);
}

static void check_characters(const struct uri *u, const struct buffer *printed)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789-._~/%:";

	REQUIRE(strlen(printed->data) == printed->len);
	if (u->scheme == URI_FILE)
		REQUIRE(strspn(printed->data, plain) == printed->len);
	if (u->scheme == URI_POLICY) {
		REQUIRE(!strchr(u->name, '/'));
		REQUIRE(strcmp(u->name, ".") != 0);
		REQUIRE(strcmp(u->name, "..") != 0);
	}
}

static void check_printed(const struct uri *u)
{
	struct buffer once = { 0 }, twice = { 0 };
	struct error err = { 0 };
	struct uri again;

	REQUIRE(u->name && (u->name[0] || u->scheme == URI_S3));
	REQUIRE((u->scheme == URI_S3) == (u->bucket != NULL));
	REQUIRE(uri_print(&once, u, &err));
	check_characters(u, &once);
	if (once.len <= URI_LIMIT) {
		REQUIRE(uri_parse(&again, once.data, &err));
		check_same(u, &again);
		REQUIRE(uri_print(&twice, &again, &err));
		REQUIRE(strcmp(once.data, twice.data) == 0);
		uri_free(&again);
	}
	buffer_free(&once);
	buffer_free(&twice);
}

static void parse_uri(const char *text)
{
	struct error err = { 0 };
	struct uri u;

	if (uri_parse(&u, text, &err)) {
		if (uri_is_plain_path(text)) {
			REQUIRE(u.bare && !u.latest);
			REQUIRE(strcmp(u.name, text) == 0);
		}
		check_printed(&u);
		uri_free(&u);
		return;
	}
	fuzz_require_fault(&err);
	REQUIRE(err.offset == ERROR_NO_OFFSET || err.offset <= strlen(text));
	REQUIRE(!u.name && !u.bucket);
}

static void check_argument(const struct policy_argument *a, const char *text)
{
	REQUIRE(!a->uri != !a->class_name);
	REQUIRE(isfinite(a->proportion) && a->proportion > 0);
	if (a->uri) {
		REQUIRE(strstr(text, a->uri) && !strchr(a->uri, ','));
		REQUIRE(!a->data && a->count == 0);
		parse_uri(a->uri);
	}
	for (size_t i = 0; i < a->count; i++) {
		REQUIRE(a->keywords[i].key[0] && a->keywords[i].value);
		for (size_t k = 0; k < i; k++)
			REQUIRE(strcmp(a->keywords[i].key,
				       a->keywords[k].key) != 0);
	}
}

static void parse_argument(const char *text)
{
	struct policy_argument a;
	struct error err = { 0 };

	if (policy_argument_parse(&a, text, &err)) {
		check_argument(&a, text);
		policy_argument_free(&a);
		return;
	}
	fuzz_require_fault(&err);
	REQUIRE(err.offset == ERROR_NO_OFFSET || err.offset <= strlen(text));
	REQUIRE(!a.arena.blocks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *nul = len > 0 ? memchr(data, 0, len) : NULL;
	size_t n = nul ? (size_t)(nul - data) : len;
	char *text = fuzz_text(data, n);

	parse_uri(text);
	parse_argument(text);
	free(text);
	return 0;
}
