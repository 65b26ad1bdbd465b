/*
 * report.h - what mpt-validate prints, and the reports it writes
 *
 * Verdicts go to standard output, in the order of the bundles' paths, as soon
 * as all before it are known; to files as well if reports were asked for.  What
 * they look like is the business of validate/report_form.h.  The summary goes
 * to standard error.  Files appear at the end, and only if every bundle was
 * judged, and there was one: an empty report would look like a clean one.
 * report_done() may be called by any thread.
 */
#ifndef VALIDATE_REPORT_H
#define VALIDATE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/error.h"
#include "base/progress_bar.h"
#include "validate/find.h"
#include "validate/report_form.h"
#include "validate/rules.h"
#include "validate/settings.h"

struct report_sink;

struct report {
	const struct settings *settings;
	const struct candidates *candidates;
	struct result *results;	/* borrowed; emptied once reported */
	bool *done;		/* [candidates->count] */
	size_t next;		/* the first that is not reported yet */
	struct totals totals;
	struct report_sink *sinks;	/* [sink_count]; the first prints */
	size_t sink_count;
	bool broken;		/* standard output is */
	bool shared;		/* results and bar share a terminal */
	struct timespec start;
	struct progress_bar bar;
	struct error error;	/* of standard output, a file, or memory */
};

bool report_begin(struct report *r, const struct settings *settings,
		  const struct candidates *candidates, struct result *results,
		  struct error *err);

/* Is there a form that shows what tensors are like? */
bool report_wants_statistics(const struct report *r);

/* Result number 'index' is final. */
void report_done(struct report *r, size_t index);

/*
 * Print the summary and put the files in their places.  False if standard
 * output or a file could not take everything.
 */
bool report_end(struct report *r, struct error *err);

void report_free(struct report *r);

#endif
