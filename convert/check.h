/*
 * check.h - is the bundle that is there the one that would be written
 *
 * The audit before sources are deleted: the spec and every tensor are compared
 * bit for bit, through the same loops that write them.  Nothing is written.
 * What is there is hostile; links are not followed.
 */
#ifndef CONVERT_CHECK_H
#define CONVERT_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"
#include "convert/checkpoint.h"

enum check_verdict {
	CHECK_MISSING,		/* there is nothing of its name */
	CHECK_DIFFERS,
	CHECK_SAME_WEIGHTS,	/* but another spec, which is sound */
	CHECK_SAME
};

struct checked {
	enum check_verdict verdict;
	uint64_t nbytes;		/* that the members would have */
	struct error difference;	/* where, unless they are the same */
};

/* Where the bundle should be. */
struct check_place {
	const char *dest;
	bool archive;		/* a zip archive, not a folder */
	bool sync;		/* if it is the same it shall be durable: what
				   was compared may be in memory only */
};

/*
 * Hold checkpoint c, whose keys are final, and the text of its policy spec
 * against the bundle that is there.  What else is in that becomes a note of
 * the checkpoint.  False if the source or the bundle cannot be read, or the
 * source could not be converted.
 */
bool check_bundle(struct checked *checked, struct checkpoint *c,
		  const struct buffer *spec, const struct check_place *place,
		  struct scratch *scratch, struct error *err);

#endif
