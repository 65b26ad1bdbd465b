/* test_digest.c - SHA-256 of what others have digested */
#include "base/digest.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"

/* FIPS 180-2 has the first three; the last is a million times "a". */
static const struct {
	const char *text, *hex;
	size_t times;
} rows[] = {
	{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	  1 },
	{ "abc",
	  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	  1 },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
	  1 },
	{ "a",
	  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
	  1000000 },
};

static void test_known_digests(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct digest d = { 0 };
		struct error err = { 0 };
		char hex[DIGEST_HEX_SIZE];

		assert_true(digest_begin(&d, &err));
		for (size_t n = 0; n < rows[i].times; n++)
			assert_true(digest_add(&d, rows[i].text,
					       strlen(rows[i].text), &err));
		assert_true(digest_end(&d, hex, &err));
		assert_string_equal(hex, rows[i].hex);
		digest_discard(&d);
	}
}

static void test_begin_anew(void **state)
{
	struct digest d = { 0 };
	struct error err = { 0 };
	char hex[DIGEST_HEX_SIZE];

	(void)state;
	assert_true(digest_begin(&d, &err) && digest_add(&d, "x", 1, &err));
	assert_true(digest_begin(&d, &err) && digest_add(&d, "abc", 3, &err));
	assert_true(digest_end(&d, hex, &err));
	assert_string_equal(hex, rows[1].hex);
	assert_true(digest_of("abc", 3, hex, &err));
	assert_string_equal(hex, rows[1].hex);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_digests),
		cmocka_unit_test(test_begin_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
