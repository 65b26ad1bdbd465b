/*
 * test_zip.c - names, look-ups, streams, and an archive cut and changed
 *
 * What archives are refused and accepted as a whole is in tests/test_zip.py.
 */
#include "formats/zip.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "formats/zip_names.h"
#include "tests/unit/check.h"

/* ---- names ---- */

static const struct {
	const char *name, *bytes;
	size_t len;
	bool utf8_flag;
	const char *reason;	/* NULL: accepted */
} names[] = {
	{ "plain", BYTES("archive/data/0"), false, NULL },
	{ "a folder", BYTES("archive/"), false, NULL },
	{ "dots in a component", BYTES("a.b/..c/d../.e"), false, NULL },
	{ "blanks and quotes", BYTES("sp ace/a\"b'c"), false, NULL },
	{ "letters of a language", BYTES("m\xc3\xb6" "del/x"), true, NULL },
	{ "a colon further on", BYTES("run:v1/x"), false, NULL },
	{ "a run of one letter", BYTES("r:v1/x"), false, NULL },
	{ "two bytes of a run", BYTES("C:"), false, NULL },
	{ "a digit before a colon", BYTES("1:/x"), false, NULL },
	{ "no letters before a colon", BYTES("@:/x"), false, NULL },
	{ "nor these", BYTES("[:/x"), false, NULL },
	{ "nor these either", BYTES("`:/x"), false, NULL },
	{ "nor this", BYTES("{:/x"), false, NULL },
	{ "no name", BYTES(""), false,
	  "member name of 0 bytes, 1 to 1024 are allowed" },
	{ "NUL", BYTES("r/data.pkl\0.txt"), false,
	  "member name holds byte 0x00" },
	{ "newline", BYTES("r/a\nb"), false, "member name holds byte 0x0a" },
	{ "DEL", BYTES("r/a\x7f"), false, "member name holds byte 0x7f" },
	{ "backslash", BYTES("r\\data.pkl"), false,
	  "member name holds byte 0x5c" },
	{ "not UTF-8", BYTES("r/\xff"), true, "member name is not UTF-8" },
	{ "not UTF-8, and not said to be", BYTES("r/\xff"), false,
	  "member name is not UTF-8" },
	{ "UTF-8, but not said to be", BYTES("m\xc3\xb6" "del/x"), false,
	  "bytes above 0x7f and does not say that it is UTF-8" },
	{ "absolute", BYTES("/etc/passwd"), false,
	  "member name is an absolute path" },
	{ "only a slash", BYTES("/"), false,
	  "member name is an absolute path" },
	{ "first drive letter", BYTES("A:/x"), false,
	  "member name starts with a drive letter" },
	{ "last drive letter", BYTES("Z:/x"), false,
	  "member name starts with a drive letter" },
	{ "first small drive letter", BYTES("a:/x"), false,
	  "member name starts with a drive letter" },
	{ "last small drive letter, alone", BYTES("z:/"), false,
	  "member name starts with a drive letter" },
	{ "empty folder", BYTES("r//data.pkl"), false,
	  "member name with an empty folder" },
	{ "two slashes at the end", BYTES("r//"), false,
	  "member name with an empty folder" },
	{ "dot", BYTES("./x"), false, "with the component \".\"" },
	{ "dot at the end", BYTES("r/."), false, "with the component \".\"" },
	{ "dot dot", BYTES("../x"), false, "with the component \"..\"" },
	{ "dot dot inside", BYTES("r/../x"), false,
	  "with the component \"..\"" },
	{ "dot dot as a folder", BYTES("r/../"), false,
	  "with the component \"..\"" },
};

static void test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct error err = { 0 };
		bool ok = zip_check_name(names[i].bytes, names[i].len,
					 names[i].utf8_flag, 77, &err);

		CHECK(names[i].name, ok == !names[i].reason);
		if (names[i].reason)
			check_fault(names[i].name, &err, ERROR_UNSAFE, 77,
				    names[i].reason);
	}
	check_rows();
}

