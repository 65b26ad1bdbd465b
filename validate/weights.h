/*
 * weights.h - read a safetensors file once: its header, and every value
 *
 * The header is hostile.  The bytes of a folder's file are read by tensors, and
 * threads that have nothing else to do take part; those of an archive's member
 * come one after the other.  What was counted is not to be trusted before
 * open_member_finish() has seen the CRC.  Zeroed is empty.
 */
#ifndef VALIDATE_WEIGHTS_H
#define VALIDATE_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "formats/safetensors.h"
#include "formats/tensor_stats.h"
#include "validate/open.h"

/* Of a tensor's values, what rules ask about; see formats/tensor_stats.h. */
struct weights_counts {
	uint64_t nvalues, nan, positive_inf, negative_inf, zero, denormal,
		odd_bool;
	bool constant;
};

struct weights {
	const struct safetensors_header *header;	/* borrowed, or NULL */
	struct weights_counts *counts;	/* malloc'ed, one for each tensor */
	struct tensor_stats *statistics;	/* likewise, or NULL */
};

/*
 * With 'statistics', all of them are taken and kept, over a kilobyte for each
 * tensor.  The header is that of the recall until its next use.  On failure *w
 * is empty.
 */
bool weights_read(struct weights *w, struct member *m, bool statistics,
		  struct safetensors_recall *recall, struct error *err);

void weights_free(struct weights *w);

/* Its tensors; none if it is empty. */
const struct state_dict *weights_tensors(const struct weights *w);

/*
 * How many threads find something to do in so many bytes: those of batches are
 * not started for less.
 */
uint64_t weights_parts(uint64_t nbytes);

#endif
