/*
 * walk.h - find the files that could be checkpoints
 *
 * Roots are files or folders, also behind file:// and ~, or objects and
 * prefixes on S3 (walk_objects.h).  A file that the user
 * named is always taken; in a folder, what the patterns match is.  Symbolic
 * links to folders are not followed, so there are no loops; links to files are.
 * Bundles, the output folder and temporary folders of this program are not
 * entered.  Nothing is opened but folders.
 */
#ifndef CONVERT_WALK_H
#define CONVERT_WALK_H

#include <stdbool.h>

#include "base/error.h"
#include "convert/sources.h"

/*
 * Add what lies under one root.  A root that is not there or a folder that
 * cannot be read becomes a source with an error; false is only for lack of
 * memory and for interruption.
 */
bool walk_root(struct sources *sources, const char *root,
	       const struct source_filter *filter, struct error *err);

#endif
