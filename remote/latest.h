/*
 * latest.h - the bundle of a folder that ":latest" loads
 *
 * The folder may be a prefix on S3 (object.h): then what lies right below it
 * counts.  Names are hostile.  Zeroed is none; freeing twice is harmless.
 */
#ifndef REMOTE_LATEST_H
#define REMOTE_LATEST_H

#include <stdbool.h>

#include "base/error.h"
#include "base/memory.h"
#include "remote/listed.h"
#include "remote/remarks.h"

struct latest {
	const char *path;	/* NULL: the folder has none */
	struct listed seen;
	const char *tie;	/* path of another with its epoch, or NULL */
	struct arena arena;	/* of the paths */
};

/*
 * List a folder.  Bundles that the framework's listing does not see or may not
 * see, what cannot be looked at, and a tie become remarks.
 */
bool latest_find(struct latest *l, const char *folder,
		 struct remarks *remarks, struct error *err);

void latest_free(struct latest *l);

#endif
