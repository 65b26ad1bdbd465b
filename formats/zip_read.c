/* zip_read.c - find the directory, hold it against the local headers */
#include "formats/zip.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "formats/zip_layout.h"
#include "formats/zip_names.h"

enum {
	COMMENT_LIMIT = 65535,
	FLAG_DESCRIPTOR = 0x0008, FLAG_UTF8 = 0x0800, FLAG_DEFLATE = 0x0006,
	EXTRA_UNICODE_PATH = 0x7075,
	DOS_FOLDER = 0x10,	/* an attribute */
	VERSION_LIMIT = 45, MEMBER_LIMIT = 1000000
};

#define DIRECTORY_LIMIT (256u << 20)

/* Where the central directory is, once all end records agree. */
struct directory {
	uint64_t offset, size, count;
};

bool zip_is_magic(const uint8_t bytes[4])
{
	struct cursor c = cursor_over(bytes, 4);

	return cursor_u32(&c) == ZIP_LOCAL_MAGIC;
}

/* ---- end records ---- */

static bool is_end_record(const uint8_t *tail, size_t len, size_t pos)
{
	struct cursor c = cursor_over(tail + pos, len - pos);
	uint32_t magic = cursor_u32(&c);

	cursor_take(&c, ZIP_END_SIZE - 6);
	return magic == ZIP_END_MAGIC && cursor_u16(&c) <= cursor_left(&c) &&
	       !c.bad;
}

/*
 * Some readers take the last signature for the end record, wherever what it
 * says its comment ends.
 */
static bool check_comment(const uint8_t *comment, size_t len, uint64_t offset,
			  struct error *err)
{
	for (size_t i = 0; i + 4 <= len; i++) {
		struct cursor c = cursor_over(comment + i, 4);

		if (cursor_u32(&c) == ZIP_END_MAGIC)
			return error_set(err, ERROR_UNSAFE, offset + i,
					 "another end record begins in the "
					 "comment");
	}
	return true;
}

/*
 * Find the end record in the last bytes of the file.  Without a comment it is
 * the last 22 bytes.  With one, its comment must reach the end of the file
 * exactly and nothing behind it may look like another end record, or readers
 * would differ on which one counts.
 */
static bool find_end(const uint8_t *tail, size_t len, uint64_t file_nbytes,
		     size_t *found, struct error *err)
{
	size_t last = len - ZIP_END_SIZE, candidates = 0, behind, comment;
	struct cursor c;

	for (size_t n = 0; n <= last; n++) {
		if (!is_end_record(tail, len, last - n))
			continue;
		*found = last - n;
		candidates++;
		if (n == 0)
			break;
	}
	if (candidates == 0)
		return error_set(err, ERROR_TRUNCATED, ERROR_NO_OFFSET,
				 "no end record of a zip archive in the last "
				 "%zu bytes", len);
	if (candidates > 1)
		return error_set(err, ERROR_UNSAFE,
				 file_nbytes - len + *found,
				 "%zu records could be the end record",
				 candidates);
	c = cursor_over(tail + *found + ZIP_END_SIZE - 2, 2);
	behind = len - *found - ZIP_END_SIZE;
	comment = cursor_u16(&c);
	if (comment != behind)
		return error_set(err, ERROR_UNSAFE,
				 file_nbytes - behind + comment,
				 "%zu bytes behind the archive",
				 behind - comment);
	return check_comment(tail + len - comment, comment,
			     file_nbytes - comment, err);
}

static bool read_end64(struct directory *dir, const struct reader *r,
		       uint64_t locator_at, const uint8_t *locator,
		       struct error *err)
{
	struct cursor c = cursor_over(locator, ZIP_LOCATOR_SIZE);
	uint8_t record[ZIP_END64_SIZE];
	uint64_t at, size, here;
	uint32_t magic, disk, disks, disk2, directory_disk;

