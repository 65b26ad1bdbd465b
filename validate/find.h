/*
 * find.h - the bundles that a command line means
 *
 * An operand is a bundle (a folder or a file), one of the two files that a
 * bundle folder has (for tools that hand over files), or a tree of folders; it
 * may be named by a URI (remote/resolve.h).  In a tree, bundles are: folders
 * with policy_spec.json or with an epoch in their name, and *.zip files.  Links
 * to folders are not followed there, bundles are not entered.  Nothing is
 * opened but folders.  On S3 a prefix is a tree; bundle folders there are found
 * to be refused.
 */
#ifndef VALIDATE_FIND_H
#define VALIDATE_FIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "base/memory.h"

struct candidate {
	const char *path;	/* as the user would name it */
	const char *name;	/* its last component; that of a folder "." is
				   looked up */
	bool folder;
	bool link;		/* to a folder, in a tree: skipped */
	bool doubtful;		/* a zip in a tree, without an epoch: it may
				   turn out to be something else */
	uint64_t nbytes;	/* of its greatest part: what work it is */
	time_t modified;	/* of an object */
	const char *skip;	/* why not to check it, or NULL */
	const struct error *error;	/* why it cannot be read, or NULL */
};

struct candidates {
	struct candidate *items;	/* malloc'ed, [count] */
	size_t count, capacity;
	struct arena arena;
};

/*
 * Add what one operand means.  What is not there or cannot be read becomes a
 * candidate with an error; false is only for lack of memory and interruption.
 */
bool find_operand(struct candidates *list, const char *operand,
		  struct error *err);

/* Sort by path, and drop what was named twice. */
void find_sort(struct candidates *list);

void find_free(struct candidates *list);

/* ---- the rest is for find*.c ---- */

#define FIND_LEFTOVER "left by a writer that was killed"

/* Is there an epoch in the name, or one that is too large? */
bool find_has_epoch(const char *name, bool folder);

/* Is it a file that says: the folder around me is a bundle? */
bool find_stands_for_folder(const char *path);

/* Add one with a copy of this path. */
struct candidate *find_add(struct candidates *list, const char *path,
			   struct error *err);

/* Record why it cannot be read; lack of memory is not its fault. */
bool find_set_fault(struct candidates *list, struct candidate *c,
		    const struct error *fault, struct error *err);

#endif
