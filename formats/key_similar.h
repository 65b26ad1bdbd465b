/*
 * key_similar.h - the key of a set that is most like another
 *
 * Part of formats/key_diff.  The keys are sorted forwards, backwards and
 * without wrappers' names; those that share most with another key stand next to
 * its place, and only these few are looked at.
 */
#ifndef FORMATS_KEY_SIMILAR_H
#define FORMATS_KEY_SIMILAR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/key_diff.h"

struct key_stripped {
	const char *key;
	size_t len;
	const struct tensor *tensor;
};

/* Zeroed is empty. */
struct key_index {
	const struct tensor **forwards, **backwards;	/* [count] */
	struct key_stripped *stripped;	/* [count] */
	size_t count;
	struct arena arena;
};

/* Borrows the tensors, not the array. */
bool key_index_make(struct key_index *index, const struct tensor **tensors,
		    size_t count, struct error *err);

void key_index_free(struct key_index *index);

/*
 * Find the tensor that t could have become or could have been, and how; NULL if
 * none is similar.  False only if there is no memory.
 */
bool key_index_find(const struct key_index *index, const struct tensor *t,
		    const struct tensor **found, enum key_cause *cause,
		    struct error *err);

#endif
