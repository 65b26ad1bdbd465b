/*
 * reader.h - bytes that can be read at any offset: a file, or a part of one
 *
 * Parsers take a reader, so they never learn what is behind it.  A reader is a
 * small value that borrows what it reads from; a window is a reader over a
 * part of another.  Several threads may read through one at the same time.
 */
#ifndef BASE_READER_H
#define BASE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct reader {
	/* Exactly len bytes at offset of the whole source, or an error. */
	bool (*read)(const void *source, uint64_t offset, void *buf,
		     size_t len, struct error *err);
	const void *source;	/* borrowed */
	uint64_t start, size;	/* the span this reader shows */
};

/*
 * Exactly len bytes at offset of the reader's span.  An offset outside it is
 * ERROR_TRUNCATED with the offset and both sizes: offsets may be hostile.
 */
bool reader_read(const struct reader *r, uint64_t offset, void *buf,
		 size_t len, struct error *err);

/* Show only size bytes from offset on; both must lie inside r's span. */
bool reader_window(struct reader *window, const struct reader *r,
		   uint64_t offset, uint64_t size, struct error *err);

struct reader_bytes {
	const void *data;
	size_t len;
};

/* Show bytes that are in memory; *bytes must outlive the reader. */
struct reader reader_memory(const struct reader_bytes *bytes);

#define READER_AHEAD_SIZE 4096u

/* What was read last.  Zeroed it is nothing. */
struct reader_ahead {
	uint64_t offset;
	size_t len;
	uint8_t bytes[READER_AHEAD_SIZE];	/* [len], from offset on */
};

struct reader_near {
	const struct reader *far;
	struct reader_ahead *ahead;
};

/*
 * Show what near->far shows, for many short reads that lie close to each other:
 * one that is shorter than READER_AHEAD_SIZE brings along what follows it.
 * *near and what it points to must outlive the reader, which is for one thread.
 */
struct reader reader_near(const struct reader_near *near);

#endif