static void test_name_of_any_length(void **state)
{
	struct error err = { 0 };
	char name[1025];

	(void)state;
	memset(name, 'a', sizeof(name));
	assert_true(zip_check_name(name, 1024, false, 0, &err));
	assert_false(zip_check_name(name, 1025, false, 0, &err));
	check_fault("1025 bytes", &err, ERROR_UNSAFE, 0,
		    "member name of 1025 bytes, 1 to 1024 are allowed");
	check_rows();
}

static void test_magic(void **state)
{
	(void)state;
	assert_true(zip_is_magic((const uint8_t *)"PK\3\4"));
	assert_false(zip_is_magic((const uint8_t *)"PK\5\6"));
	assert_false(zip_is_magic((const uint8_t *)"PK\3\5"));
	assert_false(zip_is_magic((const uint8_t *)"\x80\2\x8a\x0a"));
}

/* ---- an archive of every kind of member ---- */

static const struct {
	const char *name, *text;
	size_t len;
	unsigned method;
	bool descriptor;
} members[] = {
	{ "r/", BYTES(""), ZIP_STORED, false },
	{ "r/stored", BYTES("stored bytes"), ZIP_STORED, false },
	{ "r/deflated", BYTES("deflate, deflate, deflate, deflate"),
	  ZIP_DEFLATED, false },
	{ "r/streamed", BYTES("with a descriptor"), ZIP_STORED, true },
	{ "r/streamed-deflated", BYTES("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
	  ZIP_DEFLATED, true },
	{ "r/empty", BYTES(""), ZIP_STORED, false },
	{ "r/empty-deflated", BYTES(""), ZIP_DEFLATED, false },
};

static void le(struct buffer *b, uint64_t value, int nbytes)
{
	struct error err = { 0 };

	for (; nbytes > 0; nbytes--, value >>= 8) {
		char byte = (char)value;

		assert_true(buffer_append(b, &byte, 1, &err));
	}
}

static void bytes(struct buffer *b, const void *data, size_t len)
{
	struct error err = { 0 };

	assert_true(buffer_append(b, data, len, &err));
}

static size_t deflated(uint8_t out[100], const char *text, size_t len)
{
	z_stream z = { .next_in = (uint8_t *)text, .avail_in = (unsigned)len,
		       .next_out = out, .avail_out = 100 };

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 9, 0), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return 100 - z.avail_out;
}

/* flags, method, time and date, CRC and sizes: the same in both headers. */
static void shared(struct buffer *b, size_t i, bool local, uint32_t crc,
		   size_t csize)
{
	bool hidden = local && members[i].descriptor;

	le(b, members[i].descriptor ? 8 : 0, 2);
	le(b, members[i].method, 2);
	le(b, 0, 4);
	le(b, hidden ? 0 : crc, 4);
	le(b, hidden ? 0 : csize, 4);
	le(b, hidden ? 0 : members[i].len, 4);
	le(b, strlen(members[i].name), 2);
}

