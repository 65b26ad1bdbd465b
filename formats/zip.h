/*
 * zip.h - read zip archives, the part of them on which all readers agree
 *
 * One file can show different members to different zip readers: by names that
 * repeat, by headers that contradict each other, by bytes outside every member.
 * zip_read_directory() accepts an archive only if its local headers, central
 * directory, end records and coverage agree, so that torch, Python, unzip and
 * this program see the same.  Layouts: APPNOTE.TXT 6.3.10, 4.3; what torch
 * writes was checked with 1.13 and 2.13.
 *
 *	local header, name, extra, data [, descriptor]      for each member
 *	central header, name, extra, comment                for each member
 *	[zip64 end record, zip64 locator,] end record [, comment]
 *
 * Input is hostile.  A struct zip is constant once read: any number of threads
 * may look members up and stream them.
 */
#ifndef FORMATS_ZIP_H
#define FORMATS_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/reader.h"
#include "formats/inflate.h"

enum zip_method { ZIP_STORED = 0, ZIP_DEFLATED = 8 };

struct zip_member {
	const char *name;	/* UTF-8, no NUL inside, NUL-terminated */
	size_t name_len;
	uint32_t crc;		/* CRC-32 of the uncompressed bytes */
	uint16_t method;	/* enum zip_method */
	uint16_t flags;
	uint64_t header;	/* offset of its local header */
	uint64_t data;		/* offset of its (compressed) bytes */
	uint64_t csize, usize;	/* compressed, uncompressed bytes */
	uint32_t attributes;	/* external attributes */
	bool folder;		/* the name ends in a slash */
};

struct zip {
	struct zip_member *members;	/* [count], central directory order */
	size_t count;
	bool crc_absent;	/* every CRC is 0: torch can leave them out */
	bool fast;		/* the reader may set it: see INFLATE_FAST; has
				   no effect without CRCs */
	const struct zip_member **by_name;	/* [count], sorted */
	struct arena arena;
};

/* True if the first 4 bytes are those of a zip archive with members. */
bool zip_is_magic(const uint8_t bytes[4]);

bool zip_read_directory(struct zip *zip, const struct reader *r,
			struct error *err);

void zip_free(struct zip *zip);

/* The member of exactly this name that is not a folder, or NULL. */
const struct zip_member *zip_find_member(const struct zip *zip,
					 const char *name, size_t name_len);

/*
 * The uncompressed bytes of a member, from first to last, with its CRC.  The
 * stream holds fixed buffers (under 256 KiB) whatever the member's size, and
 * as much again, and 128 KiB, while it finds out what is wrong with one.
 */
struct zip_stream;

/* NULL on error.  Borrows reader and member.  zip_stream_close() frees. */
struct zip_stream *zip_stream_open(const struct zip *zip,
				   const struct zip_member *member,
				   const struct reader *r, struct error *err);

/*
 * Exactly len bytes, or an error; the member's name is put into it.  To say
 * the same of a broken deflate stream, whoever reads it and in what pieces,
 * that of a large member is read a second time.
 */
bool zip_stream_read(struct zip_stream *s, void *buf, size_t len,
		     struct error *err);

/*
 * All bytes must have been read: check that the compressed data ends exactly
 * here and that the CRC is right.  Until then the bytes are not to be trusted.
 */
bool zip_stream_finish(struct zip_stream *s, struct error *err);

void zip_stream_close(struct zip_stream *s);

/* ---- what another thread inflated before it was read ---- */

struct zip_input {
	const struct zip_member *member;
	const struct reader *reader;
	enum inflate_way way;	/* if the member is deflated */
};

struct zip_input zip_stream_input(const struct zip_stream *s);

/* Where a stream is once all input that it read is inflated. */
struct zip_place {
	struct inflate *inflate;
	uint64_t taken;		/* compressed bytes */
	uint64_t given;		/* and what they became */
	const uint8_t *last;	/* the last of those, last_len of them */
	size_t last_len;
};

/* Input is read in steps of so many bytes. */
enum { ZIP_STEP = 128 << 10 };

struct zip_ahead {
	/* The next n compressed bytes will be read; or fewer, if it says so. */
	size_t (*limit)(void *with, uint64_t taken, size_t n);
	/*
	 * The bytes that follow this place, if they are there, up to len of
	 * them; returns how many.  The inflater and what is taken are then
	 * those of the end of all that is there: as long as more comes, the
	 * stream goes on from nowhere else.
	 */
	size_t (*read)(void *with, struct zip_place *place, uint8_t *to,
		       size_t len);
	void *with;
};

/* Ask this one from now on; nobody, if it is zeroed. */
void zip_stream_follow(struct zip_stream *s, struct zip_ahead ahead);

#endif
