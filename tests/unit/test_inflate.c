/* test_inflate.c - both ways against each other, and where they differ */
#include "formats/inflate.h"

#include <stdlib.h>
#include <zlib.h>

#include "tests/unit/check.h"

enum { MOST = 200000, STREAMS = 3000, SMALL = 4000, BEHIND = 20 };

static uint8_t plain[MOST], stream[2 * MOST], got[2][MOST + 1];
static uint32_t state_of_noise;

static uint32_t noise(uint32_t below)
{
	state_of_noise = state_of_noise * 1664525 + 1013904223;
	return (state_of_noise >> 8) % below;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* What one way makes of a stream. */
struct outcome {
	bool good;
	size_t len, used;
	struct error err;
};

/* In so many bytes at a time; each input is alone in memory of its size. */
static struct outcome run(enum inflate_way way, uint8_t *to, size_t len,
			  size_t in, size_t out)
{
	struct outcome o = { 0 };
	struct inflate *f = inflate_new(way, &o.err);
	struct inflate_io io = { .out = to };
	uint8_t *piece = NULL;
	bool ended = false;
	size_t at = 0;

	assert_non_null(f);
	do {
		if (io.in_len == 0) {
			io.in_len = smaller(in, len - at);
			free(piece);
			piece = malloc(io.in_len ? io.in_len : 1);
			assert_non_null(piece);
			memcpy(piece, stream + at, io.in_len);
			at += io.in_len;
			io.in = piece;
		}
		if (io.out_len == 0)
			io.out_len = smaller(out, MOST + 1 -
					     (size_t)(io.out - to));
		o.good = inflate_run(f, &io, 7, &ended, &o.err);
	} while (o.good && !ended && io.out < to + MOST + 1 &&
		 (at < len || io.in_len > 0 || io.out_len == 0));
	o.good = o.good && ended;
	o.len = (size_t)(io.out - to);
	o.used = at - io.in_len - (ended ? inflate_excess(f) : 0);
	free(piece);
	inflate_free(f);
	return o;
}

/* A stream of zlib's with bytes behind it; returns its length without them. */
static size_t make(size_t len, int level, int strategy)
{
	z_stream z = { .next_in = plain, .avail_in = (unsigned)len,
		       .next_out = stream, .avail_out = sizeof(stream) };

	for (size_t i = 0; i < len; i++)
		plain[i] = (uint8_t)(i % 4 == 3 ? 0x3c + noise(4) :
				     i % 64 < 40 ? noise(256) : i / 999);
	assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, -MAX_WBITS, 8,
				      strategy), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	len = z.total_out;
	deflateEnd(&z);
	memset(stream + len, 0x55, BEHIND);
	return len;
}

static const struct {
	const char *name;
	size_t len;
	int level, strategy;
	size_t in, out;		/* bytes at a time */
} streams[] = {
	{ "nothing", 0, 6, 0, 1, 1 },
	{ "a byte", 1, 6, 0, 1, 1 },
	{ "all at once", MOST, 6, 0, sizeof(stream), MOST + 1 },
	{ "in pieces", MOST, 1, 0, 4096, 1000 },
	{ "a byte of input at a time", 5000, 9, 0, 1, MOST + 1 },
	{ "a byte of room at a time", 70000, 6, 0, 100000, 1 },
	{ "stored blocks", MOST, 0, 0, 1000, 777 },
	{ "fixed codes", MOST, 6, Z_FIXED, 1000, 65536 },
	{ "literals only", MOST, 6, Z_HUFFMAN_ONLY, 65536, 65536 },
};

static void test_streams(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(streams); i++) {
		const char *row = streams[i].name;
		size_t len = make(streams[i].len, streams[i].level,
				  streams[i].strategy);

		for (enum inflate_way way = INFLATE_AS_ZLIB;
		     way <= INFLATE_FAST; way++) {
			struct outcome o = run(way, got[0], len + BEHIND,
					       streams[i].in, streams[i].out);

			check_text(row, o.err.reason, "");
			CHECK(row, o.good && o.used == len);
			CHECK(row, o.len == streams[i].len);
			CHECK(row, memcmp(got[0], plain, o.len) == 0);
			o = run(way, got[0], len - 1, streams[i].in,
				streams[i].out);
			CHECK(row, !o.good && o.err.kind == ERROR_NONE);
		}
	}
	check_rows();
}

