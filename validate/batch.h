/*
 * batch.h - judge all candidates, in parallel
 */
#ifndef VALIDATE_BATCH_H
#define VALIDATE_BATCH_H

#include <stdbool.h>

#include "base/error.h"
#include "validate/find.h"
#include "validate/report.h"
#include "validate/settings.h"

/*
 * Judge on settings->jobs threads (0: as many as are allowed) and report each.
 * False if the work could not be done at all, or not be reported.
 */
bool batch_run(const struct candidates *candidates,
	       const struct settings *settings, struct totals *totals,
	       struct error *err);

#endif