	cursor_u32(&c);
	disk = cursor_u32(&c);
	at = cursor_u64(&c);
	disks = cursor_u32(&c);
	if (disk != 0 || disks > 1)
		return error_set(err, ERROR_UNSUPPORTED, locator_at,
				 "an archive of %" PRIu32 " disks", disks);
	if (locator_at < ZIP_END64_SIZE || at != locator_at - ZIP_END64_SIZE)
		return error_set(err, ERROR_CORRUPT, locator_at,
				 "zip64 end record at %" PRIu64 ", the one "
				 "before its locator is at %" PRIu64, at,
				 locator_at < ZIP_END64_SIZE ? 0 :
				 locator_at - ZIP_END64_SIZE);
	if (!reader_read(r, at, record, sizeof(record), err))
		return false;
	c = cursor_over(record, sizeof(record));
	magic = cursor_u32(&c);
	size = cursor_u64(&c);
	cursor_u32(&c);
	disk = cursor_u32(&c);
	directory_disk = cursor_u32(&c);
	here = cursor_u64(&c);
	dir->count = cursor_u64(&c);
	dir->size = cursor_u64(&c);
	dir->offset = cursor_u64(&c);
	disk2 = disk | directory_disk;
	if (magic != ZIP_END64_MAGIC || size != ZIP_END64_SIZE - 12)
		return error_set(err, ERROR_CORRUPT, at,
				 "no zip64 end record of %d bytes here",
				 ZIP_END64_SIZE);
	if (disk2 != 0 || here != dir->count)
		return error_set(err, ERROR_UNSUPPORTED, at,
				 "an archive of several disks");
	return true;
}

/* A classic field must hold the zip64 value, or all ones in its place. */
static bool agrees(uint64_t classic, uint64_t ones, uint64_t value)
{
	return classic == value || classic == ones;
}

static bool read_end(struct directory *dir, const struct reader *r,
		     const uint8_t *tail, size_t tail_len, size_t pos,
		     struct error *err)
{
	uint64_t tail_at = r->size - tail_len, at = tail_at + pos, end = at;
	struct cursor c = cursor_over(tail + pos, ZIP_END_SIZE);
	uint16_t disk, directory_disk, here, count;
	uint32_t size, offset;
	bool zip64 = false;

	cursor_u32(&c);
	disk = cursor_u16(&c);
	directory_disk = cursor_u16(&c);
	here = cursor_u16(&c);
	count = cursor_u16(&c);
	size = cursor_u32(&c);
	offset = cursor_u32(&c);
	*dir = (struct directory){ offset, size, count };
	if (disk != 0 || directory_disk != 0 || here != count)
		return error_set(err, ERROR_UNSUPPORTED, at,
				 "an archive of several disks");
	if (pos >= ZIP_LOCATOR_SIZE) {
		struct cursor l = cursor_over(tail + pos - ZIP_LOCATOR_SIZE, 4);

		zip64 = cursor_u32(&l) == ZIP_LOCATOR_MAGIC;
	}
	if (zip64) {
		if (!read_end64(dir, r, at - ZIP_LOCATOR_SIZE,
				tail + pos - ZIP_LOCATOR_SIZE, err))
			return false;
		end = at - ZIP_LOCATOR_SIZE - ZIP_END64_SIZE;
		if (!agrees(count, UINT16_MAX, dir->count) ||
		    !agrees(size, UINT32_MAX, dir->size) ||
		    !agrees(offset, UINT32_MAX, dir->offset))
			return error_set(err, ERROR_UNSAFE, at,
					 "the end record contradicts the zip64 "
					 "end record");
	} else if (size == UINT32_MAX || offset == UINT32_MAX) {
		return error_set(err, ERROR_CORRUPT, at,
				 "the end record refers to a zip64 end record, "
				 "there is none");
	}
	if (dir->offset > end || dir->size != end - dir->offset)
		return error_set(err, ERROR_CORRUPT, at,
				 "a directory of %" PRIu64 " bytes at %" PRIu64
				 " does not end at %" PRIu64
				 ", where the end records begin",
				 dir->size, dir->offset, end);
	return true;
}

static bool read_ends(struct directory *dir, const struct reader *r,
		      struct error *err)
{
	uint64_t most = ZIP_END_SIZE + COMMENT_LIMIT + ZIP_LOCATOR_SIZE;
	size_t len = r->size < most ? (size_t)r->size : (size_t)most, pos = 0;
	uint8_t last[ZIP_LOCATOR_SIZE + ZIP_END_SIZE], *tail;
	bool ok = false;

