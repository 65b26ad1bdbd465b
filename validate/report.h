/*
 * report.h - what mpt-validate prints
 *
 * Verdicts go to standard output, one line a bundle in the order of their
 * paths, as soon as all before it are known; or JSON.  Notes and the summary
 * go to standard error.  Names of files and texts from inside them are
 * escaped.  report_done() may be called by any thread.
 */
#ifndef VALIDATE_REPORT_H
#define VALIDATE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/progress_bar.h"
#include "validate/find.h"
#include "validate/rules.h"
#include "validate/settings.h"

struct totals {
	size_t ok, bad, skipped, not_begun;
	uint64_t nbytes;
};

struct report {
	const struct settings *settings;
	const struct candidates *candidates;
	struct result *results;	/* borrowed; emptied once printed */
	bool *done;		/* [candidates->count] */
	size_t next;		/* the first that is not printed yet */
	struct totals totals;
	bool color, broken;
	bool shared;		/* results and bar share a terminal */
	struct timespec start;
	struct progress_bar bar;
	struct buffer line;	/* what is printed next */
	struct error fault;	/* of that line */
	struct error error;	/* of standard output, or memory */
};

bool report_begin(struct report *r, const struct settings *settings,
		  const struct candidates *candidates, struct result *results,
		  struct error *err);

/* Result number 'index' is final. */
void report_done(struct report *r, size_t index);

/* Print the summary; false if standard output could not take everything. */
bool report_end(struct report *r, struct error *err);

void report_free(struct report *r);

#endif
