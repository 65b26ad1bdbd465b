/*
 * recall.h - the last pickle of a thread, and what the helper answered
 *
 * The checkpoints of a run differ in the elements of their tensors, and those
 * are in no pickle of a torch archive: mostly, the next file's pickle is the
 * last one's byte for byte.  The answer depends on nothing else.
 */
#ifndef CONVERT_RECALL_H
#define CONVERT_RECALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "convert/unpickle.h"

/* Zeroed it holds nothing.  For one thread. */
struct recall {
	enum unpickler_layout layout;
	uint8_t *pickle, *answer;
	size_t pickle_len, answer_len;
};

/* Is this the request whose answer is held?  state_dict_path never changes. */
bool recall_has(const struct recall *r, const struct pickle_request *request);

/*
 * Hold a copy of an answer that was understood, unless it is large or brought
 * the tensors' bytes along.
 */
bool recall_keep(struct recall *r, const struct pickle_request *request,
		 const uint8_t *answer, size_t len, struct error *err);

void recall_free(struct recall *r);

#endif
