/*
 * plan.h - which bundle each source becomes
 *
 * Jobs stand in report order, which is that of the sources; 'order' is the
 * order to work in, largest first, so that the last thread is not left with
 * the longest job.  Faults of names are found here, before any work: two
 * sources for one bundle, a bundle inside another.
 */
#ifndef CONVERT_PLAN_H
#define CONVERT_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"
#include "convert/walk.h"
#include "formats/bundle.h"

struct job {
	const struct source *source;
	const char *dest;	/* of the bundle; NULL if there is nothing to do */
	struct bundle_name name;
	const struct error *error;	/* why it cannot be done, or NULL */
};

struct plan {
	struct job *jobs;	/* malloc'ed, [count] */
	size_t *order;		/* malloc'ed, [count] */
	size_t count;
	struct arena arena;
};

/*
 * Plan all sources; they must stay where they are.  Bundles go below 'output'
 * with the sources' relative paths, or beside their sources if it is NULL.
 */
bool plan_make(struct plan *plan, const struct sources *sources,
	       const char *output, struct error *err);

void plan_free(struct plan *plan);

#endif
