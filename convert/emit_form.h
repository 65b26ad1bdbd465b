/*
 * emit_form.h - what emit.c asks of each form a bundle can have
 *
 * emit.c decides what is written and when it counts; a form knows how it lies
 * on disk.  The functions get a struct written with its names set.
 */
#ifndef CONVERT_EMIT_FORM_H
#define CONVERT_EMIT_FORM_H

#include <stdbool.h>

#include "base/error.h"
#include "convert/checkpoint.h"
#include "convert/emit.h"

struct emit_form {
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
	 * Give it the name w->dest, and clear w->made; if something is there
	 * already, leave both as they are and clear *renamed.
	 */
	bool (*rename)(struct written *w, bool *renamed, struct error *err);
	/* How does w->temporary compare with what is at w->dest? */
	bool (*compare)(const struct written *w, struct scratch *scratch,
			enum existing *existing, struct error *err);
	void (*remove)(const struct written *w);
};

/*
 * Hold the weights that were written against their layout, as the validator
 * would: the length of the file, and its header of layout->header.len bytes.
 */
bool emit_check_size(const struct safetensors_layout *layout,
		     uint64_t file_nbytes, struct error *err);
bool emit_check_header(const struct safetensors_layout *layout,
		       const uint8_t *header, struct error *err);

/* Is the file at path, not a link, the same as ours? */
bool emit_same_file(const char *ours, const char *path,
		    struct scratch *scratch, bool *same, struct error *err);

#endif
