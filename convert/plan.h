/*
 * plan.h - which bundle each source becomes
 *
 * Jobs stand in report order, which is that of the sources; 'order' is the
 * order to work in, largest first, so that the last thread is not left with
 * the longest job.  Faults of names are found here, before any work: no
 * name for a bundle, a bundle inside another.  Of several sources for one
 * bundle the first is done first, and the others hang on it.  All that is
 * settled for all sources, and then the jobs of other shards are left out: so
 * the shards together do what one process would.
 */
#ifndef CONVERT_PLAN_H
#define CONVERT_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"
#include "convert/names.h"
#include "convert/settings.h"
#include "convert/sources.h"

struct job {
	const struct source *source;
	const char *dest;	/* of the bundle; NULL: nothing to do */
	size_t root_len;	/* how much of it the user named, with the
				   slash behind it */
	struct source_name name;
	const struct error *error;	/* why it cannot be done, or NULL */
	const struct job *same_as;	/* an earlier job for this bundle: this
					   one is done after it */
	struct job *next_same;	/* a later job for this bundle, or NULL */
};

struct plan {
	struct job *jobs;	/* malloc'ed, [count] */
	size_t *order;		/* malloc'ed, [count] */
	size_t count;
	struct arena arena;
};

/*
 * Plan the sources of settings->shard; all sources must stay where they are.
 * Bundles go below settings->output with the sources' relative paths, or
 * beside their sources.
 */
bool plan_make(struct plan *plan, const struct sources *sources,
	       const struct settings *settings, struct error *err);

/* Leave out the jobs for which keep[], [plan->count], is false. */
bool plan_keep(struct plan *plan, const bool *keep, struct error *err);

void plan_free(struct plan *plan);

#endif
