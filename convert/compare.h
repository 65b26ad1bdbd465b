/*
 * compare.h - weights that would be written, against weights that are there
 *
 * A difference is no error: functions return false only if something cannot
 * be read, and record in *difference, an error of its own, what differs.  What
 * is there is hostile.
 */
#ifndef CONVERT_COMPARE_H
#define CONVERT_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reader.h"
#include "base/writer.h"
#include "formats/safetensors.h"
#include "formats/state_dict.h"

/*
 * Does the file begin with the header of the layout, and has it its size?  If
 * not, the difference names a tensor where it can.
 */
bool compare_header(const struct safetensors_layout *layout,
		    const struct reader *there, struct error *difference,
		    struct error *err);

/*
 * Acts as the file that is written, and compares.  The header must have been
 * found equal; writes must lie behind it.  Everything is compared, whatever
 * was found before.  Zeroed is empty; freeing twice is harmless.
 */
struct compare {
	const struct state_dict *sd;	/* borrowed, as all that follows */
	const struct safetensors_layout *layout;
	const struct reader *there;
	uint8_t *buffer;	/* malloc'ed: a part of what is there */
	bool *differs;		/* malloc'ed, [sd->count] */
	size_t differing;	/* of them */
	size_t first_tensor;	/* of those, the one of the lowest place */
	uint64_t first;		/* that place, in the file */
	uint8_t is, would_be;	/* the byte there, and ours */
};

bool compare_begin(struct compare *c, const struct state_dict *sd,
		   const struct safetensors_layout *layout,
		   const struct reader *there, struct error *err);

struct writer compare_writer(struct compare *c);

/* All was written: say which byte of which tensor differs first, if any. */
void compare_end(const struct compare *c, struct error *difference);

void compare_free(struct compare *c);

#endif
