/*
 * listing.h - everything that lies in a bundle, members and others
 *
 * Of a folder, all files below it; links are listed, not followed.  Names are
 * hostile.  Zeroed is empty.
 */
#ifndef VALIDATE_LISTING_H
#define VALIDATE_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/memory.h"
#include "validate/open.h"

struct listed {
	const char *name;	/* below the bundle, with slashes */
	mode_t mode;		/* type and permissions; 0: not told */
};

struct listing {
	struct listed *items;	/* malloc'ed, [count], sorted by name */
	size_t count, capacity;
	struct arena arena;
};

/*
 * Folders in a folder are listed as such, too.  More than LISTING_LIMIT names
 * are ERROR_LIMIT.
 */
enum { LISTING_LIMIT = 10000 };

bool listing_read(struct listing *listing, const struct container *c,
		  struct error *err);

void listing_free(struct listing *listing);

#endif