static void build(struct buffer *b)
{
	size_t csizes[COUNT(members)], headers[COUNT(members)], directory;
	uint8_t data[100];

	for (size_t i = 0; i < COUNT(members); i++) {
		const char *text = members[i].text;
		size_t len = members[i].len, csize = len;
		uint32_t crc = (uint32_t)crc32_z(0, (const Bytef *)text, len);

		memcpy(data, text, len);
		if (members[i].method == ZIP_DEFLATED)
			csize = deflated(data, text, len);
		csizes[i] = csize;
		headers[i] = b->len;
		le(b, 0x04034b50, 4);
		le(b, 20, 2);
		shared(b, i, true, crc, csize);
		le(b, 0, 2);
		bytes(b, members[i].name, strlen(members[i].name));
		bytes(b, data, csize);
		if (!members[i].descriptor)
			continue;
		le(b, 0x08074b50, 4);
		le(b, crc, 4);
		le(b, csize, 4);
		le(b, len, 4);
	}
	directory = b->len;
	for (size_t i = 0; i < COUNT(members); i++) {
		uint32_t crc = (uint32_t)crc32_z(
			0, (const Bytef *)members[i].text, members[i].len);

		le(b, 0x02014b50, 4);
		le(b, 20, 2);
		le(b, 20, 2);
		shared(b, i, false, crc, csizes[i]);
		le(b, 0, 2 + 2 + 2 + 2 + 4);
		le(b, headers[i], 4);
		bytes(b, members[i].name, strlen(members[i].name));
	}
	le(b, 0x06054b50, 4);
	le(b, 0, 4);
	le(b, COUNT(members), 2);
	le(b, COUNT(members), 2);
	le(b, b->len - 12 - directory, 4);
	le(b, directory, 4);
	le(b, 0, 2);
}

/* An archive, opened. */
struct fixture {
	struct buffer archive;
	struct reader_bytes bytes;
	struct reader reader;
	struct zip zip;
};

static int open_archive(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error err = { 0 };

	if (!f)
		return -1;
	build(&f->archive);
	f->bytes = (struct reader_bytes){ f->archive.data, f->archive.len };
	f->reader = reader_memory(&f->bytes);
	*state = f;
	return zip_read_directory(&f->zip, &f->reader, &err) ? 0 : -1;
}

static int open_archive_fast(void **state)
{
	int status = open_archive(state);
	struct fixture *f = *state;

	if (status == 0)
		f->zip.fast = true;
	return status;
}

static int close_archive(void **state)
{
	struct fixture *f = *state;

	zip_free(&f->zip);
	zip_free(&f->zip);
	buffer_free(&f->archive);
	free(f);
	return 0;
}

static const struct zip_member *find(const struct fixture *f,
				     const char *name)
{
	return zip_find_member(&f->zip, name, strlen(name));
}

/* All bytes of a member, or NULL and err. */
static char *read_all(const struct zip *zip, const struct zip_member *m,
		      const struct reader *r, struct error *err)
{
	struct zip_stream *s = zip_stream_open(zip, m, r, err);
	char *data = malloc(m->usize ? (size_t)m->usize : 1);

	assert_non_null(s);
	assert_non_null(data);
	if (!zip_stream_read(s, data, (size_t)m->usize, err) ||
	    !zip_stream_finish(s, err)) {
		free(data);
		data = NULL;
	}
	zip_stream_close(s);
	return data;
}

static void test_find(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(members); i++) {
		const struct zip_member *m = &f->zip.members[i];
		const char *name = members[i].name;

		check_text(name, m->name, name);
		CHECK(name, m->name_len == strlen(name));
		CHECK(name, m->usize == members[i].len);
		CHECK(name, m->method == members[i].method);
		CHECK(name, m->folder == (i == 0));
		CHECK(name, find(f, name) == (i == 0 ? NULL : m));
		/* What is like it, but is not it. */
		CHECK(name, !zip_find_member(&f->zip, name, strlen(name) + 1));
		CHECK(name, zip_find_member(&f->zip, name, strlen(name) - 1)
		      == NULL);
	}
	assert_null(find(f, ""));
	assert_null(find(f, "r"));
	assert_null(find(f, "R/STORED"));
	assert_null(find(f, "zzz"));
	assert_false(f->zip.crc_absent);
	check_rows();
}

static void test_content(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(members); i++) {
		struct error err = { 0 };
		char *data = read_all(&f->zip, &f->zip.members[i], &f->reader,
				      &err);

		if (CHECK(members[i].name, data))
			CHECK(members[i].name, memcmp(data, members[i].text,
						      members[i].len) == 0);
		check_text(members[i].name, err.reason, "");
		free(data);
	}
	check_rows();
}

