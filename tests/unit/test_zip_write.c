/*
 * test_zip_write.c - archives byte for byte, of any size, on a broken disk
 *
 * What Python and unzip make of such archives is in tests/test_zip_write.py.
 */
#include "formats/zip_write.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "formats/crc32.h"
#include "formats/zip.h"
#include "tests/unit/check.h"

#define GIB (UINT64_C(1) << 30)

/* ---- an archive in memory, but for what comes from the hole ---- */

enum { ISLANDS = 40 };

static struct {
	struct island {
		uint64_t offset;
		size_t len;
		uint8_t *bytes;
	} islands[ISLANDS];
	size_t count;
	uint64_t size;
	unsigned writes, fail_at;
} archive;

static char *hole;		/* 1 GiB of zeros, never written to */

static void archive_clear(void)
{
	for (size_t i = 0; i < archive.count; i++)
		free(archive.islands[i].bytes);
	memset(&archive, 0, sizeof(archive));
}

static bool write_archive(void *to, uint64_t offset, const void *buf,
			  size_t len, struct error *err)
{
	struct island *island = &archive.islands[archive.count];

	(void)to;
	if (++archive.writes == archive.fail_at)
		return error_set(err, ERROR_IO, offset, "the disk is broken");
	if (offset + len > archive.size)
		archive.size = offset + len;
	if (buf == hole)
		return true;
	assert_true(archive.count++ < ISLANDS);
	*island = (struct island){ offset, len, malloc(len) };
	assert_non_null(island->bytes);
	memcpy(island->bytes, buf, len);
	return true;
}

/* What was written last counts. */
static bool read_archive(const void *source, uint64_t offset, void *buf,
			 size_t len, struct error *err)
{
	(void)source;
	(void)err;
	memset(buf, 0, len);
	for (size_t i = 0; i < archive.count; i++) {
		const struct island *island = &archive.islands[i];
		uint64_t from = island->offset, to = from + island->len;

		if (from < offset)
			from = offset;
		if (to > offset + len)
			to = offset + len;
		if (from < to)
			memcpy((uint8_t *)buf + (from - offset),
			       island->bytes + (from - island->offset),
			       (size_t)(to - from));
	}
	return true;
}

static struct reader archive_reader(void)
{
	return (struct reader){ .read = read_archive, .size = archive.size };
}

static void begin(struct zip_writer *w)
{
	archive_clear();
	zip_write_begin(w, (struct writer){ .write = write_archive });
}

static int open_writer(void **state)
{
	struct error err = { 0 };

	hole = memory_array((size_t)GIB, 1, &err);
	*state = zip_write_new(&err);
	return hole && *state ? 0 : -1;
}

static int close_writer(void **state)
{
	archive_clear();
	zip_write_free(*state);
	zip_write_free(NULL);
	free(hole);
	return 0;
}

/* ---- every byte ---- */

/* A member of no bytes, whose stream is 03 00, and one of "aaa". */
static const char two_members[] =
	"PK\3\4" "\24\0" "\0\0" "\10\0" "\0\0" "\x21\0" "\0\0\0\0"
	"\2\0\0\0" "\0\0\0\0" "\5\0" "\0\0" "empty" "\3\0"
	"PK\3\4" "\24\0" "\0\0" "\10\0" "\0\0" "\x21\0" "\xc6\x35\x07\xf0"
	"\5\0\0\0" "\3\0\0\0" "\1\0" "\0\0" "a" "\x4b\x4c\x4c\4\0"
	"PK\1\2" "\24\3" "\24\0" "\0\0" "\10\0" "\0\0" "\x21\0" "\0\0\0\0"
	"\2\0\0\0" "\0\0\0\0" "\5\0" "\0\0" "\0\0" "\0\0" "\0\0"
	"\0\0\xa4\x81" "\0\0\0\0" "empty"
	"PK\1\2" "\24\3" "\24\0" "\0\0" "\10\0" "\0\0" "\x21\0"
	"\xc6\x35\x07\xf0" "\5\0\0\0" "\3\0\0\0" "\1\0" "\0\0" "\0\0" "\0\0"
	"\0\0" "\0\0\xa4\x81" "\x25\0\0\0" "a"
	"PK\5\6" "\0\0" "\0\0" "\2\0" "\2\0" "\x62\0\0\0" "\x49\0\0\0" "\0\0";

