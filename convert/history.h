/*
 * history.h - what earlier runs did with the sources of a plan
 *
 * From all journals of the roots, those of other shards too: of several
 * records of a source the latest counts.  Constant once read: any number of
 * threads may look at it.
 */
#ifndef CONVERT_HISTORY_H
#define CONVERT_HISTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"
#include "convert/journal.h"
#include "convert/plan.h"
#include "convert/record.h"

struct history {
	const struct record **records;	/* malloc'ed, [plan->count]; NULL:
					   never tried */
	size_t unreadable;	/* lines */
	size_t sources;		/* records of any that there were */
	struct arena arena;
};

bool history_read(struct history *history, const struct journals *journals,
		  const struct plan *plan, struct error *err);

void history_free(struct history *history);

#endif
