/*
 * report.h - what mpt-convert prints
 *
 * Results go to standard output, one line a source in plan order, as soon as
 * all before it are done; or JSON; or the names of the sources that may be
 * deleted.  Notes, faults, progress and the summary
 * go to standard error.  Names of files and texts from inside them are
 * escaped.  report_done() may be called by any thread.
 */
#ifndef CONVERT_REPORT_H
#define CONVERT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/progress_bar.h"
#include "convert/plan.h"
#include "convert/result.h"
#include "convert/settings.h"

struct totals {
	size_t converted, kept, skipped, failed, not_begun;
	size_t same, different, missing;	/* of --check */
	size_t unlisted;	/* same, but not fit for the list */
	uint64_t source_nbytes, bundle_nbytes;	/* of what was converted or is
						   the same */
};

struct report {
	const struct settings *settings;
	const struct plan *plan;
	struct result **results;	/* done and not printed yet, if there
					   was memory; [plan->count] */
	bool *done;		/* [plan->count] */
	size_t next;		/* the first that is not printed yet */
	bool *used;		/* lines of settings->architecture_map */
	struct totals totals;
	bool color, broken;
	bool shared;		/* results and bar share a terminal */
	struct timespec start;
	struct progress_bar bar;
	struct buffer line;	/* the one that is being built */
	struct error error;	/* of one that could not be told */
};

bool report_begin(struct report *r, const struct settings *settings,
		  const struct plan *plan, struct error *err);

/* Take over the final result of job number 'index', or NULL: out of memory. */
void report_done(struct report *r, size_t index, struct result *result);

/* Print the summary; false if standard output could not take everything. */
bool report_end(struct report *r, struct error *err);

/* Nothing failed, and of what was checked nothing differs or is missing. */
bool report_is_good(const struct totals *totals);

void report_free(struct report *r);

#endif