	if (r->size < ZIP_END_SIZE)
		return error_set(err, ERROR_TRUNCATED, 0,
				 "a zip archive needs %d bytes, this has %"
				 PRIu64, ZIP_END_SIZE, r->size);
	/* Most archives have no comment: then 42 bytes are enough. */
	if (len > sizeof(last)) {
		if (!reader_read(r, r->size - sizeof(last), last, sizeof(last),
				 err))
			return false;
		if (is_end_record(last, sizeof(last), ZIP_LOCATOR_SIZE))
			return read_end(dir, r, last, sizeof(last),
					ZIP_LOCATOR_SIZE, err);
	}
	tail = memory_array(len, 1, err);
	if (!tail)
		return false;
	if (!reader_read(r, r->size - len, tail, len, err) ||
	    !find_end(tail, len, r->size, &pos, err))
		goto done;
	ok = read_end(dir, r, tail, len, pos, err);
done:
	free(tail);
	return ok;
}

/* ---- central directory ---- */

static bool check_zip64_field(size_t size, size_t need, bool seen, uint64_t at,
			      struct error *err)
{
	if (need == 0)
		return error_set(err, ERROR_UNSAFE, at,
				 "zip64 field of %zu bytes, its header needs "
				 "none", size);
	if (seen)
		return error_set(err, ERROR_UNSAFE, at, "two zip64 fields");
	if (size != need)
		return error_set(err, ERROR_UNSAFE, at,
				 "zip64 field of %zu bytes, its header needs "
				 "one of %zu", size, need);
	return true;
}

/*
 * Walk the extra blocks of a central header.  A zip64 block must be there
 * exactly if a field is all ones, and hold exactly those fields.
 */
static bool read_extra(struct zip_member *m, const uint8_t *extra, size_t len,
		       uint64_t at, struct error *err)
{
	struct cursor c = cursor_over(extra, len);
	bool big_usize = m->usize == UINT32_MAX;
	bool big_csize = m->csize == UINT32_MAX;
	bool big_header = m->header == UINT32_MAX;
	size_t need = 8u * ((size_t)big_usize + big_csize + big_header);
	bool seen = false;

	while (cursor_left(&c) > 0 && !c.bad) {
		uint16_t id = cursor_u16(&c), size = cursor_u16(&c);
		const uint8_t *data = cursor_take(&c, size);
		struct cursor z = cursor_over(data, size);

		if (c.bad)
			break;
		if (id == EXTRA_UNICODE_PATH)
			return error_set(err, ERROR_UNSAFE, at,
					 "an extra field gives it another "
					 "name");
		if (id != ZIP_EXTRA_ZIP64)
			continue;
		if (!check_zip64_field(size, need, seen, at, err))
			return false;
		seen = true;
		if (big_usize)
			m->usize = cursor_u64(&z);
		if (big_csize)
			m->csize = cursor_u64(&z);
		if (big_header)
			m->header = cursor_u64(&z);
	}
	if (c.bad)
		return error_set(err, ERROR_CORRUPT, at,
				 "its extra fields end inside one");
	if (!seen && need > 0)
		return error_set(err, ERROR_CORRUPT, at,
				 "it refers to a zip64 field, there is none");
	return true;
}

static bool check_member(const struct zip_member *m, uint16_t version,
			 uint64_t at, struct error *err)
{
	unsigned allowed = FLAG_DESCRIPTOR | FLAG_UTF8 | FLAG_DEFLATE;
	uint32_t type = m->attributes >> 16 & 0xf000;	/* as unix has it */
	bool said_folder = type == 0x4000 || (m->attributes & DOS_FOLDER);

	if (m->flags & 1)
		return error_set(err, ERROR_UNSUPPORTED, at, "it is encrypted");
	if (m->flags & ~allowed)
		return error_set(err, ERROR_UNSUPPORTED, at,
				 "flags 0x%04x, only 0x%04x are allowed",
				 m->flags, allowed);
	if (m->method != ZIP_STORED && m->method != ZIP_DEFLATED)
		return error_set(err, ERROR_UNSUPPORTED, at,
				 "compression method %u, only 0 and 8 are "
				 "read", m->method);
	if (version > VERSION_LIMIT)
		return error_set(err, ERROR_UNSUPPORTED, at,
				 "needs version %u of the format, %d is the "
				 "limit", version, VERSION_LIMIT);
	if (m->method == ZIP_STORED && m->csize != m->usize)
		return error_set(err, ERROR_UNSAFE, at,
				 "stored, but %" PRIu64 " bytes are said to "
				 "become %" PRIu64, m->csize, m->usize);
	if (type != 0 && type != 0x8000 && type != 0x4000)
		return error_set(err, ERROR_UNSAFE, at,
				 "it is a symbolic link or a special file");
	/* torch's reader goes by the attributes, and then reads nothing. */
	if (said_folder && !m->folder)
		return error_set(err, ERROR_UNSAFE, at,
				 "its attributes say that it is a folder, its "
				 "name does not");
	if (m->folder && (m->usize != 0 || m->csize > 2))
		return error_set(err, ERROR_UNSAFE, at,
				 "a folder with %" PRIu64 " bytes in it",
				 m->usize);
	return true;
}

