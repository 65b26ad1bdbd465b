/*
 * fuzz_zip.c - read an archive's directory and then its members
 *
 * Demanded are: members that lie apart from each other inside the file, names
 * that are safe and found again, streams that give what was declared, and a
 * failed read as the fault it is.  Before that, where a block of a deflate
 * stream is said to begin, zlib must take what is there for its description.
 */
#include <zlib.h>

#include "formats/deflate_block.h"
#include "formats/inflate.h"
#include "formats/zip.h"
#include "tests/fuzz/fuzz.h"

enum {
	/* What is read of one archive: zeros deflate a thousandfold. */
	STREAMED_LIMIT = 1 << 20, STREAMS_LIMIT = 16,
	GAPS_LIMIT = 50, FLAKY_LIMIT = 8, CHUNK = 4096, BLOCKS_LIMIT = 8
};

static void check_place(const struct zip_member *m, const uint8_t *data,
			size_t len)
{
	REQUIRE(m->header < len && m->data <= len);
	REQUIRE(m->data >= m->header + 30 + m->name_len);
	REQUIRE(m->csize <= len - m->data);
	REQUIRE(zip_is_magic(data + m->header));
	REQUIRE(m->method == ZIP_STORED || m->method == ZIP_DEFLATED);
	REQUIRE(m->method == ZIP_DEFLATED || m->csize == m->usize);
	REQUIRE(!m->folder || m->usize == 0);
}

static void check_name(const struct zip *zip, const struct zip_member *m)
{
	const struct zip_member *found = zip_find_member(zip, m->name,
							 m->name_len);

	REQUIRE(found == (m->folder ? NULL : m));
	REQUIRE(m->name_len > 0 && strlen(m->name) == m->name_len);
	REQUIRE(text_is_utf8(m->name, m->name_len));
	REQUIRE(m->folder == (m->name[m->name_len - 1] == '/'));
	REQUIRE(m->name[0] != '/' && !strchr(m->name, '\\'));
	REQUIRE(strncmp(m->name, "../", 3) != 0 && !strstr(m->name, "/../"));
	REQUIRE(!text_ends_in(m->name, "/.."));
}

/* No two members share a byte: they are at most the whole file. */
static void check_members(const struct zip *zip, const uint8_t *data,
			  size_t len)
{
	uint64_t taken = 0;
	uint32_t crcs = 0;

	REQUIRE(zip->count > 0);
	for (size_t i = 0; i < zip->count; i++) {
		const struct zip_member *m = &zip->members[i];

		check_place(m, data, len);
		check_name(zip, m);
		taken += m->data - m->header + m->csize;
		crcs |= m->crc;
		REQUIRE(i == 0 || strcmp(zip->by_name[i - 1]->name,
					 zip->by_name[i]->name) < 0);
	}
	REQUIRE(taken <= len);
	REQUIRE(zip->crc_absent == (crcs == 0));
}

/* Behind a member comes at once the next one, or its data descriptor first. */
static void check_gaps(const struct zip *zip)
{
	for (size_t i = 0; i < zip->count && i < GAPS_LIMIT; i++) {
		const struct zip_member *m = &zip->members[i];
		uint64_t next = UINT64_MAX, gap;

		for (size_t k = 0; k < zip->count; k++)
			if (zip->members[k].header > m->header &&
			    zip->members[k].header < next)
				next = zip->members[k].header;
		if (next == UINT64_MAX)
			continue;	/* it is the last */
		gap = next - (m->data + m->csize);
		if (m->flags & 8)
			REQUIRE(gap >= 12 && gap <= 24 && gap % 4 == 0);
		else
			REQUIRE(gap == 0);
	}
}

static void require_member_fault(const struct zip_member *m,
				 const struct error *err)
{
	fuzz_require_fault(err);
	REQUIRE(text_ends_in(m->name, err->member) ||
		strncmp(err->member, "...", 3) == 0);
}

/* A stream of which bytes are left does not finish well. */
static void check_unread(const struct zip *zip, const struct zip_member *m,
			 const struct reader *r)
{
	struct error err = { 0 };
	struct zip_stream *s = zip_stream_open(zip, m, r, &err);

	REQUIRE(s != NULL);
	REQUIRE(zip_stream_finish(s, &err) == (m->usize == 0));
	zip_stream_close(s);
}

/* Read it in pieces of growing size; returns whether it is sound. */
static bool check_stream(const struct zip *zip, const struct zip_member *m,
			 const struct reader *r, const uint8_t *data)
{
	struct error err = { 0 };
	struct zip_stream *s = zip_stream_open(zip, m, r, &err);
	uint8_t chunk[CHUNK], extra;
	uint64_t done = 0;
	size_t n = 1;
	uLong crc = crc32_z(0, NULL, 0);
	bool ok = s != NULL;

	REQUIRE(ok);
	while (ok && done < m->usize) {
		if (n > m->usize - done)
			n = (size_t)(m->usize - done);
		ok = zip_stream_read(s, chunk, n, &err);
		if (!ok)
			break;
		REQUIRE(m->method == ZIP_DEFLATED ||
			memcmp(chunk, data + m->data + done, n) == 0);
		crc = crc32_z(crc, chunk, n);
		done += n;
		n = n < CHUNK / 3 ? n * 3 : CHUNK;
	}
	ok = ok && zip_stream_finish(s, &err);
	if (ok) {
		REQUIRE(zip->crc_absent || crc == m->crc);
		REQUIRE(!zip_stream_read(s, &extra, 1, &err));
		check_unread(zip, m, r);
	}
	require_member_fault(m, &err);
	zip_stream_close(s);
	return ok;
}

