/*
 * reference.h - the keys that a bundle is held to
 *
 * A reference is a bundle, as a folder or an archive, a safetensors file, or a
 * key manifest (formats/key_manifest.h); what a file is, its content says.
 * Only keys, dtypes and shapes are read, strictly; the values are not.
 * References are hostile like all else.
 */
#ifndef VALIDATE_REFERENCE_H
#define VALIDATE_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "formats/state_dict.h"
#include "validate/find.h"

/* On failure *keys is empty. */
bool reference_read(struct state_dict *keys, const char *path,
		    struct error *err);

struct reference {
	const char *name;	/* for messages */
	struct state_dict keys;
	struct error error;	/* why there are none; else zeroed */
	size_t agree, of;	/* of a run: so many of its epochs have them */
};

/* Which reference each candidate is held to.  Zeroed: none is. */
struct references {
	struct reference *items;	/* malloc'ed, [count] */
	size_t count, capacity;
	/* By candidate, or NULL; in them NULL where there is none. */
	const struct reference **against, **run;
	struct arena arena;
};

/*
 * Find what all are held to: --against, as the user gave it, and for each run
 * in a folder the keys that most of its epochs have (the last epoch's, if
 * several are had by as many).
 *
 * "run:v<epoch>", without a slash, is looked for beside each candidate, then
 * beside it with ".zip", then where the program was started; that one is not
 * there is the candidate's fault (reference->error).  Any other path or URI
 * (remote/resolve.h) must be readable: else false.
 */
bool references_find(struct references *refs,
		     const struct candidates *candidates, const char *against,
		     bool consistent, unsigned threads, struct error *err);

void references_free(struct references *refs);

#endif