static bool read_member(struct zip *zip, struct zip_member *m,
			struct cursor *c, uint64_t at, struct error *err)
{
	uint16_t version, name_len, extra_len, comment_len, disk;
	const uint8_t *name, *extra;
	uint32_t magic;

	magic = cursor_u32(c);
	cursor_u16(c);			/* made by */
	version = cursor_u16(c);
	m->flags = cursor_u16(c);
	m->method = cursor_u16(c);
	cursor_u32(c);			/* time and date */
	m->crc = cursor_u32(c);
	m->csize = cursor_u32(c);
	m->usize = cursor_u32(c);
	name_len = cursor_u16(c);
	extra_len = cursor_u16(c);
	comment_len = cursor_u16(c);
	disk = cursor_u16(c);
	cursor_u16(c);			/* internal attributes */
	m->attributes = cursor_u32(c);
	m->header = cursor_u32(c);
	name = cursor_take(c, name_len);
	extra = cursor_take(c, extra_len);
	cursor_take(c, comment_len);
	if (c->bad || magic != ZIP_CENTRAL_MAGIC)
		return error_set(err, ERROR_CORRUPT, at,
				 "no whole central header here");
	if (!zip_check_name((const char *)name, name_len,
			    m->flags & FLAG_UTF8, at, err))
		return false;
	m->name = arena_copy(&zip->arena, name, name_len, err);
	if (!m->name)
		return false;
	m->name_len = name_len;
	m->folder = m->name[name_len - 1] == '/';
	if ((disk == 0 || error_set(err, ERROR_UNSUPPORTED, at,
				    "an archive of several disks")) &&
	    read_extra(m, extra, extra_len, at, err) &&
	    check_member(m, version & 0xff, at, err))
		return true;
	return error_in(err, NULL, m->name);
}

static bool read_members(struct zip *zip, const struct directory *dir,
			 const struct reader *r, struct error *err)
{
	struct cursor c;
	uint8_t *bytes = NULL;
	bool ok = false, crc_seen = false;

	if (dir->count == 0)
		return error_set(err, ERROR_CORRUPT, dir->offset,
				 "an archive without members");
	if (dir->count > MEMBER_LIMIT || dir->size > DIRECTORY_LIMIT)
		return error_set(err, ERROR_LIMIT, dir->offset,
				 "%" PRIu64 " members in a directory of %"
				 PRIu64 " bytes, over the limit of %d in %u",
				 dir->count, dir->size, MEMBER_LIMIT,
				 DIRECTORY_LIMIT);
	if (dir->size / ZIP_CENTRAL_SIZE < dir->count)
		return error_set(err, ERROR_CORRUPT, dir->offset,
				 "%" PRIu64 " members do not fit into a "
				 "directory of %" PRIu64 " bytes", dir->count,
				 dir->size);
	bytes = memory_array((size_t)dir->size, 1, err);
	zip->members = arena_array(&zip->arena, (size_t)dir->count,
				   sizeof(*zip->members), err);
	if (!bytes || !zip->members ||
	    !reader_read(r, dir->offset, bytes, (size_t)dir->size, err))
		goto done;
	c = cursor_over(bytes, (size_t)dir->size);
	for (; zip->count < dir->count; zip->count++) {
		struct zip_member *m = &zip->members[zip->count];

		if (!read_member(zip, m, &c, dir->offset + c.pos, err))
			goto done;
		crc_seen |= m->crc != 0;
	}
	zip->crc_absent = !crc_seen;
	if (cursor_left(&c) > 0) {
		error_set(err, ERROR_UNSAFE, dir->offset + c.pos,
			  "%zu bytes of the directory belong to no member",
			  cursor_left(&c));
		goto done;
	}
	ok = true;
done:
	free(bytes);
	return ok;
}

/* ---- local headers ---- */

