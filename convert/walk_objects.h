/*
 * walk_objects.h - the same on S3
 */
#ifndef CONVERT_WALK_OBJECTS_H
#define CONVERT_WALK_OBJECTS_H

#include <stdbool.h>

#include "base/error.h"
#include "convert/sources.h"

/*
 * Add an object, "s3://bucket/key", or what lies below "s3://bucket/key/".
 * Journals and keys that end in a slash, which stand for folders, are passed
 * over.  If it cannot be listed, or there is nothing, that becomes a source
 * with an error; false is only for lack of memory and for interruption.
 */
bool walk_objects(struct sources *sources, const char *root,
		  const struct source_filter *filter, struct error *err);

#endif
