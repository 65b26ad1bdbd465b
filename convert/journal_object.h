/*
 * journal_object.h - a journal on S3, where nothing can be appended to
 *
 * Each run has one of its own, in parts: the last part is sent again whenever
 * lines are added, until it is large; then the next one begins.  Nobody else
 * writes to them, so they need no locks.
 *
 *	ROOT/.mpt-convert/<name>.<time>-<id>.<part>.jsonl
 *
 * A zeroed struct is closed; closing twice is harmless.  One thread at a time.
 */
#ifndef CONVERT_JOURNAL_OBJECT_H
#define CONVERT_JOURNAL_OBJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"

struct journal_object {
	char *path;		/* up to its parts' numbers; owned */
	unsigned part;
	struct buffer lines;	/* of the part that grows */
	bool unsent;		/* some of them could not be sent yet */
};

/* Choose its name; nothing is sent yet. */
bool journal_object_open(struct journal_object *j, const char *folder,
			 const char *name, struct error *err);

/*
 * Add whole lines; they are durable once this returns.  If it fails they are
 * sent with those that are added next, as long as they are not too many.
 */
bool journal_object_add(struct journal_object *j, const char *lines,
			size_t len, struct error *err);

/* Are two names those of parts of one run's journal? */
bool journal_object_same_run(const char *a, const char *b);

void journal_object_close(struct journal_object *j);

#endif
