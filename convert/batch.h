/*
 * batch.h - do all jobs of a plan, in parallel
 */
#ifndef CONVERT_BATCH_H
#define CONVERT_BATCH_H

#include <stdbool.h>

#include "base/error.h"
#include "convert/plan.h"
#include "convert/report.h"
#include "convert/settings.h"

/*
 * Run the jobs on settings->jobs threads (0: as many as are allowed) and
 * report each.  spill_folder is where unnamed temporary files go.  False if
 * the work could not be done at all, or not be reported; the faults of single
 * files are in the totals.
 */
bool batch_run(const struct plan *plan, const struct settings *settings,
	       const char *spill_folder, struct totals *totals,
	       struct error *err);

#endif