static void test_every_byte(void **state)
{
	struct zip_writer *w = *state;
	uint8_t got[sizeof(two_members) - 1];
	struct error err = { 0 };
	uint64_t nbytes;

	begin(w);
	assert_true(zip_write_deflated(w, "empty", 0, 2, 0, &err));
	assert_true(zip_write_deflated_data(w, "\3\0", 2, &err));
	assert_true(zip_write_end_member(w, &err));
	assert_true(zip_write_deflated(w, "a", 0xf00735c6, 5, 3, &err));
	assert_true(zip_write_deflated_data(w, "\x4b\x4c\x4c", 3, &err));
	assert_true(zip_write_deflated_data(w, "\4\0", 2, &err));
	assert_true(zip_write_end_member(w, &err));
	assert_true(zip_write_finish(w, &nbytes, &err));
	assert_int_equal(nbytes, sizeof(got));
	assert_int_equal(archive.size, sizeof(got));
	read_archive(NULL, 0, got, sizeof(got), &err);
	assert_memory_equal(got, two_members, sizeof(got));
}

/* ---- sizes and places over 32 bits ---- */

#define MOST UINT64_C(0xfffffffe)	/* that fits into 32 bits here */

static const struct {
	const char *name;
	uint64_t csize[2], usize[2];
	unsigned local[2], central[2];	/* lengths of the extra fields */
	bool end64;
} sizes[] = {
	{ "small", { 7, 7 }, { 9, 9 }, { 0, 0 }, { 0, 0 }, false },
	{ "as large as can be", { 1, 1 }, { MOST, MOST }, { 0, 0 }, { 0, 0 },
	  false },
	{ "usize one more", { 5, 5 }, { 9, MOST + 1 }, { 0, 20 }, { 0, 20 },
	  false },
	{ "usize", { 5, 5 }, { 5 * GIB, 9 }, { 20, 0 }, { 20, 0 }, false },
	{ "csize as large as can be", { 1, MOST }, { 1, 1 }, { 0, 0 },
	  { 0, 0 }, true },
	{ "csize one more", { 1, MOST + 1 }, { 1, 1 }, { 0, 20 }, { 0, 20 },
	  true },
	{ "both", { 1, 5 * GIB }, { 1, 6 * GIB }, { 0, 20 }, { 0, 20 }, true },
	{ "the second's header as far as can be", { MOST - 31, 1 }, { 1, 1 },
	  { 0, 0 }, { 0, 0 }, true },
	{ "the second's header one further", { MOST - 30, 1 }, { 1, 1 },
	  { 0, 0 }, { 0, 12 }, true },
	{ "only the directory", { 3 * GIB, 3 * GIB }, { 1, 1 }, { 0, 0 },
	  { 0, 0 }, true },
	{ "the directory as far as can be", { 1, MOST - 63 }, { 1, 1 },
	  { 0, 0 }, { 0, 0 }, false },
	{ "the directory one further", { 1, MOST - 62 }, { 1, 1 }, { 0, 0 },
	  { 0, 0 }, true },
	{ "all", { 5 * GIB, 5 * GIB }, { 5 * GIB, 6 * GIB }, { 20, 20 },
	  { 20, 28 }, true },
};

static bool write_holes(struct zip_writer *w, size_t row, uint64_t *nbytes,
			struct error *err)
{
	static const char *const names[2] = { "0", "1" };

	begin(w);
	for (size_t i = 0; i < 2; i++) {
		uint64_t left = sizes[row].csize[i];

		if (!zip_write_deflated(w, names[i], 1 + (uint32_t)i, left,
					sizes[row].usize[i], err))
			return false;
		for (; left > 0; left -= left < GIB ? left : GIB)
			if (!zip_write_deflated_data(
				    w, hole, (size_t)(left < GIB ? left : GIB),
				    err))
				return false;
		if (!zip_write_end_member(w, err))
			return false;
	}
	return zip_write_finish(w, nbytes, err);
}

static void check_sizes(size_t row, uint64_t nbytes)
{
	const char *name = sizes[row].name;
	uint64_t expected = 22 + (sizes[row].end64 ? 56 + 20 : 0);
	struct reader r = archive_reader();
	struct error err = { 0 };
	struct zip zip;

	CHECK(name, nbytes == archive.size);
	if (!zip_read_directory(&zip, &r, &err)) {
		check_text(name, err.reason, "");
		return;
	}
	CHECK(name, zip.count == 2);
	for (size_t i = 0; i < 2; i++) {
		const struct zip_member *m = &zip.members[i];

		CHECK(name, m->csize == sizes[row].csize[i]);
		CHECK(name, m->usize == sizes[row].usize[i]);
		CHECK(name, m->crc == 1 + i);
		CHECK(name, m->data - m->header == 31 + sizes[row].local[i]);
		expected += 30 + 1 + sizes[row].local[i] + m->csize;
		expected += 46 + 1 + sizes[row].central[i];
	}
	CHECK(name, nbytes == expected);
	zip_free(&zip);
}

