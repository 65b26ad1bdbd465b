/*
 * uri.h - the names that the framework gives to checkpoints, taken apart
 *
 *	runs/nav:v5, ~/nav:v5			a path, as it stands
 *	file:///runs/nav%3Av5, file://runs/x	a path, percent-decoded
 *	s3://bucket/key				an object, or a prefix of some;
 *						s3://bucket: of all
 *	https://bucket.s3.region.amazonaws.com/key	the same object
 *	mock://package.module.Class		a class, nothing to load
 *	metta://policy/name:v5			a policy, by name or by UUID
 *
 * ":latest" at the end of a path, a key or a policy's name asks for the bundle
 * with the highest epoch.  Nothing is looked up here: resolve.h does that.
 *
 * The text is hostile.  A URI owns its strings; zeroed is empty, and freeing
 * twice is harmless.  Safe from any thread.
 */
#ifndef REMOTE_URI_H
#define REMOTE_URI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"

/* Three bytes for each of the longest path, and some. */
#define URI_LIMIT 16384

enum uri_scheme {
	URI_FILE, URI_S3, URI_MOCK, URI_POLICY, URI_SCHEME_COUNT
};

struct uri {
	enum uri_scheme scheme;
	bool bare;		/* a path without a scheme */
	bool latest;		/* it ended in ":latest" */
	bool is_id;		/* the name of a policy is a UUID */
	bool has_version;	/* a policy's name ended in ":v" and digits */
	uint64_t version;
	char *bucket;		/* of URI_S3 */
	char *name;		/* path, key, class or policy; only a key can
				   be empty */
};

/*
 * Take a URI apart.  Faults give the place in the text.  On failure *u is
 * empty.
 */
bool uri_parse(struct uri *u, const char *text, struct error *err);

/* "file", "s3", "mock", "metta" */
const char *uri_scheme_name(enum uri_scheme scheme);

/* A path as it was written, without a scheme and without ":latest"? */
bool uri_is_plain_path(const char *text);

/*
 * Append the URI with its scheme, spelt in one way: bytes of a path but ASCII
 * letters, digits and -._~/ are percent-encoded, as Python does.  Where the
 * path is relative, so is the URI.
 */
bool uri_print(struct buffer *out, const struct uri *u, struct error *err);

void uri_free(struct uri *u);

#endif
