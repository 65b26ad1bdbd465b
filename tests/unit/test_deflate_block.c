/* test_deflate_block.c - the blocks that zlib sees, and what begins there */
#include "formats/deflate_block.h"

#include <zlib.h>

#include "formats/inflate.h"
#include "tests/unit/check.h"

enum { MOST = 1 << 20, BLOCKS_MOST = 1 << 14, BEHIND = 600 };

static uint8_t plain[MOST], stream[2 * MOST], got[MOST];
static uint32_t state_of_noise = 1;

static uint32_t noise(uint32_t below)
{
	state_of_noise = state_of_noise * 1664525 + 1013904223;
	return (state_of_noise >> 8) % below;
}

/* Where the blocks with codes of their own begin, but for the last block. */
static struct {
	uint64_t bit[BLOCKS_MOST];
	size_t given[BLOCKS_MOST];	/* bytes before */
	size_t count;
} blocks;

static unsigned bits_at(uint64_t bit)
{
	const uint8_t *p = stream + bit / 8;

	return ((unsigned)p[0] | (unsigned)p[1] << 8) >> bit % 8 & 7;
}

static void list_blocks(size_t len)
{
	z_stream z = { .next_in = stream, .avail_in = (unsigned)len,
		       .next_out = got, .avail_out = sizeof(got) };
	uint64_t bit = 0;

	blocks.count = 0;
	assert_int_equal(inflateInit2(&z, -MAX_WBITS), Z_OK);
	for (int status = Z_OK; status == Z_OK; ) {
		if (bits_at(bit) == 4) {	/* type 2, not the last */
			assert_true(blocks.count < BLOCKS_MOST);
			blocks.bit[blocks.count] = bit;
			blocks.given[blocks.count++] = z.total_out;
		}
		do {
			status = inflate(&z, Z_BLOCK);
		} while (status == Z_OK && !(z.data_type & 128));
		bit = z.total_in * 8 - (unsigned)(z.data_type & 7);
	}
	assert_int_equal(z.total_out, MOST);
	inflateEnd(&z);
}

static const struct row {
	const char *name;
	int level, memory, strategy;
	uint32_t values;	/* of a byte in four; 0: of all */
} rows[] = {
	{ "weights, level 1", 1, 8, Z_DEFAULT_STRATEGY, 2 },
	{ "weights, level 6", 6, 8, Z_DEFAULT_STRATEGY, 3 },
	{ "weights, level 9", 9, 9, Z_DEFAULT_STRATEGY, 5 },
	{ "short blocks", 6, 4, Z_DEFAULT_STRATEGY, 3 },
	{ "literals only, so no distances", 6, 8, Z_HUFFMAN_ONLY, 3 },
	{ "the byte before only, so one distance", 6, 8, Z_RLE, 3 },
	{ "runs of a few values", 6, 1, Z_DEFAULT_STRATEGY, 0 },
	{ "fixed codes", 6, 8, Z_FIXED, 3 },
	{ "stored", 0, 8, Z_DEFAULT_STRATEGY, 3 },
};

