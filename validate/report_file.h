/*
 * report_file.h - the file of a report: there whole, or not at all
 *
 * It is written beside its place and renamed once it is complete, so that
 * nobody reads half of it, and a run that fails leaves what was there.  Only a
 * regular file is replaced: no device, link or folder.  A zeroed struct is
 * closed; discarding twice is harmless.  Errors carry the path.
 */
#ifndef VALIDATE_REPORT_FILE_H
#define VALIDATE_REPORT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/append.h"
#include "base/error.h"
#include "base/file.h"
#include "base/folder.h"

struct report_file {
	const char *path;	/* borrowed; NULL: closed */
	const char *name;	/* its last part */
	struct folder folder;
	struct file file;
	bool appends;		/* then there is no file, but this: */
	struct append_file lines;
	char temporary[64];	/* what is to be renamed, or "" */
	uint64_t nbytes;	/* written, and before in what is appended to */
};

/* Fails now, rather than after all the work, if it cannot be written. */
bool report_file_create(struct report_file *f, const char *path,
			struct error *err);

/* For a file that others write to as well: what it has is kept. */
bool report_file_append(struct report_file *f, const char *path,
			struct error *err);

bool report_file_write(struct report_file *f, const void *data, size_t len,
		       struct error *err);

/* Put it in its place and close. */
bool report_file_commit(struct report_file *f, struct error *err);

void report_file_discard(struct report_file *f);

#endif