/* What zlib inflates the fast way does, too. */
static void check_both_ways(const struct zip *zip, const struct zip_member *m,
			    const struct reader *r, const uint8_t *data)
{
	struct zip fast = *zip;
	bool sound = check_stream(zip, m, r, data);

	fast.fast = true;
	REQUIRE(check_stream(&fast, m, r, data) || !sound);
}

/* Directory and first member again, the n-th read of the file failing. */
static bool read_flaky(const uint8_t *data, size_t len, unsigned n,
		       struct error *err)
{
	struct fuzz_flaky flaky = { data, len, 0, n };
	struct reader r = fuzz_flaky_reader(&flaky);
	struct zip_stream *s = NULL;
	const struct zip_member *m;
	struct zip zip;
	uint8_t byte;
	bool ok;

	if (!zip_read_directory(&zip, &r, err)) {
		REQUIRE(!zip.members && !zip.arena.blocks);
		return false;
	}
	m = &zip.members[0];
	s = zip_stream_open(&zip, m, &r, err);
	ok = s && (m->usize == 0 || zip_stream_read(s, &byte, 1, err));
	zip_stream_close(s);
	zip_free(&zip);
	return ok;
}

static void check_flaky(const uint8_t *data, size_t len)
{
	for (unsigned n = 1; n <= FLAKY_LIMIT; n++) {
		struct error err = { 0 };

		if (read_flaky(data, len, n, &err) ||
		    err.kind != ERROR_IO)
			break;
		fuzz_require_reason(&err);
	}
}

static void check_description(const uint8_t *data, size_t len, unsigned bit)
{
	uint8_t none;		/* no room, but it must be somewhere */
	z_stream z = { .next_in = (uint8_t *)(uintptr_t)(data + 1),
		       .avail_in = (unsigned)(len - 1), .next_out = &none };

	REQUIRE(inflateInit2(&z, -MAX_WBITS) == Z_OK);
	REQUIRE(inflatePrime(&z, (int)(8 - bit), data[0] >> bit) == Z_OK);
	REQUIRE(inflate(&z, Z_TREES) == Z_OK);
	REQUIRE(z.data_type & 256);	/* the description was read */
	inflateEnd(&z);
}

/* The other library goes on from there as far as it can. */
static void check_inside(const uint8_t *data, size_t len, unsigned bit)
{
	struct error err = { 0 };
	struct inflate *f = inflate_new(INFLATE_FAST, &err);
	uint8_t chunk[CHUNK];
	struct inflate_io io = { data + 1, chunk, len - 1, CHUNK };
	bool ended;

	REQUIRE(f != NULL);
	if (inflate_begin_inside(f, data[0], bit) &&
	    !inflate_run(f, &io, 0, &ended, &err))
		fuzz_require_fault(&err);
	inflate_free(f);
}

static void check_blocks(const uint8_t *data, size_t len)
{
	uint64_t bit;

	for (unsigned n = 0; n < BLOCKS_LIMIT; n++) {
		size_t byte;

		if (!deflate_find_block(data, len, &bit))
			return;
		byte = (size_t)(bit / 8);
		REQUIRE(byte < len);
		check_description(data + byte, len - byte,
				  (unsigned)(bit % 8));
		check_inside(data + byte, len - byte, (unsigned)(bit % 8));
		data += byte + 1;
		len -= byte + 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct reader_bytes bytes = { data, len };
	struct reader r = reader_memory(&bytes);
	struct error err = { 0 };
	uint64_t streamed = 0;
	struct zip zip;

	check_blocks(data, len);
	if (!zip_read_directory(&zip, &r, &err)) {
		fuzz_require_fault(&err);
		REQUIRE(!zip.members && !zip.by_name && zip.count == 0);
		REQUIRE(!zip.arena.blocks);
		return 0;
	}
	REQUIRE(zip_is_magic(data));
	check_members(&zip, data, len);
	check_gaps(&zip);
	for (size_t i = 0; i < zip.count && i < STREAMS_LIMIT; i++) {
		if (zip.members[i].usize > STREAMED_LIMIT - streamed)
			continue;
		streamed += zip.members[i].usize;
		check_both_ways(&zip, &zip.members[i], &r, data);
	}
	zip_free(&zip);
	REQUIRE(!zip.members);
	check_flaky(data, len);
	return 0;
}
