/*
 * resume.h - is a source done already
 *
 * By its record in the journal, and by what is there.  The bundle is hostile:
 * somebody may have put another in its place.
 */
#ifndef CONVERT_RESUME_H
#define CONVERT_RESUME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "convert/checkpoint.h"
#include "convert/plan.h"
#include "convert/record.h"
#include "convert/result.h"

#define RESUME_WHY_SIZE 400

/*
 * Has the source not changed since, and is its bundle there, by a quick check:
 * the spec byte for byte, the weights' length and header?  Then *result is
 * that it is kept; else 'why' says for people why it is done again.
 */
bool resume_look(const struct record *past, const struct job *job,
		 bool archive, const char *options, struct result *result,
		 char why[RESUME_WHY_SIZE], struct error *err);

/* Did an earlier run write the bundle that the record speaks of? */
bool resume_is_ours(const struct record *past);

/* Is that bundle there still, byte for byte? */
bool resume_is_intact(const struct record *past, const struct job *job,
		      bool archive, struct scratch *scratch, bool *intact,
		      struct error *err);

#endif
