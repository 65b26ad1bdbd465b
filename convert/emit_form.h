/*
 * emit_form.h - what emit.c asks of each form a bundle can have
 *
 * emit.c decides what is written and when it counts; a form knows how it lies
 * there.  The functions get a struct written with its names set, and for what
 * lies in a folder with that open.
 */
#ifndef CONVERT_EMIT_FORM_H
#define CONVERT_EMIT_FORM_H

#include <stdbool.h>

#include "base/error.h"
#include "base/writer.h"
#include "convert/checkpoint.h"
#include "convert/emit.h"

struct emit_form {
	bool in_folder;		/* it gets a temporary name beside its own */
	/*
	 * Make w->temporary, setting w->made once it is there, write both
	 * members, and hold them against what was to be written.
	 */
	bool (*write)(struct written *w, struct checkpoint *c,
		      const struct safetensors_layout *layout,
		      const struct buffer *spec, struct scratch *scratch,
		      struct error *err);
	/* Make all of w->temporary durable, but not its name. */
	bool (*sync)(const struct written *w, struct error *err);
	/*
	 * Give it the name w->name, and clear w->made; if something is there
	 * already, leave both as they are and clear *renamed.
	 */
	bool (*rename)(struct written *w, bool *renamed, struct error *err);
	/* How does it compare with what has the name? */
	bool (*compare)(struct written *w, struct scratch *scratch,
			enum existing *existing, struct error *err);
	/*
	 * Give it the name of the bundle that is there, which then has the
	 * temporary name, or is gone: then w->made is cleared.
	 */
	bool (*replace)(struct written *w, struct error *err);
	/* Remove what has the temporary name, if it had one. */
	bool (*remove)(struct written *w, struct error *err);
};

/*
 * Write the whole safetensors file: the header of the layout, the elements.
 * If they come in order, sha256 becomes the digest of the file, else "".
 */
bool emit_copy_weights(struct writer to, struct checkpoint *c,
		       const struct safetensors_layout *layout,
		       struct scratch *scratch, char sha256[DIGEST_HEX_SIZE],
		       struct error *err);

/*
 * Hold the weights that were written against their layout: the length of the
 * file, and its header of layout->header.len bytes, which must also be what the
 * validator accepts.
 */
bool emit_check_size(const struct safetensors_layout *layout,
		     uint64_t file_nbytes, struct error *err);
bool emit_check_header(const struct safetensors_layout *layout,
		       const uint8_t *header, struct scratch *scratch,
		       struct error *err);

/* A file by its name in an open folder. */
struct emit_file {
	const struct folder *folder;
	const char *name;
};

/* Is there a file, not a link, that is the same as ours? */
bool emit_same_file(struct emit_file ours, struct emit_file theirs,
		    struct scratch *scratch, bool *same, struct error *err);

#endif
