/*
 * append.h - a file of lines that several processes add to
 *
 * Lines are added whole, at the end, under a lock (of the open file: NFS has
 * that, too) where the file system has locks; without, lines of two machines
 * may mix, and readers must bear that anyway: a process that is killed leaves
 * part of a line, which whoever adds next ends with a newline.
 *
 * A zeroed struct is closed; closing twice is harmless.  One thread at a time.
 */
#ifndef BASE_APPEND_H
#define BASE_APPEND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/folder.h"

struct append_file {
	char *path;		/* for messages; owned */
	int fd;			/* valid if path is not NULL */
};

/* Open, or make, a file in a folder.  A link is not followed. */
bool append_open(struct append_file *f, const struct folder *in,
		 const char *name, struct error *err);

/* Add len bytes, whole lines; with sync make them durable. */
bool append_lines(struct append_file *f, const void *lines, size_t len,
		  bool sync, struct error *err);

void append_close(struct append_file *f);

#endif