static void test_sizes(void **state)
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct error err = { 0 };
		uint64_t nbytes = 0;

		CHECK(sizes[i].name, write_holes(*state, i, &nbytes, &err));
		check_sizes(i, nbytes);
	}
	check_rows();
}

/* ---- deflating ---- */

enum { FLOATS = 700000 };

static uint8_t floats[FLOATS];

/* As weights are: noise, and every fourth byte nearly the same. */
static int open_floats(void **state)
{
	uint32_t x = 1;

	for (size_t i = 0; i < FLOATS; i++) {
		x = x * 1664525 + 1013904223;
		floats[i] = (uint8_t)(i % 4 == 3 ? 0x3c | x >> 31 : x >> 24);
	}
	return open_writer(state);
}

static bool write_piecewise(struct zip_writer *w, size_t len, size_t piece,
			    struct error *err)
{
	struct writer to = zip_write_data_writer(w);

	for (size_t at = 0; at < len; at += piece)
		if (!writer_write(&to, at, floats + at,
				  len - at < piece ? len - at : piece, err))
			return false;
	return true;
}

static bool write_floats(struct zip_writer *w, size_t len, size_t piece,
			 uint64_t *nbytes, struct error *err)
{
	return zip_write_member(w, "short", 3, err) &&
	       write_piecewise(w, 3, piece, err) &&
	       zip_write_end_member(w, err) &&
	       zip_write_member(w, "floats", len, err) &&
	       write_piecewise(w, len, piece, err) &&
	       zip_write_end_member(w, err) &&
	       zip_write_member(w, "empty", 0, err) &&
	       zip_write_end_member(w, err) &&
	       zip_write_finish(w, nbytes, err);
}

static void check_member(const char *row, const struct zip *zip,
			 const char *name, size_t len)
{
	const struct zip_member *m = zip_find_member(zip, name, strlen(name));
	struct reader r = archive_reader();
	struct error err = { 0 };
	struct zip_stream *s;
	static uint8_t back[FLOATS];

	assert_non_null(m);
	s = zip_stream_open(zip, m, &r, &err);
	assert_non_null(s);
	CHECK(row, m->usize == len && m->method == ZIP_DEFLATED);
	CHECK(row, m->flags == 0 && m->attributes == 0100644u << 16);
	CHECK(row, m->crc == crc32_update(0, floats, len));
	CHECK(row, zip_stream_read(s, back, len, &err) &&
	      zip_stream_finish(s, &err));
	CHECK(row, memcmp(back, floats, len) == 0);
	zip_stream_close(s);
}

/* Lengths for which headers lie across the ends of the writer's buffer, too. */
static void test_content(void **state)
{
	static const size_t lens[] = { 0, 1, 1000, 250000, 262144, FLOATS };
	static const size_t pieces[] = { 1, 4096, FLOATS };
	char row[60];

	for (size_t i = 0; i < COUNT(lens) * COUNT(pieces); i++) {
		size_t len = lens[i / 3], piece = pieces[i % 3];
		struct error err = { 0 };
		struct reader r;
		struct zip zip;
		uint64_t nbytes;

		snprintf(row, sizeof(row), "%zu bytes, %zu at a time", len,
			 piece);
		begin(*state);
		assert_true(write_floats(*state, len, piece, &nbytes, &err));
		r = archive_reader();
		assert_true(zip_read_directory(&zip, &r, &err));
		CHECK(row, zip.count == 3 && nbytes == archive.size);
		check_member(row, &zip, "short", 3);
		check_member(row, &zip, "floats", len);
		check_member(row, &zip, "empty", 0);
		zip_free(&zip);
	}
	check_rows();
}

/* A header that the buffer has not room for, by each number of bytes. */
static void test_header_at_the_end_of_the_buffer(void **state)
{
	struct zip_writer *w = *state;
	char row[60];

	for (size_t csize = 262144 - 90; csize < 262144; csize++) {
		struct error err = { 0 };
		struct reader r;
		struct zip zip;
		uint64_t nbytes;

		snprintf(row, sizeof(row), "%zu bytes before it", csize);
		begin(w);
		assert_true(zip_write_deflated(w, "0", 0, csize, 1, &err));
		assert_true(zip_write_deflated_data(w, floats, csize, &err));
		assert_true(zip_write_end_member(w, &err));
		assert_true(write_floats(w, 10, 10, &nbytes, &err));
		r = archive_reader();
		if (!CHECK(row, zip_read_directory(&zip, &r, &err)))
			continue;
		check_member(row, &zip, "short", 3);
		check_member(row, &zip, "floats", 10);
		zip_free(&zip);
	}
	check_rows();
}

