/*
 * journal.h - what was done below each folder that bundles go into
 *
 * ROOT/.mpt-convert/journal.jsonl, or journal-K-of-N.jsonl of a shard: a line
 * for each source (record.h), added once its bundle is durable.  ROOT is the
 * output folder, or with --in-place each folder that the user named; bundles
 * beside a file that was named have no journal.  Of several lines for one
 * source the latest counts.  On S3 each run has journals of its own, in parts
 * (journal_object.h).
 *
 * While journals are open the process has a claim on each root that is a
 * folder (claim.h).
 */
#ifndef CONVERT_JOURNAL_H
#define CONVERT_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/append.h"
#include "base/error.h"
#include "base/folder.h"
#include "convert/claim.h"
#include "convert/journal_object.h"
#include "convert/plan.h"
#include "convert/result.h"
#include "convert/settings.h"

#define JOURNAL_FOLDER ".mpt-convert"

struct journal {
	char *root;		/* less the slashes at its end; owned */
	size_t root_len;	/* with --in-place, job->root_len of its jobs */
	struct folder folder;	/* JOURNAL_FOLDER in it */
	struct append_file file;
	struct claim claim;
	struct journal_object object;	/* instead, if the root is on S3 */
};

struct journals {
	struct journal *items;	/* malloc'ed, [count] */
	size_t count, capacity;
	bool one;		/* for all jobs: that of --output */
	char options[DIGEST_HEX_SIZE];	/* see record_options() */
	bool sync;		/* lines of sources are made durable */
	struct error error;	/* why the first line that could not be added
				   could not */
};

/* Is it the name of a journal? */
bool journal_is_name(const char *file_name);

/*
 * Find the roots of a plan's jobs, and unless the settings are read-only make
 * and open their journals.  --check has none.  Everything is closed on failure.
 */
bool journals_open(struct journals *js, const struct plan *plan,
		   const struct settings *settings, struct error *err);

/* The journal that a job belongs into, or NULL. */
struct journal *journals_of(const struct journals *js, const struct job *job);

/*
 * Say that a run begins, and remove what processes that were killed have left,
 * counting it.
 */
bool journals_begin(struct journals *js, const struct plan *plan,
		    const struct settings *settings, size_t *removed,
		    struct error *err);

/* Lines of several jobs, one journal after the other.  Zeroed is empty. */
struct journal_lines {
	struct journal *journal;	/* that these are for */
	struct buffer text;
};

/*
 * Add the line of a job that is done.  Lines are written once there are many,
 * or they are for another journal, or by journals_flush().  That a journal
 * cannot be written is kept in js->error, once.  Any thread may call these,
 * with lines of its own.
 */
void journals_add(struct journals *js, struct journal_lines *lines,
		  const struct job *job, const struct result *result);
void journals_flush(struct journals *js, struct journal_lines *lines);

/* Say that the run ended, and let the claims go. */
void journals_end(struct journals *js, size_t not_begun);

void journals_close(struct journals *js);

#endif
