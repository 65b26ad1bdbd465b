/*
 * emit.h - write a bundle, whole or not at all
 *
 * emit_write() puts the members beside the destination under a temporary name
 * and checks what it wrote.  emit_commit() makes that durable and renames it.
 * A bundle, or anything else, that is there already is never touched; the
 * caller learns how the new one compares with it.
 *
 * Below the folder that the user named no symbolic link is followed, not even
 * one that is planted while this works.
 */
#ifndef CONVERT_EMIT_H
#define CONVERT_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/folder.h"
#include "convert/checkpoint.h"

/* The forms a bundle can have: a folder, or a zip archive. */
struct emit_form;
extern const struct emit_form emit_folder, emit_zip;

/* What was in the destination's place; it is there still, unchanged. */
enum existing {
	EXISTING_NONE,		/* nothing: the bundle was written */
	EXISTING_SAME,		/* the same bundle */
	EXISTING_SAME_WEIGHTS,	/* a bundle with another spec */
	EXISTING_OTHER
};

/* Where a bundle goes. */
struct place {
	const char *path;	/* of the bundle */
	size_t root_len;	/* how much of it the user named; 0: nothing,
				   so the current folder */
	size_t unique;		/* tells its temporary name from others of
				   this process */
};

/* A bundle that is written but has not its name yet.  Zeroed is none. */
struct written {
	const struct emit_form *form;
	struct folder parent;	/* of both names */
	const char *name;	/* that it shall have; borrowed */
	char temporary[64];	/* the name it has */
	bool made;		/* there is something of that name */
	struct folder folder;	/* it, if the form makes one */
	uint64_t nbytes;	/* of both members, as they lie there */
};

/*
 * Write checkpoint c, whose keys are final, and the text of its policy spec in
 * this form, under a temporary name beside its place.  On failure nothing is
 * left.
 */
bool emit_write(struct written *w, const struct emit_form *form,
		struct checkpoint *c, const struct buffer *spec,
		const struct place *place, struct scratch *scratch,
		struct error *err);

/*
 * Make it durable and give it its name, if nothing has that name.  Either way
 * emit_discard() comes after.
 */
bool emit_commit(struct written *w, struct scratch *scratch,
		 enum existing *existing, struct error *err);

/* Remove what was not committed, and free.  False if something is left. */
bool emit_discard(struct written *w, struct error *err);

/*
 * Lay the weights out, check all that can be checked before writing, and count
 * the bytes of both members.  The caller frees the layout.
 */
bool emit_lay_out(struct safetensors_layout *layout,
		  const struct checkpoint *c, const struct buffer *spec,
		  uint64_t *nbytes, struct error *err);

/*
 * Find the faults that emit_write() would, without writing or copying, and
 * how many bytes both members would have, not deflated.
 */
bool emit_rehearse(const struct checkpoint *c, const struct buffer *spec,
		   uint64_t *nbytes, struct error *err);

/* Fail unless bundles can be made in this folder, which must exist. */
bool emit_check_writable(const char *folder, struct error *err);

/* True for the temporary names of this program. */
bool emit_is_temporary(const char *file_name);

#endif