/* Bytes changed, most of them among the tables of codes. */
static void damage(size_t len)
{
	for (uint32_t n = noise(4); n > 0; n--) {
		size_t most = noise(2) ? len : smaller(len, 80);

		stream[noise((uint32_t)most)] ^= (uint8_t)(1u << noise(8));
	}
}

/* Whatever zlib takes comes out the same, and ends at the same byte. */
static void test_damaged_streams(void **state)
{
	static const size_t pieces[] = { 1, 7, 64, 1000, MOST + 1 };
	unsigned good = 0, refused = 0;
	char row[30];

	(void)state;
	state_of_noise = 1;
	for (unsigned i = 0; i < STREAMS; i++) {
		size_t len = make(noise(SMALL), 1 + (int)noise(9),
				  (int)noise(5));
		struct outcome zlib, fast;

		damage(len);
		zlib = run(INFLATE_AS_ZLIB, got[0], len + BEHIND, MOST,
			   MOST + 1);
		fast = run(INFLATE_FAST, got[1], len + BEHIND,
			   pieces[noise(COUNT(pieces))],
			   pieces[noise(COUNT(pieces))]);
		snprintf(row, sizeof(row), "stream %u", i);
		CHECK(row, fast.good || !zlib.good);
		CHECK(row, fast.good || fast.err.kind == ERROR_NONE ||
		      (fast.err.kind == ERROR_CORRUPT &&
		       fast.err.offset == 7));
		if (zlib.good)
			CHECK(row, fast.len == zlib.len &&
			      fast.used == zlib.used &&
			      memcmp(got[0], got[1], zlib.len) == 0);
		good += zlib.good;
		refused += zlib.err.kind == ERROR_CORRUPT;
	}
	CHECK("all", good > STREAMS / 10 && refused > STREAMS / 10);
	check_rows();
}

static const struct {
	const char *name;
	const char *bytes;
	size_t len;
	const char *zlib, *isal;	/* reasons; NULL: accepted */
} differences[] = {
	{ "a block of type 3", BYTES("\x07"), "invalid block type",
	  "invalid block" },
	{ "a distance before the first byte", BYTES("\x03\x02\0\0\0"),
	  "invalid distance too far back", "invalid distance" },
	{ "length 286", BYTES("\x1b\x03\0\0\0"),
	  "invalid literal/length code", "invalid code" },
	{ "stored, lengths that contradict", BYTES("\x01\1\0\1\0a"),
	  "invalid stored block lengths", "invalid block" },
	/* One literal and the end are codes of two bits, and the only ones. */
	{ "codes that leave bits unused",
	  BYTES("\x05\xc0\x01\x01\0\0\0\x80\x90\xfe\xaf\x0e\x02"),
	  "invalid literal/lengths set", NULL },
};

/* With something behind the stream, which ISA-L looks at ahead. */
static void check_difference(size_t i, size_t behind)
{
	const char *row = differences[i].name, *reason = differences[i].zlib;
	size_t len = differences[i].len + behind;
	struct outcome o;

	memcpy(stream, differences[i].bytes, differences[i].len);
	memset(stream + differences[i].len, 0, behind);
	o = run(INFLATE_AS_ZLIB, got[0], len, len, MOST + 1);
	check_fault(row, &o.err, ERROR_CORRUPT, 7, reason);
	CHECK(row, o.used <= len);
#ifdef HAVE_ISAL
	reason = differences[i].isal;
#endif
	o = run(INFLATE_FAST, got[0], len, len, MOST + 1);
	CHECK(row, o.good == !reason && o.used <= len);
	if (reason)
		check_fault(row, &o.err, ERROR_CORRUPT, 7, reason);
	else
		CHECK(row, o.used == differences[i].len);
}

static void test_differences(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(differences); i++)
		for (size_t behind = 0; behind <= BEHIND; behind++)
			check_difference(i, behind);
	inflate_free(NULL);
	check_rows();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_damaged_streams),
		cmocka_unit_test(test_differences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
