/*
 * remarks.h - what is worth saying of a name that was resolved all the same
 *
 * There are a few at most, whatever is in a folder: the like are counted, and
 * the first is named.  Zeroed is none.
 */
#ifndef REMOTE_REMARKS_H
#define REMOTE_REMARKS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define REMARKS_MOST 8

struct remarks {
	struct error items[REMARKS_MOST];
	size_t count;
	bool bad;		/* something could not be read */
};

/* An empty one to fill in; the last of all if there is no room. */
struct error *remarks_add(struct remarks *r);

#endif
