/* test_deflate.c - what is deflated inflates to the same, by zlib */
#include "formats/deflate.h"

#include <stdlib.h>
#include <zlib.h>

#include "tests/unit/check.h"

enum { MOST = 300000 };

static uint8_t input[MOST], output[2 * MOST], back[MOST + 1];

static void fill_zeros(size_t len)
{
	memset(input, 0, len);
}

static void fill_noise(size_t len)
{
	uint32_t x = 1;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		input[i] = (uint8_t)(x >> 24);
	}
}

/* As weights are: noise, and every fourth byte nearly the same. */
static void fill_floats(size_t len)
{
	fill_noise(len);
	for (size_t i = 3; i < len; i += 4)
		input[i] = 0x3c | (input[i] & 0x81);
}

static const struct {
	const char *name;
	void (*fill)(size_t len);
	size_t len, in, out;	/* bytes in all, and at a time */
	size_t most;		/* bytes it may become */
} streams[] = {
	{ "nothing", fill_zeros, 0, 1, 1, 10 },
	{ "a byte", fill_zeros, 1, 1, 100, 20 },
	{ "zeros", fill_zeros, MOST, MOST, sizeof(output), MOST / 100 },
	{ "zeros, a byte of room", fill_zeros, MOST, 1000, 1, MOST / 100 },
	{ "noise", fill_noise, MOST, MOST, sizeof(output), MOST + 1000 },
	{ "noise in pieces", fill_noise, MOST, 777, 123, MOST + 5000 },
	{ "floats", fill_floats, MOST, MOST, sizeof(output),
	  MOST / 100 * 95 },
	{ "floats, a byte at a time", fill_floats, 5000, 1, 1, 5000 },
	{ "floats in pieces", fill_floats, MOST, 4096, 65536,
	  MOST / 100 * 95 },
};

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Deflate input[len], so many bytes at a time; the length of the stream. */
static size_t deflate_all(const char *row, struct deflate *d, size_t len,
			  size_t in, size_t out)
{
	struct deflate_io io = { .in = input, .out = output };
	struct error err = { 0 };
	bool ended = false, last = false;

	deflate_begin(d);
	while (!ended) {
		size_t done = (size_t)(io.in - input) + io.in_len;

		if (io.in_len == 0 && !last) {
			io.in_len = smaller(in, len - done);
			last = io.in_len == len - done;
		}
		if (io.out_len == 0)
			io.out_len = out;
		if (!CHECK(row, deflate_run(d, &io, last, &ended, &err)) ||
		    !CHECK(row, (size_t)(io.out - output) + io.out_len <=
			   sizeof(output)))
			break;
		CHECK(row, last || !ended);
	}
	CHECK(row, io.in_len == 0 && io.in == input + len);
	return (size_t)(io.out - output);
}

static void check_inflates(const char *row, size_t len, size_t deflated)
{
	z_stream z = { .next_in = output, .avail_in = (unsigned)deflated,
		       .next_out = back, .avail_out = sizeof(back) };

	assert_int_equal(inflateInit2(&z, -MAX_WBITS), Z_OK);
	CHECK(row, inflate(&z, Z_FINISH) == Z_STREAM_END);
	CHECK(row, z.avail_in == 0 && sizeof(back) - z.avail_out == len);
	CHECK(row, memcmp(back, input, len) == 0);
	inflateEnd(&z);
}

static void test_streams(void **state)
{
	struct error err = { 0 };
	struct deflate *d = deflate_new(&err);

	(void)state;
	assert_non_null(d);
	for (size_t i = 0; i < COUNT(streams); i++) {
		const char *row = streams[i].name;
		size_t n;

		streams[i].fill(streams[i].len);
		n = deflate_all(row, d, streams[i].len, streams[i].in,
				smaller(streams[i].out, sizeof(output)));
		CHECK(row, n <= streams[i].most);
		check_inflates(row, streams[i].len, n);
	}
	deflate_free(d);
	check_rows();
}

/* A stream that was given up leaves nothing in the next. */
static void test_begin_again(void **state)
{
	struct error err = { 0 };
	struct deflate *d = deflate_new(&err);
	struct deflate_io io = { .in = input, .in_len = 5000, .out = output,
				 .out_len = 100 };
	bool ended;

	(void)state;
	assert_non_null(d);
	fill_noise(MOST);
	deflate_begin(d);
	assert_true(deflate_run(d, &io, false, &ended, &err));
	check_inflates("after a broken off one", 3000,
		       deflate_all("after a broken off one", d, 3000, 3000,
				   10000));
	deflate_free(d);
	deflate_free(NULL);
	check_rows();
}

static void test_library(void **state)
{
	(void)state;
#ifdef HAVE_ISAL
	assert_memory_equal(deflate_library(), "ISA-L 2.", 8);
#else
	assert_string_equal(deflate_library(), "zlib level 6");
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_begin_again),
		cmocka_unit_test(test_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
