/*
 * local_path.h - paths as the user writes them, and as everyone calls them
 *
 * Not for several threads at once: the tables of users are not.
 */
#ifndef REMOTE_LOCAL_PATH_H
#define REMOTE_LOCAL_PATH_H

#include <stdbool.h>

#include "base/error.h"

/*
 * Replace "~" and "~user" at the front by that user's home, as Python's
 * Path.expanduser().  *expanded is malloc'ed.
 */
bool local_path_expand(char **expanded, const char *path, struct error *err);

/*
 * The absolute path without links, dots and repeated slashes, malloc'ed.  Its
 * last component need not be there.
 */
bool local_path_absolute(char **absolute, const char *path,
			 struct error *err);

#endif
