/*
 * find_objects.h - the same on S3
 *
 * Part of validate/find; see there.
 */
#ifndef VALIDATE_FIND_OBJECTS_H
#define VALIDATE_FIND_OBJECTS_H

#include <stdbool.h>

#include "base/error.h"
#include "validate/find.h"

/*
 * Add what the path of an object, or of a prefix, means: see object.h.  What
 * cannot be looked up becomes a candidate with an error; false is only for lack
 * of memory and interruption.
 */
bool find_objects(struct candidates *list, const char *path,
		  struct error *err);

#endif