/* In pieces of every size, with reads of nothing between them. */
static void test_content_in_pieces(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(members); i++) {
		for (size_t piece = 1; piece <= members[i].len; piece++) {
			const struct zip_member *m = &f->zip.members[i];
			size_t len = members[i].len;
			struct error err = { 0 };
			struct zip_stream *s;
			char got[100];

			s = zip_stream_open(&f->zip, m, &f->reader, &err);
			assert_non_null(s);
			for (size_t at = 0; at < len; at += piece) {
				size_t n = len - at < piece ? len - at : piece;

				CHECK(members[i].name,
				      zip_stream_read(s, got + at, n, &err) &&
				      zip_stream_read(s, NULL, 0, &err));
			}
			CHECK(members[i].name, zip_stream_finish(s, &err));
			CHECK(members[i].name,
			      memcmp(got, members[i].text, len) == 0);
			zip_stream_close(s);
		}
	}
	check_rows();
}

/*
 * Members that are not what the directory says, made by changing it in memory:
 * each way in which a stream can fail.
 */
static const struct {
	const char *name, *member;
	int more_usize, more_csize;
	uint32_t crc;		/* flipped bits */
	size_t read;		/* bytes; the rest is left */
	enum error_kind kind;
	uint64_t offset;
	const char *reason;
} broken[] = {
	{ "read past the end", "r/stored", 0, 0, 0, 13, ERROR_TRUNCATED, 0,
	  "13 bytes are needed here, only 12 follow" },
	{ "left too early", "r/stored", 0, 0, 0, 11, ERROR_CORRUPT, 11,
	  "1 bytes follow the last that was expected" },
	{ "CRC of stored bytes", "r/stored", 0, 0, 1, 12, ERROR_CORRUPT,
	  ERROR_NO_OFFSET, "CRC-32 of its bytes is" },
	{ "CRC of deflated bytes", "r/deflated", 0, 0, 1u << 31, 34,
	  ERROR_CORRUPT, ERROR_NO_OFFSET, "the archive says" },
	{ "CRC of no bytes", "r/empty", 0, 0, 1, 0, ERROR_CORRUPT,
	  ERROR_NO_OFFSET, "is 00000000, the archive says 00000001" },
	{ "inflates to less", "r/deflated", 1, 0, 0, 35, ERROR_CORRUPT, 34,
	  "inflates to 34 bytes, 35 were declared" },
	{ "inflates to more", "r/deflated", -1, 0, 0, 33, ERROR_CORRUPT, 33,
	  "inflates to more than the 33 bytes declared" },
	{ "inflates to something, none declared", "r/deflated", -34, 0, 0, 0,
	  ERROR_CORRUPT, 0, "inflates to more than the 0 bytes declared" },
	{ "stream cut", "r/deflated", 0, -1, 0, 34, ERROR_TRUNCATED, 34,
	  "ends before its deflate stream does" },
	{ "stream cut to nothing", "r/empty-deflated", 0, -2, 0, 0,
	  ERROR_TRUNCATED, 0,
	  "compressed data of 0 bytes ends before its deflate stream" },
	{ "a byte behind the stream", "r/deflated", 0, 1, 0, 34,
	  ERROR_CORRUPT, 34,
	  "its deflate stream ends 1 bytes before its data" },
	{ "bytes behind the stream", "r/deflated", 0, 3, 0, 34,
	  ERROR_CORRUPT, 34,
	  "its deflate stream ends 3 bytes before its data" },
	{ "more bytes than the buffer behind the stream", "r/deflated", 0,
	  200000, 0, 34, ERROR_CORRUPT, 34,
	  "its deflate stream ends 200000 bytes before its data" },
	/* The archive's reader says this, at an offset in the archive. */
	{ "the archive ends inside", "r/stored", 1000000, 1000000, 0, 1000000,
	  ERROR_TRUNCATED, 70, "1000000 bytes are needed here" },
};

