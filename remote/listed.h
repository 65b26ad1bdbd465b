/*
 * listed.h - which bundles the framework's listing sees, and which is latest
 *
 * That looks into one folder, and takes: folders with policy_spec.json, and
 * files *.zip, whose name without its last suffix ends in ":v" and digits.  So
 * a folder is not seen if its run has a dot in its name.  Of a prefix on S3 it
 * takes the archives right below it.  The latest is the one with the highest
 * epoch, whatever its run and its time.
 *
 * Names are hostile.  Nothing is opened.
 */
#ifndef REMOTE_LISTED_H
#define REMOTE_LISTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "formats/bundle.h"

/* Why the framework does not see a bundle that is there. */
enum unlisted {
	LISTED,			/* it does */
	UNLISTED_NO_SPEC, UNLISTED_NO_EPOCH, UNLISTED_HIDDEN,
	UNLISTED_ON_S3,		/* a folder there */
	UNLISTED_COUNT
};

struct listed {
	enum unlisted unlisted;
	bool folder;
	struct bundle_name name;
	time_t modified;	/* of the spec, which is written last */
	uint64_t nbytes;	/* of an archive */
};

/*
 * Look at what may be a bundle: a folder, or a file *.zip.  name is the last
 * component of its path, and is borrowed.
 */
bool listed_look(struct listed *l, const char *path, const char *name,
		 bool folder, struct error *err);

/* The same for an object, of which S3 has told what there is to know. */
bool listed_take_object(struct listed *l, const char *path, uint64_t nbytes,
			time_t modified, struct error *err);

/*
 * By epoch, then by run and path: of two with one epoch the later is taken
 * here, while the framework takes the one that it meets first.
 */
int listed_compare(const struct listed *a, const char *path_a,
		   const struct listed *b, const char *path_b);

/* Say of the one that was taken that another has its epoch, too. */
void listed_set_tie(struct error *remark, const char *taken,
		    const char *other);

/* What is not seen must not be missed in silence, nor fill the screen. */
struct unlisted_tally {
	size_t counts[UNLISTED_COUNT];
	const char *first[UNLISTED_COUNT];	/* paths, borrowed */
};

/* In a sentence. */
const char *unlisted_reason(enum unlisted unlisted);

void unlisted_count(struct unlisted_tally *t, enum unlisted unlisted,
		    const char *path);

/* A remark on all that have this reason; false if there are none. */
bool unlisted_remark(struct error *remark, const struct unlisted_tally *t,
		     enum unlisted unlisted);

#endif
