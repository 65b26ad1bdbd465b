/*
 * find.h - the bundles that a command line means
 *
 * An operand is a bundle (a folder or a file), a file inside a bundle folder
 * that makes it one (policy_spec.json, for tools that hand over files), or a
 * tree of folders; a URI may name it (remote/resolve.h).  In a tree, bundles
 * are: folders with policy_spec.json or with an epoch in their name, and *.zip
 * files.  Links to folders are not followed there, bundles are not entered.
 * Nothing is opened but folders.
 */
#ifndef VALIDATE_FIND_H
#define VALIDATE_FIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

#endif
