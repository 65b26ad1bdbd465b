/*
 * group.h - bundles that are made durable and named together
 *
 * To make one file durable costs about as much as many: so bundles wait under
 * their temporary names until there are some.  Then all files are made durable,
 * all names given, and each folder that has new names is made durable once.
 * Only after that is anything said or recorded of them.
 *
 * A group belongs to one thread.
 */
#ifndef CONVERT_GROUP_H
#define CONVERT_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "convert/convert.h"

/* A bundle that waits; its result is final once the group is committed. */
struct waiting {
	size_t index;		/* of its job */
	struct result *result;
	struct written written;
	struct settled settled;
	struct error err;
	int folder_fd;		/* to make its parent durable, or -1 */
	size_t folder_of;	/* whose folder_fd it is */
};

struct group {
	const struct conversion *cv;
	struct waiting *items;	/* malloc'ed, [limit] */
	size_t count, limit;
	uint64_t nbytes;
	struct timespec since;	/* when the first came */
};

/* For each of so many threads.  --durability and descriptors bound it. */
bool group_init(struct group *group, const struct conversion *cv,
		unsigned threads, struct error *err);

/* Take over what was written.  There must be room. */
void group_add(struct group *group, size_t index, struct written *written,
	       struct result *result);

/* Should it be committed before a source of so many bytes is begun? */
bool group_is_due(const struct group *group, uint64_t next_nbytes);

/*
 * Make them durable and named, and their results final.  The items stay, for
 * the caller to report, until group_clear().
 */
void group_commit(struct group *group, struct scratch *scratch);

void group_clear(struct group *group);

/* Must be empty. */
void group_free(struct group *group);

#endif