/* Sizes in a local zip64 block, which stands in for both 32-bit fields. */
static bool read_local64(const struct zip_member *m, const struct reader *r,
			 uint64_t at, uint16_t len, uint64_t *csize,
			 uint64_t *usize, struct error *err)
{
	uint8_t *extra = memory_array(len, 1, err);
	struct cursor c;
	bool ok = false;

	if (!extra || !reader_read(r, at, extra, len, err))
		goto done;
	c = cursor_over(extra, len);
	while (cursor_left(&c) > 0 && !c.bad) {
		uint16_t id = cursor_u16(&c), size = cursor_u16(&c);

		if (id != ZIP_EXTRA_ZIP64) {
			cursor_take(&c, size);
			continue;
		}
		*usize = cursor_u64(&c);
		*csize = cursor_u64(&c);
		ok = size == 16 && !c.bad;
		break;
	}
	if (!ok)
		error_set(err, ERROR_CORRUPT, m->header,
			  "its local header refers to a zip64 field of 16 "
			  "bytes, there is none");
done:
	free(extra);
	return ok;
}

static bool check_local_sizes(const struct zip_member *m,
			      const struct reader *r, uint32_t crc,
			      uint64_t csize, uint64_t usize,
			      uint16_t extra_len, struct error *err)
{
	if (csize == UINT32_MAX && usize == UINT32_MAX &&
	    !read_local64(m, r, m->data - extra_len, extra_len, &csize,
			  &usize, err))
		return false;
	/* Python writes a folder's local csize before it deflates nothing. */
	if (crc == m->crc && usize == m->usize &&
	    (csize == m->csize || m->folder))
		return true;
	return error_set(err, ERROR_UNSAFE, m->header,
			 "local header says CRC %08" PRIx32 ", %" PRIu64
			 " of %" PRIu64 " bytes, the directory %08" PRIx32
			 ", %" PRIu64 " of %" PRIu64, crc, csize, usize,
			 m->crc, m->csize, m->usize);
}

/* Compare the local header with the directory and find the data behind it. */
static bool read_local(struct zip_member *m, const struct reader *r,
		       struct error *err)
{
	uint8_t bytes[ZIP_LOCAL_SIZE + 1024];
	size_t len = ZIP_LOCAL_SIZE + m->name_len;
	struct cursor c;
	unsigned shared = FLAG_DESCRIPTOR | FLAG_UTF8;
	uint16_t flags, method, name_len, extra_len;
	uint32_t magic, crc, csize, usize;
	const uint8_t *name;

	if (!reader_read(r, m->header, bytes, len, err))
		return false;
	c = cursor_over(bytes, len);
	magic = cursor_u32(&c);
	cursor_u16(&c);			/* version: torch writes 0 */
	flags = cursor_u16(&c);
	method = cursor_u16(&c);
	cursor_u32(&c);			/* time and date */
	crc = cursor_u32(&c);
	csize = cursor_u32(&c);
	usize = cursor_u32(&c);
	name_len = cursor_u16(&c);
	extra_len = cursor_u16(&c);
	name = cursor_take(&c, m->name_len);
	if (magic != ZIP_LOCAL_MAGIC)
		return error_set(err, ERROR_CORRUPT, m->header,
				 "no local header here");
	if (name_len != m->name_len || !name ||
	    memcmp(name, m->name, name_len) != 0)
		return error_set(err, ERROR_UNSAFE, m->header,
				 "local header and directory give it different "
				 "names");
	if (method != m->method || (flags & shared) != (m->flags & shared))
		return error_set(err, ERROR_UNSAFE, m->header,
				 "local header says method %u and flags "
				 "0x%04x, the directory %u and 0x%04x", method,
				 flags, m->method, m->flags);
	m->data = m->header + ZIP_LOCAL_SIZE + name_len + extra_len;
	/*
	 * With a descriptor the sizes and the extra fields here mean nothing:
	 * torch leaves zeros and a zip64 block that is not one.
	 */
	if (flags & FLAG_DESCRIPTOR)
		return true;
	return check_local_sizes(m, r, crc, csize, usize, extra_len, err);
}

/*
 * The descriptor must fill the space up to what comes next, so its size is
 * known from that; it cannot be told from the sizes of the member.
 */
