/*
 * compare_tensors.h - the tensors of two sources, paired by key and compared
 *
 * Results borrow from the two sources.  Memory is that of a few words for each
 * tensor; elements are read in blocks, each once.
 */
#ifndef INSPECT_COMPARE_TENSORS_H
#define INSPECT_COMPARE_TENSORS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "formats/tensor_diff.h"
#include "inspect/source.h"

struct tensor_pair {
	const struct tensor *a, *b;	/* one may be NULL: not there */
	bool kind_differs;		/* dtype or shape, of both */
	bool compared;			/* values is set */
	struct tensor_diff values;
};

struct tensor_pairs {
	struct tensor_pair *pairs;	/* malloc'ed, [count], by key */
	size_t count;
};

/* Pair the tensors; nothing is read. */
bool compare_tensors_pair(struct tensor_pairs *pairs, const struct source *a,
			  const struct source *b, struct error *err);

/*
 * Compare the values of those that have as many of them, and read the rest of
 * both sources as far as it takes to trust them.
 */
bool compare_tensors_read(struct tensor_pairs *pairs, struct source *a,
			  struct source *b, struct error *err);

/* Is there a difference in values, be it in their bits only? */
bool compare_tensors_differ(const struct tensor_pair *pair);

void compare_tensors_free(struct tensor_pairs *pairs);

#endif
