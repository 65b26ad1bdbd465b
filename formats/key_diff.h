/*
 * key_diff.h - where two state dicts differ in keys, shapes and dtypes, and why
 *
 * The judgement of torch's load_state_dict(strict=True) on loading 'ours' into
 * a module that has 'theirs': missing and unexpected keys, and tensors of
 * another shape.  It converts another dtype silently, so that is told apart.
 * For each key that has no partner the likeliest one on the other side is
 * looked for, and what may have happened to the key.
 *
 * Keys are hostile.  Time grows as n log n with the keys; what is compared with
 * one key is a bounded number of others.
 */
#ifndef FORMATS_KEY_DIFF_H
#define FORMATS_KEY_DIFF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "formats/state_dict.h"

enum key_difference_kind {
	KEY_MISSING,		/* theirs alone */
	KEY_UNEXPECTED,		/* ours alone */
	KEY_SHAPE,		/* both have it, in different shapes */
	KEY_DTYPE		/* both have it, of different dtypes */
};

enum key_cause {
	KEY_CAUSE_NONE,
	KEY_CAUSE_WRAPPER,	/* equal but for the names of wrappers */
	KEY_CAUSE_PREFIX,	/* one has components in front */
	KEY_CAUSE_RENAMED,	/* the same shape and dtype, a similar name */
	KEY_CAUSE_ACTIONS,	/* an actor head of other actions */
	KEY_CAUSE_TRANSPOSED,	/* the same sizes in another order */
	KEY_CAUSE_RESHAPED,	/* as many elements */
	KEY_CAUSE_SCALAR	/* [1] for []: torch takes it, silently */
};

struct key_difference {
	enum key_difference_kind kind;
	enum key_cause cause;
	/* The two tensors; for a key alone the other is the nearest, or NULL. */
	const struct tensor *ours, *theirs;
};

struct key_diff {
	struct key_difference *items;	/* malloc'ed, in the order of keys */
	size_t count, capacity;
};

/* Borrows from both.  The keys of each must be different ones. */
bool key_diff_find(struct key_diff *diff, const struct state_dict *ours,
		   const struct state_dict *theirs, struct error *err);

void key_diff_free(struct key_diff *diff);

/* Enough for any difference: two keys, escaped and cut, and what is said. */
#define KEY_DIFF_TEXT 448

/* A sentence without a full stop; names are escaped. */
void key_diff_print(char text[KEY_DIFF_TEXT],
		    const struct key_difference *difference);

#endif
