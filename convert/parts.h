/*
 * parts.h - several threads at one large file
 *
 * A job is cut into numbered parts, which may be done in any order and at the
 * same time.  The thread that has the job begins with the first, and threads
 * of the batch that have nothing else to do come and take parts, too: those
 * that wait at the end of the loop over checkpoints run its OpenMP tasks.  If
 * none comes, the job is done all the same.
 *
 * Parts are taken in their order and none is given up halfway, so the fault
 * that is reported is that of the first part that has one, whoever did it.
 */
#ifndef CONVERT_PARTS_H
#define CONVERT_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct scratch;

enum { PARTS_LARGE = 16 << 20 };	/* bytes; fewer need no help */

struct parts {
	/* Called by several threads at once, each with a scratch of its own. */
	bool (*do_part)(const void *job, size_t index,
			struct scratch *scratch, struct error *err);
	const void *job;	/* borrowed */
	size_t count;
};

/* Are there others in the batch, and is there so much to do that they pay? */
bool parts_pay(const struct scratch *scratch, uint64_t nbytes);

/* Do all parts; they are done when this returns. */
bool parts_do(const struct parts *parts, struct scratch *scratch,
	      struct error *err);

#endif