static bool check_descriptor(const struct zip_member *m,
			     const struct reader *r, uint64_t at,
			     uint64_t len, struct error *err)
{
	bool magic = len == 16 || len == 24;
	unsigned wide = len >= 20 ? 8 : 4;
	uint8_t bytes[24];
	struct cursor c;
	uint32_t crc;
	uint64_t csize, usize;

	if (len != 12 && len != 16 && len != 20 && len != 24)
		return error_set(err, ERROR_UNSAFE, at,
				 "%" PRIu64 " bytes behind its data belong to "
				 "no member, and no data descriptor has that "
				 "length", len);
	if (!reader_read(r, at, bytes, (size_t)len, err))
		return false;
	c = cursor_over(bytes, (size_t)len);
	if (magic && cursor_u32(&c) != ZIP_DESCRIPTOR_MAGIC)
		return error_set(err, ERROR_CORRUPT, at,
				 "no data descriptor here");
	crc = cursor_u32(&c);
	csize = cursor_le(&c, wide);
	usize = cursor_le(&c, wide);
	if (crc != m->crc || csize != m->csize || usize != m->usize)
		return error_set(err, ERROR_UNSAFE, at,
				 "data descriptor says CRC %08" PRIx32 ", %"
				 PRIu64 " of %" PRIu64 " bytes, the directory "
				 "%08" PRIx32 ", %" PRIu64 " of %" PRIu64,
				 crc, csize, usize, m->crc, m->csize,
				 m->usize);
	return true;
}

/* A member must end where the next thing starts: no hole, no overlap. */
static bool check_coverage(const struct zip_member *m,
			   const struct reader *r, uint64_t next,
			   struct error *err)
{
	uint64_t end;

	if (m->data > next || m->csize > next - m->data)
		return error_set(err, ERROR_UNSAFE, m->header,
				 "its %" PRIu64 " bytes at %" PRIu64
				 " reach over %" PRIu64
				 ", where something else starts",
				 m->csize, m->data, next);
	end = m->data + m->csize;
	if (m->flags & FLAG_DESCRIPTOR)
		return check_descriptor(m, r, end, next - end, err);
	if (end != next)
		return error_set(err, ERROR_UNSAFE, end,
				 "%" PRIu64 " bytes behind its data belong to "
				 "no member", next - end);
	return true;
}

static int by_header(const void *a, const void *b)
{
	uint64_t x = (*(const struct zip_member *const *)a)->header;
	uint64_t y = (*(const struct zip_member *const *)b)->header;

	return x < y ? -1 : x > y;
}

static bool check_locals(struct zip *zip, const struct directory *dir,
			 const struct reader *r, struct error *err)
{
	struct zip_member **sorted = memory_array(zip->count, sizeof(*sorted),
						  err);
	const struct zip_member *last;
	bool ok = false;

	if (!sorted)
		return false;
	for (size_t i = 0; i < zip->count; i++)
		sorted[i] = &zip->members[i];
	qsort(sorted, zip->count, sizeof(*sorted), by_header);
	if (sorted[0]->header != 0) {
		error_set(err, ERROR_UNSAFE, 0,
			  "the first member starts at %" PRIu64 ", not at 0",
			  sorted[0]->header);
		goto done;
	}
	last = sorted[zip->count - 1];
	if (last->header >= dir->offset) {
		error_set(err, ERROR_CORRUPT, dir->offset,
			  "its local header would be at %" PRIu64
			  ", the directory starts at %" PRIu64, last->header,
			  dir->offset);
		error_in(err, NULL, last->name);
		goto done;
	}
	for (size_t i = 0; i < zip->count; i++) {
		uint64_t next = i + 1 < zip->count ? sorted[i + 1]->header
						   : dir->offset;

		if (!read_local(sorted[i], r, err) ||
		    !check_coverage(sorted[i], r, next, err)) {
			error_in(err, NULL, sorted[i]->name);
			goto done;
		}
	}
	ok = true;
done:
	free(sorted);
	return ok;
}

bool zip_read_directory(struct zip *zip, const struct reader *r,
			struct error *err)
{
	struct directory dir = { 0 };
	struct reader_ahead ahead = { 0 };
	const struct reader_near near = { r, &ahead };
	struct reader headers = reader_near(&near);

	*zip = (struct zip){ 0 };
	if (read_ends(&dir, r, err) && read_members(zip, &dir, r, err) &&
	    zip_index_names(zip, err) &&
	    check_locals(zip, &dir, &headers, err))
		return true;
	zip_free(zip);
	return false;
}

void zip_free(struct zip *zip)
{
	arena_free(&zip->arena);
	*zip = (struct zip){ 0 };
}