static void test_broken_members(void **state)
{
	struct fixture *f = *state;
	struct error none = { 0 };
	char *data = malloc(1000000);
	struct reader reader;

	assert_non_null(data);
	/* Room behind it for members that are said to be longer. */
	memset(data, 0, 300000);
	bytes(&f->archive, data, 300000);
	f->bytes = (struct reader_bytes){ f->archive.data, f->archive.len };
	reader = reader_memory(&f->bytes);
	for (size_t i = 0; i < COUNT(broken); i++) {
		struct zip_member m = *find(f, broken[i].member);
		struct error err = { 0 };
		struct zip_stream *s;

		m.usize += (uint64_t)broken[i].more_usize;
		m.csize += (uint64_t)broken[i].more_csize;
		m.crc ^= broken[i].crc;
		s = zip_stream_open(&f->zip, &m, &reader, &none);
		assert_non_null(s);
		CHECK(broken[i].name,
		      !zip_stream_read(s, data, broken[i].read, &err) ||
		      !zip_stream_finish(s, &err));
		check_fault(broken[i].name, &err, broken[i].kind,
			    broken[i].offset, broken[i].reason);
		check_text(broken[i].name, err.member, broken[i].member);
		zip_stream_close(s);
	}
	zip_stream_close(NULL);
	free(data);
	check_rows();
}

/* What is left counts from where the stream stands. */
static void test_read_past_the_end(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };
	struct zip_stream *s = zip_stream_open(&f->zip, find(f, "r/stored"),
					       &f->reader, &err);
	char got[12];

	assert_non_null(s);
	assert_true(zip_stream_read(s, got, 5, &err));
	assert_false(zip_stream_read(s, got, 8, &err));
	check_fault("past the end", &err, ERROR_TRUNCATED, 5,
		    "8 bytes are needed here, only 7 follow");
	zip_stream_close(s);
	check_rows();
}

static void test_broken_deflate_stream(void **state)
{
	struct fixture *f = *state;
	const struct zip_member *m = find(f, "r/deflated");
	struct error err = { 0 };

	f->archive.data[m->data] = 0x07;	/* a block of type 3 */
	assert_null(read_all(&f->zip, m, &f->reader, &err));
	check_fault("block type", &err, ERROR_CORRUPT, 0,
		    "broken deflate stream: invalid block");
	check_rows();
}

/* ---- what fails below it ---- */

static unsigned reads, failing_read;

static bool read_or_fail(const void *source, uint64_t offset, void *buf,
			 size_t len, struct error *err)
{
	const struct fixture *f = source;

	if (++reads == failing_read)
		return error_set(err, ERROR_IO, offset, "the disk is broken");
	return reader_read(&f->reader, offset, buf, len, err);
}

static bool read_everything(struct fixture *f, struct error *err)
{
	struct reader r = { .read = read_or_fail, .source = f,
			    .size = f->archive.len };
	struct zip zip;
	bool ok = true;

	if (!zip_read_directory(&zip, &r, err))
		return false;
	zip.fast = f->zip.fast;
	for (size_t i = 0; ok && i < zip.count; i++) {
		char *data = read_all(&zip, &zip.members[i], &r, err);

		ok = data != NULL;
		free(data);
	}
	zip_free(&zip);
	return ok;
}

/* With a comment too, since then the end record is looked for. */
static void test_every_read_fails(void **state)
{
	struct fixture *f = *state;

	for (unsigned comment = 0; comment < 2; comment++) {
		struct error none = { 0 };
		unsigned count;
		char row[30];

		reads = failing_read = 0;
		assert_true(read_everything(f, &none));
		count = reads;
		/* The ends, the directory, all headers, and each content. */
		assert_in_range(count, 3 + COUNT(members), 40);
		for (unsigned n = 1; n <= count; n++) {
			struct error err = { 0 };

			reads = 0;
			failing_read = n;
			snprintf(row, sizeof(row), "read %u of %u", n, count);
			CHECK(row, !read_everything(f, &err));
			CHECK(row, err.kind == ERROR_IO && reads == n);
			check_text(row, err.reason, "the disk is broken");
		}
		f->archive.data[f->archive.len - 2] = 1;
		bytes(&f->archive, "x", 1);
		f->bytes = (struct reader_bytes){ f->archive.data,
						  f->archive.len };
		f->reader = reader_memory(&f->bytes);
	}
	check_rows();
}

