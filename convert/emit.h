/*
 * emit.h - write a bundle, whole or not at all
 *
 * emit_write() puts the members beside the destination under a temporary name
 * and checks what it wrote.  emit_sync() makes that durable, emit_rename()
 * gives it its name; the folder's names are the caller's to make durable, once
 * for many.  A bundle, or anything else, that is there already is left alone:
 * the caller learns how the new one compares with it, and may have a bundle
 * replaced.
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
#include "base/file.h"
#include "base/folder.h"
#include "convert/checkpoint.h"
#include "convert/result.h"

/* The forms a bundle can have: a folder, a zip archive, one on S3. */
struct emit_form;
extern const struct emit_form emit_folder, emit_zip, emit_object;

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
	const char *owner;	/* of its temporary, an id; and what tells it */
	size_t unique;		/* from others of the same */
};

/* A bundle that is written but has not its name yet.  Zeroed is none. */
struct written {
	const struct emit_form *form;
	struct folder parent;	/* of both names; closed if it is on S3 */
	const char *name;	/* that it shall have, on S3 with all that is
				   before; borrowed */
	char temporary[64];	/* the name it has */
	bool made;		/* there is something of that name */
	struct folder folder;	/* it, if the form makes one */
	struct file spill;	/* what is to be sent to S3 */
	char compared[S3_ETAG_SIZE];	/* of what is in its place on S3 */
	uint64_t nbytes;	/* of both members, as they lie there */
	struct member_facts members;
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

/* Make what was written durable, but not its name. */
bool emit_sync(const struct written *w, struct error *err);

/*
 * Give it its name, if nothing has that; else say in *existing how that
 * compares.
 */
bool emit_rename(struct written *w, struct scratch *scratch,
		 enum existing *existing, struct error *err);

/*
 * Put it in the place of a bundle of its form, at once where the file system
 * can; what that holds beside the members of a bundle is a fault.
 */
bool emit_replace(struct written *w, struct error *err);

/*
 * Remove what has a temporary name still, the bundle or the one that was
 * replaced, and free.  False if something is left.
 */
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

/* True for the temporary names of this program; and for those of an owner. */
bool emit_is_temporary(const char *file_name);
bool emit_is_temporary_of(const char *file_name, const char *owner);

#endif