/* Room for large sizes is kept in the local header where it may be needed. */
static const struct {
	const char *name;
	uint64_t usize;
	unsigned extra;
} reserved[] = {
	{ "small", FLOATS, 0 },
	{ "cannot become so large", 4290000000, 0 },
	{ "might become so large", 4293000000, 20 },
	{ "as large as can be", MOST, 20 },
	{ "too large", 5 * GIB, 20 },
};

static void test_reserved(void **state)
{
	for (size_t i = 0; i < COUNT(reserved); i++) {
		struct error err = { 0 };
		uint8_t head[31 + 4];

		begin(*state);
		assert_true(zip_write_member(*state, "0", reserved[i].usize,
					     &err));
		assert_true(write_piecewise(*state, FLOATS, FLOATS, &err));
		read_archive(NULL, 0, head, sizeof(head), &err);
		CHECK(reserved[i].name, head[28] == reserved[i].extra);
		CHECK(reserved[i].name, head[4] ==
		      (reserved[i].extra ? 45 : 20));
	}
	check_rows();
}

/* ---- what must not be ---- */

static bool fill(struct zip_writer *w, bool deflated, size_t declared,
		 size_t given, struct error *err)
{
	begin(w);
	return (deflated ?
		zip_write_deflated(w, "m", 1, declared, 9, err) &&
		zip_write_deflated_data(w, floats, given, err) :
		zip_write_member(w, "m", declared, err) &&
		zip_write_data(w, floats, given, err)) &&
	       zip_write_end_member(w, err);
}

static void test_other_sizes(void **state)
{
	static const struct {
		const char *name;
		bool deflated;
		size_t declared, given;
		const char *reason;
	} rows[] = {
		{ "too few", false, 5, 4,
		  "4 bytes came for a zip member of 5" },
		{ "too many", false, 5, 6,
		  "6 bytes came for a zip member of 5" },
		{ "too few deflated ones", true, 5, 4,
		  "4 bytes came for a zip member of 5" },
		{ "too many deflated ones", true, 5, 6,
		  "6 bytes came for a zip member of 5" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error err = { 0 };

		CHECK(rows[i].name, !fill(*state, rows[i].deflated,
					  rows[i].declared, rows[i].given,
					  &err));
		check_fault(rows[i].name, &err, ERROR_CORRUPT,
			    ERROR_NO_OFFSET, rows[i].reason);
		check_text(rows[i].name, err.member, "m");
	}
	check_rows();
}

static void test_other_order(void **state)
{
	struct writer to = zip_write_data_writer(*state);
	struct error err = { 0 };

	begin(*state);
	assert_true(zip_write_member(*state, "m", 30, &err));
	assert_true(writer_write(&to, 0, floats, 10, &err));
	assert_false(writer_write(&to, 20, floats, 10, &err));
	check_fault("a gap", &err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
		    "bytes for 20 of a zip member come when 10 is reached");
	check_rows();
}

static void test_every_write_fails(void **state)
{
	struct error none = { 0 };
	unsigned writes;
	uint64_t nbytes;

	begin(*state);
	assert_true(write_floats(*state, FLOATS, 5000, &nbytes, &none));
	writes = archive.writes;
	assert_true(writes >= 4);	/* the last patches a header */
	for (unsigned n = 1; n <= writes; n++) {
		struct error err = { 0 };

		begin(*state);
		archive.fail_at = n;
		assert_false(write_floats(*state, FLOATS, 5000, &nbytes,
					  &err));
		assert_string_equal(err.reason, "the disk is broken");
	}
}

#define WITH_ARCHIVE(test) \
	cmocka_unit_test_setup_teardown(test, open_floats, close_writer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ARCHIVE(test_every_byte),
		WITH_ARCHIVE(test_sizes),
		WITH_ARCHIVE(test_content),
		WITH_ARCHIVE(test_header_at_the_end_of_the_buffer),
		WITH_ARCHIVE(test_reserved),
		WITH_ARCHIVE(test_other_sizes),
		WITH_ARCHIVE(test_other_order),
		WITH_ARCHIVE(test_every_write_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