/* ---- cut and changed ---- */

static void test_every_prefix_is_refused(void **state)
{
	struct fixture *f = *state;

	for (size_t len = 0; len < f->archive.len; len++) {
		char *copy = malloc(len ? len : 1), row[40];
		struct reader_bytes part = { copy, len };
		struct reader r = reader_memory(&part);
		struct error err = { 0 };
		struct zip zip;

		assert_non_null(copy);
		memcpy(copy, f->archive.data, len);
		snprintf(row, sizeof(row), "%zu bytes", len);
		CHECK(row, !zip_read_directory(&zip, &r, &err));
		CHECK(row, err.kind != ERROR_NONE && err.reason[0]);
		CHECK(row, !zip.members && zip.count == 0);
		free(copy);
	}
	check_rows();
}

/* Refused as a whole or when read, or the same members with the same bytes. */
static void check_harmless(struct fixture *f, const char *row)
{
	struct error err = { 0 };
	struct zip zip;

	if (!zip_read_directory(&zip, &f->reader, &err)) {
		CHECK(row, err.kind != ERROR_NONE && err.reason[0]);
		return;
	}
	CHECK(row, zip.count == COUNT(members));
	zip.fast = f->zip.fast;
	for (size_t i = 0; i < zip.count; i++) {
		const struct zip_member *m = &zip.members[i];
		struct error bad = { 0 };
		char *data = read_all(&zip, m, &f->reader, &bad);

		check_text(row, m->name, members[i].name);
		CHECK(row, data ? m->usize == members[i].len &&
		      memcmp(data, members[i].text, members[i].len) == 0 :
		      bad.kind != ERROR_NONE);
		free(data);
	}
	zip_free(&zip);
}

static void test_every_changed_byte(void **state)
{
	struct fixture *f = *state;
	char row[60];

	for (size_t at = 0; at < f->archive.len; at++) {
		char kept = f->archive.data[at];
		const char values[] = {
			0, (char)0xff, (char)(kept + 1), (char)(kept ^ 1),
			(char)(kept ^ 2), (char)(kept ^ 4), (char)(kept ^ 8),
			(char)(kept ^ 16), (char)(kept ^ 32),
			(char)(kept ^ 64), (char)(kept ^ 128),
		};

		for (size_t i = 0; i < COUNT(values); i++) {
			snprintf(row, sizeof(row), "byte %zu becomes 0x%02x",
				 at, (unsigned char)values[i]);
			f->archive.data[at] = values[i];
			check_harmless(f, row);
		}
		f->archive.data[at] = kept;
	}
	check_rows();
}

#define WITH_ARCHIVE(test) \
	cmocka_unit_test_setup_teardown(test, open_archive, close_archive)
#define WITH_ARCHIVE_FAST(test) \
	cmocka_unit_test_setup_teardown(test, open_archive_fast, close_archive)
#define BOTH_WAYS(test) WITH_ARCHIVE(test), WITH_ARCHIVE_FAST(test)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_name_of_any_length),
		cmocka_unit_test(test_magic),
		WITH_ARCHIVE(test_find),
		BOTH_WAYS(test_content),
		BOTH_WAYS(test_content_in_pieces),
		BOTH_WAYS(test_broken_members),
		WITH_ARCHIVE(test_read_past_the_end),
		BOTH_WAYS(test_broken_deflate_stream),
		BOTH_WAYS(test_every_read_fails),
		WITH_ARCHIVE(test_every_prefix_is_refused),
		BOTH_WAYS(test_every_changed_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
