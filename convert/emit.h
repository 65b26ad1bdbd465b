/*
 * emit.h - write a bundle, whole or not at all
 *
 * The members are written into a temporary folder beside the destination,
 * made durable, read back and checked, and then the folder is renamed.  A
 * bundle, or anything else, that is there already is never touched; the caller
 * learns how the new one compares with it.  Links are not followed.
 */
#ifndef CONVERT_EMIT_H
#define CONVERT_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "convert/checkpoint.h"

/* What was in the destination's place; it is there still, unchanged. */
enum existing {
	EXISTING_NONE,		/* nothing: the bundle was written */
	EXISTING_SAME,		/* the same bundle */
	EXISTING_SAME_WEIGHTS,	/* a bundle with another spec */
	EXISTING_OTHER
};

struct emitted {
	uint64_t nbytes;	/* of both members */
	enum existing existing;
};

/*
 * Write checkpoint c, whose keys are final, and the text of its policy spec
 * as the bundle folder dest.  'unique' tells this temporary folder from others
 * of this process.
 */
bool emit_bundle(struct checkpoint *c, const struct buffer *spec,
		 const char *dest, size_t unique, struct scratch *scratch,
		 struct emitted *emitted, struct error *err);

/* Find the faults that emit_bundle() would, without writing or copying. */
bool emit_rehearse(const struct checkpoint *c, const struct buffer *spec,
		   struct emitted *emitted, struct error *err);

/* Fail unless bundles can be made in this folder, which must exist. */
bool emit_check_writable(const char *folder, struct error *err);

/* True for the names that temporary folders of this program have. */
bool emit_is_temporary(const char *file_name);

#endif
