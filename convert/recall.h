/*
 * recall.h - the last few pickles of a thread, and what the helper answered
 *
 * The checkpoints of a run differ in the elements of their tensors, and those
 * are in no pickle of a torch archive: mostly, the pickle of one file is that
 * of another byte for byte.  The answer depends on nothing else.  Of some runs
 * whose files are alike in size they come in turns.
 */
#ifndef CONVERT_RECALL_H
#define CONVERT_RECALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "convert/unpickle.h"

enum {
	RECALL_ANSWERS = 8,
	RECALL_LIMIT = 1 << 20	/* bytes of a pickle, or of an answer */
};

struct recall_answer {
	enum unpickler_layout layout;
	uint8_t *pickle, *answer;
	size_t pickle_len, answer_len;
};

/* Zeroed it holds nothing.  For one thread. */
struct recall {
	struct recall_answer held[RECALL_ANSWERS];	/* last used first */
};

/*
 * What was answered to this request, if that is held, or NULL; valid until the
 * next call.  state_dict_path never changes.
 */
const struct recall_answer *recall_find(struct recall *r,
					const struct pickle_request *request);

/*
 * Hold a copy of an answer that was understood, unless it is large or brought
 * the tensors' bytes along.  Those that were not used for longest give way.
 */
bool recall_keep(struct recall *r, const struct pickle_request *request,
		 const uint8_t *answer, size_t len, struct error *err);

void recall_free(struct recall *r);

#endif
