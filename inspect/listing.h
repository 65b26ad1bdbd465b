/*
 * listing.h - the checkpoints of trees, as the framework's listing sees them
 *
 * That lists one folder (remote/listed.h); here each of a tree is listed.
 *
 * Names are hostile.  A zeroed struct is empty; freeing twice is harmless.
 */
#ifndef INSPECT_LISTING_H
#define INSPECT_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/options.h"
#include "inspect/answer.h"
#include "remote/listed.h"
#include "validate/find.h"

struct listing_entry {
	const char *path;
	size_t parent_len;	/* of the path: the folder that it is in */
	struct listed seen;
	uint64_t nbytes;	/* of all its files */
};

struct listing {
	struct listing_entry *entries;	/* malloc'ed, [count], by folder, the
					   newest last */
	size_t count;
	struct listing_entry *unlisted;	/* [unlisted_count], behind them */
	size_t unlisted_count;
	struct candidates candidates;	/* what entries borrow from */
};

/*
 * List what is below the roots.  What cannot be read becomes a remark of the
 * answer, which is bad then.
 */
bool listing_make(struct listing *l, const struct option_list *roots,
		  struct answer *a, struct error *err);

/*
 * Keep only the last of each folder.  If another of its epoch is there, too,
 * that is worth a remark: the framework takes the one or the other.
 */
void listing_keep_latest(struct listing *l, struct answer *a);

void listing_free(struct listing *l);

#endif