static size_t make(const struct row *row)
{
	z_stream z = { .next_in = plain, .avail_in = MOST,
		       .next_out = stream, .avail_out = sizeof(stream) };

	for (size_t i = 0; i < MOST; i++)
		plain[i] = (uint8_t)(row->values == 0 ? noise(7) * noise(2)
				     : i % 4 == 3 ? 0x3c + noise(row->values)
				     : noise(256));
	assert_int_equal(deflateInit2(&z, row->level, Z_DEFLATED, -MAX_WBITS,
				      row->memory, row->strategy), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	memset(stream + z.total_out, 0, BEHIND);
	return z.total_out;
}

/* The one that comes next is found, from the first byte after the last. */
static void check_found(const char *row, size_t len)
{
	size_t begin = 0;

	for (size_t i = 0; i < blocks.count; i++) {
		uint64_t bit = 0;

		if (!CHECK(row, deflate_find_block(stream + begin,
						   len + BEHIND - begin,
						   &bit)) ||
		    !CHECK(row, begin * 8 + bit == blocks.bit[i]))
			return;
		begin = (size_t)(blocks.bit[i] / 8) + 1;
	}
	CHECK(row, !deflate_find_block(stream + begin, len + BEHIND - begin,
				       &(uint64_t){ 0 }));
}

/* Of a stream that was read up to the byte in which a block begins. */
static void check_at_block(const char *row, size_t i)
{
	unsigned bits = 8 - (unsigned)(blocks.bit[i] % 8);
	size_t byte = (size_t)(blocks.bit[i] / 8);

	for (enum inflate_way way = INFLATE_AS_ZLIB; way <= INFLATE_FAST;
	     way++) {
		struct error err = { 0 };
		struct inflate *f = inflate_new(way, &err);
		struct inflate_io io = { stream, got, byte + 1, MOST };
		bool tells = false, ended;

#ifdef HAVE_ISAL
		tells = way == INFLATE_FAST;
#endif
		assert_non_null(f);
		CHECK(row, inflate_run(f, &io, 0, &ended, &err));
		CHECK(row, MOST - io.out_len == blocks.given[i]);
		for (unsigned n = 0; n <= 9; n++)
			CHECK(row, inflate_is_at_block(f, n) ==
				   (tells && n == bits));
		io.in_len = 3;		/* more of its description */
		CHECK(row, inflate_run(f, &io, 0, &ended, &err) &&
		      !inflate_is_at_block(f, bits));
		inflate_free(f);
	}
}

/* From there on, all but what refers to before is right. */
static void check_inside(const char *row, size_t i, size_t len)
{
	uint64_t bit = blocks.bit[i];
	size_t byte = (size_t)(bit / 8), given = blocks.given[i], same = 0;
	struct inflate_io io = { stream + byte + 1, got, len - byte - 1,
				 MOST };
	struct error err = { 0 };
	struct inflate *f = inflate_new(INFLATE_FAST, &err);
	bool ended = false;

	assert_non_null(f);
	if (inflate_begin_inside(f, stream[byte], (unsigned)(bit % 8))) {
		CHECK(row, inflate_run(f, &io, 0, &ended, &err) && ended);
		CHECK(row, MOST - io.out_len == MOST - given);
		for (size_t n = 0; n < MOST - given; n++) {
			same += got[n] == plain[given + n];
			CHECK(row, got[n] == plain[given + n] || got[n] == 0);
		}
		CHECK(row, same > 0 || given == MOST);
	}
	inflate_free(f);
	f = inflate_new(INFLATE_AS_ZLIB, &err);
	assert_non_null(f);
	CHECK(row, !inflate_begin_inside(f, stream[byte],
					 (unsigned)(bit % 8)));
	inflate_free(f);
}

static void test_blocks(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *row = rows[i].name;
		size_t len = make(&rows[i]);

		list_blocks(len);
		CHECK(row, (blocks.count > 5) == (rows[i].level > 0 &&
						 rows[i].strategy != Z_FIXED));
		check_found(row, len);
		for (size_t n = 0; n < blocks.count;
		     n += 1 + blocks.count / 20) {
			check_at_block(row, n);
			check_inside(row, n, len);
		}
	}
	check_rows();
}

/* Inside of a block, of any kind, no number of bits is at one. */
static void test_not_at_block(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error err = { 0 };
		struct inflate *f = inflate_new(INFLATE_FAST, &err);
		struct inflate_io io = { stream, got, 1000, MOST };
		bool ended;

		assert_non_null(f);
		make(&rows[i]);
		CHECK(rows[i].name, inflate_run(f, &io, 0, &ended, &err));
		for (unsigned n = 0; n <= 9; n++)
			CHECK(rows[i].name, !inflate_is_at_block(f, n));
		inflate_free(f);
	}
	check_rows();
}

/* Bits at random hardly ever look like one; no number of bytes is too small. */
static void test_no_blocks(void **state)
{
	uint64_t bit;

	(void)state;
	for (size_t i = 0; i < sizeof(stream); i++)
		stream[i] = (uint8_t)noise(256);
	CHECK("noise", !deflate_find_block(stream, sizeof(stream), &bit));
	make(&rows[3]);
	for (size_t len = 0; len < 600; len++) {
		bool found = deflate_find_block(stream, len, &bit);

		CHECK("few bytes", !found || (len > 560 && bit == 0));
	}
	check_rows();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_not_at_block),
		cmocka_unit_test(test_no_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
