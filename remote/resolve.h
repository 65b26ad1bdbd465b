/*
 * resolve.h - what the name of a checkpoint means: which bundle, where
 *
 * Names are those of uri.h.  ":latest", and a folder or a prefix on S3 that
 * holds checkpoints, become the bundle that the framework's listing would load;
 * a policy becomes its class, its run, or what the stats server has for it.
 *
 * Names are hostile, and errors carry them as they were given.  Nothing is
 * opened but folders; S3 and the stats server are asked only for names that are
 * theirs.  Not for several threads at once.  Zeroed structs are empty; freeing
 * twice is harmless.
 */
#ifndef REMOTE_RESOLVE_H
#define REMOTE_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "formats/bundle.h"
#include "remote/remarks.h"
#include "remote/uri.h"

struct resolved {
	struct uri uri;		/* file with an absolute path, s3, or mock */
	bool exists;		/* of a file or an object; a remark says if it
				   does not */
	bool unseen;		/* of an object: S3 could not be asked, as a
				   remark says */
	bool folder;
	struct bundle_name name;	/* borrows uri; no epoch: none */
};

struct resolve_options {
	const char *data_dir;	/* where runs are, or NULL (policy.h) */
	bool other_epoch;	/* the bundle of this epoch of the same run */
	uint64_t epoch;
};

/*
 * Resolve a URI.  What is no bundle by its name (a legacy checkpoint, a key
 * without .zip) is an error.
 */
bool resolve_uri(struct resolved *r, const char *text,
		 const struct resolve_options *options,
		 struct remarks *remarks, struct error *err);

/*
 * The path that an operand of a program means, malloc'ed: a local one, or that
 * of an object or a prefix (object.h).  A path stays as it is, and a folder is
 * a tree; of the rest only ":latest" and policies are looked up.  If it cannot
 * be told which bundle ":latest" means, because two have that epoch or one
 * cannot be looked at, that is an error.
 */
bool resolve_operand(char **path, const char *text, struct error *err);

/*
 * The same for what is no bundle yet, and for where bundles shall go: a path,
 * one behind file://, or "s3://bucket/key" with the key byte for byte.  The
 * rest is an error.
 */
bool resolve_source(char **path, const char *text, struct error *err);

void resolved_free(struct resolved *r);

#endif
