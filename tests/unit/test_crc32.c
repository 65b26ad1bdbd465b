/* test_crc32.c - CRC-32 against known values, and zlib's */
#include "formats/crc32.h"

#include <zlib.h>

#include "tests/unit/check.h"

static const struct {
	const char *name, *bytes;
	size_t len;
	uint32_t crc;
} known[] = {
	{ "nothing", BYTES(""), 0 },
	{ "the check value", BYTES("123456789"), 0xcbf43926 },
	{ "a letter", BYTES("a"), 0xe8b7be43 },
	{ "four zeros", BYTES("\0\0\0\0"), 0x2144df1c },
	{ "four ones", BYTES("\xff\xff\xff\xff"), 0xffffffff },
};

static void test_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(known); i++)
		CHECK(known[i].name, crc32_update(0, known[i].bytes,
						  known[i].len) ==
		      known[i].crc);
	assert_int_equal(crc32_update(7, NULL, 0), 7);
	check_rows();
}

/* In two pieces of all lengths, at all alignments. */
static void test_pieces(void **state)
{
	uint8_t bytes[600];
	uint32_t x = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		x = x * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(x >> 24);
	}
	for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
		size_t len = sizeof(bytes) - cut;
		uint32_t crc = crc32_update(0, bytes, cut);

		assert_int_equal(crc, crc32_z(0, bytes, cut));
		assert_int_equal(crc32_update(crc, bytes + cut, len),
				 crc32_z(0, bytes, sizeof(bytes)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
