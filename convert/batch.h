/*
 * batch.h - do all jobs of a plan, in parallel
 */
#ifndef CONVERT_BATCH_H
#define CONVERT_BATCH_H

#include <stdbool.h>

#include "base/error.h"
#include "convert/convert.h"
#include "convert/journal.h"
#include "convert/report.h"

/*
 * Run the jobs on settings->jobs threads (0: as many as are allowed), record
 * each in its journal, and report it.  spill_folder is where unnamed temporary
 * files go.  False if the work could not be done at all, or not be reported;
 * the faults of single files are in the totals, and those of journals in
 * journals->error.
 */
bool batch_run(const struct conversion *cv, struct journals *journals,
	       const char *spill_folder, struct totals *totals,
	       struct error *err);

#endif
