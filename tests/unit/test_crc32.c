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

/* Three parts, summed apart and put together from the last to the first. */
static void test_parts(void **state)
{
	static uint8_t bytes[100000];
	const size_t len = sizeof(bytes), cuts[][2] = {
		{ 0, 0 }, { 0, 1 }, { 1, 1 }, { 1, 2 }, { 4096, 8192 },
		{ 33333, 66666 }, { 99999, 100000 }, { 100000, 100000 },
	};

	(void)state;
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * i >> 7);
	for (size_t i = 0; i < COUNT(cuts); i++) {
		size_t a = cuts[i][0], b = cuts[i][1];
		uint32_t first = crc32_update(0, bytes, a);
		uint32_t middle = crc32_update(0, bytes + a, b - a);
		uint32_t last = crc32_update(0, bytes + b, len - b);
		uint32_t sum = crc32_of_part(last, 0);

		sum ^= crc32_of_part(middle, len - b);
		sum ^= crc32_of_part(first, len - a);
		assert_int_equal(sum, crc32_update(0, bytes, len));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
