/*
 * listing.h - the checkpoints of trees, as the framework's listing sees them
 *
 * That looks into one folder, and takes: folders with policy_spec.json, and
 * files *.zip, whose name without its last suffix ends in ":v" and digits.  So
 * a folder is not seen if its run has a dot in its name.  The latest is the one
 * with the highest epoch, whatever its run and its time.
 *
 * Names are hostile.  A zeroed struct is empty; freeing twice is harmless.
 */
#ifndef INSPECT_LISTING_H
#define INSPECT_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "base/options.h"
#include "formats/bundle.h"
#include "inspect/answer.h"
#include "validate/find.h"

/* Why the framework does not see a bundle that is there. */
enum unlisted {
	LISTED,			/* it does */
	UNLISTED_NO_SPEC, UNLISTED_NO_EPOCH, UNLISTED_HIDDEN, UNLISTED_COUNT
};

struct listing_entry {
	const char *path;
	enum unlisted unlisted;
	bool folder;
	size_t parent_len;	/* of the path: the folder that it is in */
	struct bundle_name name;
	uint64_t nbytes;
	time_t modified;	/* of the spec, which is written last */
};

struct listing {
	struct listing_entry *entries;	/* malloc'ed, [count], by folder, the
					   newest last */
	size_t count;
	struct listing_entry *unlisted;	/* [unlisted_count], behind them */
	size_t unlisted_count;
	struct candidates candidates;	/* what entries borrow from */
};

/* In a sentence. */
const char *listing_reason(enum unlisted unlisted);

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
