/* test_reader.c - cursors over bytes, readers over spans */
#include "base/reader.h"

#include "base/cursor.h"
#include "tests/unit/check.h"

static const uint8_t counting[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };

static void test_cursor_numbers(void **state)
{
	struct cursor c = cursor_over(counting, sizeof(counting));

	(void)state;
	assert_int_equal(cursor_u8(&c), 0x01);
	assert_int_equal(cursor_u16(&c), 0x0302);
	assert_int_equal(cursor_u32(&c), 0x07060504);
	assert_int_equal(cursor_left(&c), 2);
	assert_false(c.bad);
	c = cursor_over(counting, sizeof(counting));
	assert_true(cursor_u64(&c) == UINT64_C(0x0807060504030201));
	c = cursor_over(counting, sizeof(counting));
	assert_true(cursor_le(&c, 3) == 0x030201);
}

static void test_cursor_past_the_end(void **state)
{
	static const struct {
		const char *name;
		size_t len;
		uint64_t take;
		bool bad;
	} rows[] = {
		{ "all there is", 9, 9, false },
		{ "nothing of nothing", 0, 0, false },
		{ "one too many", 8, 9, true },
		{ "a length from an enemy", 9, UINT64_MAX, true },
		{ "a length that would wrap", 9, UINT64_MAX - 4, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cursor c = cursor_over(counting, rows[i].len);
		const uint8_t *p = cursor_take(&c, rows[i].take);

		CHECK(rows[i].name, c.bad == rows[i].bad);
		CHECK(rows[i].name, p == (rows[i].bad ? NULL : counting));
		CHECK(rows[i].name, c.pos <= c.len);
	}
	check_rows();
}

/* Once bad, a cursor gives zeros, also where there would be bytes. */
static void test_cursor_stays_bad(void **state)
{
	struct cursor c = cursor_over(counting, 4);

	(void)state;
	assert_true(cursor_u64(&c) == 0);
	assert_true(c.bad);
	assert_int_equal(cursor_u8(&c), 0);
	assert_null(cursor_take(&c, 0));
	assert_int_equal(cursor_left(&c), 4);
}

static const struct {
	const char *name;
	uint64_t offset;
	size_t len;
	const char *reason;	/* NULL: allowed */
} reads[] = {
	{ "all", 0, 9, NULL },
	{ "the end", 8, 1, NULL },
	{ "nothing at the end", 9, 0, NULL },
	{ "one too many", 8, 2, "2 bytes are needed here, only 1 follow" },
	{ "nothing behind the end", 10, 0,
	  "0 bytes are needed here, only 0 follow" },
	{ "a sum that would wrap", UINT64_MAX - 3, 9,
	  "9 bytes are needed here, only 0 follow" },
	{ "a length that would wrap", 4, SIZE_MAX - 2, "only 5 follow" },
};

static void test_read(void **state)
{
	struct reader_bytes bytes = { counting, sizeof(counting) };
	struct reader r = reader_memory(&bytes);

	(void)state;
	for (size_t i = 0; i < COUNT(reads); i++) {
		struct error err = { 0 };
		uint8_t got[9];
		bool ok = reader_read(&r, reads[i].offset, got, reads[i].len,
				      &err);

		CHECK(reads[i].name, ok == !reads[i].reason);
		if (reads[i].reason)
			check_fault(reads[i].name, &err, ERROR_TRUNCATED,
				    reads[i].offset, reads[i].reason);
		else if (ok)
			CHECK(reads[i].name,
			      memcmp(got, counting + reads[i].offset,
				     reads[i].len) == 0);
	}
	check_rows();
}

static const struct {
	const char *name;
	uint64_t offset, size;
	const char *reason;
} windows[] = {
	{ "all of it", 0, 5, NULL },
	{ "a part", 1, 3, NULL },
	{ "nothing at the end", 5, 0, NULL },
	{ "one too many", 1, 5, "a span of 5 bytes, only 4 follow" },
	{ "behind the end", 6, 0, "a span of 0 bytes, only 0 follow" },
	{ "a sum that would wrap", 2, UINT64_MAX, "only 3 follow" },
	{ "an offset that would wrap", UINT64_MAX, 2, "only 0 follow" },
};

/* Each row opens a window in a window, which itself starts at 3. */
static void test_window(void **state)
{
	struct reader_bytes bytes = { counting, sizeof(counting) };
	struct reader whole = reader_memory(&bytes), outer, r;
	struct error none = { 0 };

	(void)state;
	assert_true(reader_window(&outer, &whole, 3, 5, &none));
	for (size_t i = 0; i < COUNT(windows); i++) {
		struct error err = { 0 };
		uint8_t got[9];
		bool ok = reader_window(&r, &outer, windows[i].offset,
					windows[i].size, &err);

		CHECK(windows[i].name, ok == !windows[i].reason);
		if (windows[i].reason) {
			check_fault(windows[i].name, &err, ERROR_TRUNCATED,
				    windows[i].offset, windows[i].reason);
			continue;
		}
		CHECK(windows[i].name, r.size == windows[i].size);
		CHECK(windows[i].name,
		      reader_read(&r, 0, got, (size_t)r.size, &err) &&
		      memcmp(got, counting + 3 + windows[i].offset,
			     (size_t)r.size) == 0);
		CHECK(windows[i].name,
		      !reader_read(&r, r.size, got, 1, &err));
	}
	check_rows();
}

/* A reader that claims more than its bytes does not reach past them. */
static void test_memory_is_bounded_twice(void **state)
{
	struct reader_bytes bytes = { counting, 4 };
	struct reader r = reader_memory(&bytes);
	struct error err = { 0 };
	uint8_t got[9];

	(void)state;
	r.size = 9;
	assert_false(reader_read(&r, 2, got, 3, &err));
	check_fault("past the bytes", &err, ERROR_TRUNCATED, 2,
		    "read past the end of 4 bytes");
	check_rows();
}

enum { FAR_SIZE = 3 * READER_AHEAD_SIZE };

/* What a reader was asked for, and what it shows. */
struct counted {
	uint8_t data[FAR_SIZE];
	size_t reads, nbytes;
	bool fails;
};

static struct counted counted;

static bool read_counted(const void *source, uint64_t offset, void *buf,
			 size_t len, struct error *err)
{
	(void)source;
	if (counted.fails)
		return error_set(err, ERROR_IO, offset, "unreadable");
	counted.reads++;
	counted.nbytes += len;
	memcpy(buf, counted.data + offset, len);
	return true;
}

static struct reader begin_near(void)
{
	static const struct reader far = { .read = read_counted,
					   .size = FAR_SIZE };
	static struct reader_ahead ahead;
	static const struct reader_near near = { &far, &ahead };

	ahead = (struct reader_ahead){ 0 };
	counted = (struct counted){ 0 };
	return reader_near(&near);
}

static const struct {
	const char *name;
	uint64_t offset;
	size_t len;
	size_t reads, nbytes;	/* that it takes */
	const char *reason;
} nears[] = {
	{ "the first", 100, 50, 1, READER_AHEAD_SIZE, NULL },
	{ "the same again", 100, 50, 0, 0, NULL },
	{ "what follows", 150, 1000, 0, 0, NULL },
	{ "up to the last byte that came", 4195, 1, 0, 0, NULL },
	{ "one byte that did not", 4195, 2, 1, READER_AHEAD_SIZE, NULL },
	{ "nothing behind what came", 8291, 0, 0, 0, NULL },
	{ "what lies before", 0, 4, 1, READER_AHEAD_SIZE, NULL },
	{ "as much as comes along", 0, 4096, 1, 4096, NULL },
	{ "more than that", 10, 5000, 1, 5000, NULL },
	{ "what came before those", 4092, 4, 0, 0, NULL },
	{ "close to the end", FAR_SIZE - 10, 2, 1, 10, NULL },
	{ "the end", FAR_SIZE - 1, 1, 0, 0, NULL },
	{ "over the end", FAR_SIZE - 1, 2, 0, 0,
	  "2 bytes are needed here, only 1 follow" },
	{ "nothing at the end", FAR_SIZE, 0, 0, 0, NULL },
};

/* The rows follow each other on one reader. */
static void test_near(void **state)
{
	struct reader r = begin_near();

	(void)state;
	for (size_t i = 0; i < FAR_SIZE; i++)
		counted.data[i] = (uint8_t)(i % 251);
	for (size_t i = 0; i < COUNT(nears); i++) {
		struct error err = { 0 };
		uint8_t got[5000];
		bool ok;

		counted.reads = counted.nbytes = 0;
		ok = reader_read(&r, nears[i].offset, got, nears[i].len, &err);
		CHECK(nears[i].name, ok == !nears[i].reason);
		CHECK(nears[i].name, counted.reads == nears[i].reads &&
		      counted.nbytes == nears[i].nbytes);
		if (nears[i].reason)
			check_fault(nears[i].name, &err, ERROR_TRUNCATED,
				    nears[i].offset, nears[i].reason);
		else
			CHECK(nears[i].name,
			      memcmp(got, counted.data + nears[i].offset,
				     nears[i].len) == 0);
	}
	check_rows();
}

/* What could not be read is not taken for what was there before. */
static void test_near_fails(void **state)
{
	struct reader r = begin_near();
	struct error err = { 0 }, again = { 0 };
	uint8_t got[4];

	(void)state;
	assert_true(reader_read(&r, 0, got, 4, &err));
	counted.fails = true;
	assert_false(reader_read(&r, 8000, got, 4, &err));
	check_fault("far", &err, ERROR_IO, 8000, "unreadable");
	assert_false(reader_read(&r, 0, got, 4, &again));
	check_rows();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cursor_numbers),
		cmocka_unit_test(test_cursor_past_the_end),
		cmocka_unit_test(test_cursor_stays_bad),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_near),
		cmocka_unit_test(test_near_fails),
		cmocka_unit_test(test_memory_is_bounded_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
