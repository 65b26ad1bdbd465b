/*
 * emit.h - write a bundle, whole or not at all
 *
 * The members are written into a temporary folder beside the destination,
 * made durable, read back and checked, and then the folder is renamed.  A
 * bundle that is there already is never touched: if the new one is the same
 * byte for byte, that is no fault.  Nothing is followed out of the folder: a
 * symbolic link in the destination's place is an error.
 */
#ifndef CONVERT_EMIT_H
#define CONVERT_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "convert/checkpoint.h"

struct emitted {
	uint64_t nbytes;	/* of both members */
	bool already_there;	/* the same bundle was; nothing changed */
};

/*
 * Write checkpoint c, whose keys are final, as the bundle folder dest.
 * 'unique' tells this temporary folder from others of this process.
 */
bool emit_bundle(struct checkpoint *c, const char *architecture,
		 size_t architecture_len, const char *dest, size_t unique,
		 struct scratch *scratch, struct emitted *emitted,
		 struct error *err);

/* Find the faults that emit_bundle() would, without writing or copying. */
bool emit_rehearse(const struct checkpoint *c, const char *architecture,
		   size_t architecture_len, struct emitted *emitted,
		   struct error *err);

/* Fail unless bundles can be made in this folder, which must exist. */
bool emit_check_writable(const char *folder, struct error *err);

/* True for the names that temporary folders of this program have. */
bool emit_is_temporary(const char *file_name);

#endif
