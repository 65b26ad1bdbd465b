/*
 * sources.h - files and objects that could be checkpoints, by their names
 *
 * Names are hostile.  A list owns its strings.
 */
#ifndef CONVERT_SOURCES_H
#define CONVERT_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/options.h"

struct source {
	const char *path;	/* as the user would name it */
	const char *relative;	/* below its root; for a file, its name */
	bool named;		/* by the user; not found in a folder */
	uint64_t nbytes;
	struct timespec mtime;
	uint64_t inode;		/* of a file */
	const char *etag;	/* of an object on S3, else NULL */
	const char *skip;	/* why not to convert it, or NULL */
	const struct error *error;	/* why it cannot be read, or NULL */
};

struct sources {
	struct source *items;	/* malloc'ed, [count] */
	size_t count, capacity;
	struct arena arena;
};

struct source_filter {
	const struct option_list *include;	/* empty: *.mpt and *.pt */
	const struct option_list *exclude;
	const char *output;	/* what lies below is no source; or NULL */
};

/* Add one, of which nothing is known yet; NULL for lack of memory. */
struct source *sources_add(struct sources *sources, const char *path,
			   const char *relative, struct error *err);

/* Record why one cannot be read. */
bool sources_set_fault(struct sources *sources, struct source *source,
		       const struct error *fault, struct error *err);

/*
 * Add a root that cannot be looked at, which costs only what lies there.  False
 * if that is for lack of memory, or for interruption.
 */
bool sources_add_fault(struct sources *sources, const char *root,
		       const struct error *fault, struct error *err);

/*
 * What belongs into such trees and is no checkpoint, by its name: why not, or
 * NULL.
 */
const char *sources_known_name(const char *name);

/* Do the patterns want it, and do they refuse it? */
bool sources_is_candidate(const struct source_filter *filter,
			  const char *relative);
bool sources_is_excluded(const struct source_filter *filter,
			 const char *relative);

/* Sort by relative path, then path. */
void sources_sort(struct sources *sources);

void sources_free(struct sources *sources);

#endif
