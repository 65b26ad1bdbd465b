/*
 * stream_keys.h - numbers in place of a torch stream's storage keys
 *
 * Before torch 1.6 the key of a storage was its address, and the pickles of two
 * checkpoints of one run differ in nothing else.  With the keys numbered in the
 * order of first use, and the list of keys, which is sorted, in the order of
 * the numbers, they are the same byte for byte: what the helper answered to one
 * holds for the other (see convert/recall.h).
 *
 * The answer cannot depend on what a key says, only on which texts are equal,
 * unless it shows one as something else than a key.  So each number begins with
 * more zeros in a row than there are in the pickles, whose texts must all be
 * plain: what an escape stands for could be a number.  And no answer is taken
 * that shows such zeros elsewhere, or in a note, which may be cut, any zero.
 * How the list is made of its texts only the helper knows: in its answer it
 * must have their order.
 *
 * All input is hostile.  For one thread.
 */
#ifndef CONVERT_STREAM_KEYS_H
#define CONVERT_STREAM_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "convert/unpickle.h"

struct stream_key {
	char text[21];		/* the digits of 2^64, and a NUL */
	size_t number;
};

/* Zeroed is valid and empty. */
struct stream_keys {
	uint8_t *numbered;	/* the pickles with numbers, or NULL */
	struct stream_key *keys;	/* [count], in the order of the list */
	struct stream_key **by_number;	/* [count] */
	struct stream_key **written;	/* [count], as the numbered list is */
	struct pickle_listed *listed;	/* [count], in the order of the list */
	size_t count;
};

/*
 * Number the keys of two pickles, scanned or not: the object, and behind it at
 * list the list of keys.  If they are no addresses or too many, if a text may
 * hide a number, or if the list is not of what the object names, *k is left
 * empty, and that is no failure.
 */
bool stream_keys_number(struct stream_keys *k, const uint8_t *pickles,
			size_t len, size_t list, struct error *err);

/*
 * Make an index of the numbered pickles one of the pickles: its storages get
 * their keys, and those listed the order of the list; it borrows both.  To be
 * called once.  False if it cannot be done; then the index is of no use.
 */
bool stream_keys_name(const struct stream_keys *k,
		      struct pickle_index *index);

void stream_keys_free(struct stream_keys *k);

#endif
