/*
 * compare.h - weights that would be written, against weights that are there
 *
 * A difference is no error, as in convert/there.h: functions return false only
 * if this machine cannot read something, and record in *difference, an error
 * of its own, what differs.  What is there is hostile.
 */
#ifndef CONVERT_COMPARE_H
#define CONVERT_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/writer.h"
#include "convert/there.h"
#include "formats/safetensors.h"
#include "formats/state_dict.h"

/*
 * Does the file begin with the header of the layout, and has it its size?  If
 * not, the difference names a tensor where it can.
 */
bool compare_header(const struct safetensors_layout *layout,
		    struct there_member *there, struct error *difference,
		    struct error *err);

/*
 * Acts as the file that is written, and compares.  The header must have been
 * found equal; writes must lie behind it.  Everything is compared, whatever
 * was found before.  Zeroed is empty; freeing twice is harmless.
 */
struct compare {
	const struct state_dict *sd;	/* borrowed, as all that follows */
	const struct safetensors_layout *layout;
	struct there_member *there;
	struct error fault;	/* why what is there cannot be read further */
	uint8_t *buffer;	/* malloc'ed: a part of what is there */
	bool *differs;		/* malloc'ed, [sd->count] */
	size_t differing;	/* of them */
	size_t first_tensor;	/* of those, the one of the lowest place */
	uint64_t first;		/* that place, in the file */
	uint8_t is, would_be;	/* the byte there, and ours */
};

bool compare_begin(struct compare *c, const struct state_dict *sd,
		   const struct safetensors_layout *layout,
		   struct there_member *there, struct error *err);

struct writer compare_writer(struct compare *c);

/* All was written: say what cannot be read, or which byte differs first. */
void compare_end(const struct compare *c, struct error *difference);

void compare_free(struct compare *c);

#endif
