/*
 * reference_runs.h - where the judged candidates are, and what their runs have
 *
 * Part of validate/reference.
 */
#ifndef VALIDATE_REFERENCE_RUNS_H
#define VALIDATE_REFERENCE_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "validate/reference.h"

/*
 * Where each judged candidate is: sorted by folder, then run, then epoch.  For
 * those without an epoch the run is NULL.
 */
struct place {
	const char *folder;
	const char *run;
	size_t run_len;
	uint64_t epoch;
	size_t index;		/* of the candidate */
	uint64_t signature;	/* of its keys */
	bool readable;
	enum error_kind fault;	/* why it is not */
	char *reason;		/* malloc'ed: what the system said, or NULL */
};

/* Another reference, without keys; items of refs move. */
struct reference *reference_add(struct references *refs, const char *name,
				struct error *err);

/*
 * Read a reference's keys; what is wrong with it stays in r->error.  False is
 * for lack of memory and interruption.
 */
bool reference_load(struct reference *r, const char *path, struct error *err);

/*
 * Find the keys that most epochs of each run have.  numbers[] is by candidate:
 * one more than the place of its reference in refs; what is not one of a run of
 * several stays 0.
 */
bool reference_find_runs(struct references *refs, struct place *places,
			 size_t count, const struct candidates *candidates,
			 size_t *numbers, unsigned threads, struct error *err);

#endif
