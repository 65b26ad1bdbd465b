/*
 * journal_read.h - the lines of journals, one by one
 *
 * Memory is that of the longest line.  Others may add lines meanwhile.  Lines
 * that are no records, as a process leaves that was killed, are counted and
 * passed over; so is what follows the last newline.
 */
#ifndef CONVERT_JOURNAL_READ_H
#define CONVERT_JOURNAL_READ_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/folder.h"
#include "convert/record.h"

struct journal_taker {
	/*
	 * The record's strings last for the call; the line is that it was
	 * parsed from.  Its time is at least that of all lines above it.
	 */
	bool (*take)(void *to, const struct record *record, const char *line,
		     size_t len, struct error *err);
	void *to;		/* borrowed */
};

/* ROOT/.mpt-convert: an open folder, or a prefix on S3, or neither. */
struct journal_folder {
	struct folder folder;
	char *prefix;		/* owned */
};

/* Find it; if there is none, it is neither. */
bool journal_find_folder(struct journal_folder *f, const char *root,
			 struct error *err);

void journal_close_folder(struct journal_folder *f);

/* Read one journal in it; *unreadable is added to. */
bool journal_read(const struct journal_folder *in, const char *name,
		  const struct journal_taker *taker, size_t *unreadable,
		  struct error *err);

/* The names of the journals in it, sorted. */
struct journal_names {
	char **names;		/* malloc'ed, and so is each; [count] */
	size_t count, capacity;
};

bool journal_list(struct journal_names *list, const struct journal_folder *in,
		  struct error *err);

void journal_free_names(struct journal_names *list);

#endif
