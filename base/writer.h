/*
 * writer.h - bytes that can be written at any offset: a file, or what acts so
 *
 * The twin of base/reader.h: what makes bytes takes a writer and never learns
 * what is behind it.  A small value that borrows what it writes to.
 */
#ifndef BASE_WRITER_H
#define BASE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct writer {
	/* All len bytes at this offset, or an error. */
	bool (*write)(void *to, uint64_t offset, const void *buf, size_t len,
		      struct error *err);
	void *to;		/* borrowed */
	bool any_order;		/* several threads may write at once */
};

static inline bool writer_write(const struct writer *w, uint64_t offset,
				const void *buf, size_t len,
				struct error *err)
{
	return w->write(w->to, offset, buf, len, err);
}

#endif
