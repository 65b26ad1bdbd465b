/*
 * walk.h - find the files that could be checkpoints
 *
 * Roots are files or folders, also behind file:// and ~.  A file that the user
 * named is always taken; in a folder, what the patterns match is.  Symbolic
 * links to folders are not followed, so there are no loops; links to files are.
 * Bundles, the output folder and temporary folders of this program are not
 * entered.  Nothing is opened but folders.  The result is sorted by relative
 * path, whatever order the file system has.
 */
#ifndef CONVERT_WALK_H
#define CONVERT_WALK_H

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
	uint64_t inode;
	const char *skip;	/* why not to convert it, or NULL */
	const struct error *error;	/* why it cannot be read, or NULL */
};

struct sources {
	struct source *items;	/* malloc'ed, [count] */
	size_t count, capacity;
	struct arena arena;
};

struct walk_filter {
	const struct option_list *include;	/* empty: *.mpt and *.pt */
	const struct option_list *exclude;
	const char *output;	/* a folder not to enter, or NULL */
};

/*
 * Add what lies under one root.  A root that is not there or a folder that
 * cannot be read becomes a source with an error; false is only for lack of
 * memory and for interruption.
 */
bool walk_root(struct sources *sources, const char *root,
	       const struct walk_filter *filter, struct error *err);

/* Sort by relative path, then path. */
void walk_sort(struct sources *sources);

void sources_free(struct sources *sources);

#endif
