/* group.c - the steps from temporary names to bundles, for many at once */
#include "convert/group.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/console.h"
#include "base/folder.h"
#include "base/memory.h"

enum {
	GROUP_LIMIT = 64,
	GROUP_SECONDS = 2,
	DESCRIPTORS_EACH = 3,	/* of one that waits: two folders, and one to
				   make the parent durable */
	DESCRIPTORS_BUSY = 12,	/* of a thread at work, with its helper */
	DESCRIPTORS_REST = 24
};

static const uint64_t group_nbytes = UINT64_C(256) << 20;
/* Others should not wait for one that takes so long. */
static const uint64_t large_nbytes = UINT64_C(64) << 20;

static size_t affordable(unsigned threads)
{
	struct rlimit limit;
	rlim_t left;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
	    limit.rlim_cur == RLIM_INFINITY)
		return GROUP_LIMIT;
	if (limit.rlim_cur <= DESCRIPTORS_REST)
		return 1;
	left = (limit.rlim_cur - DESCRIPTORS_REST) / threads;
	if (left < DESCRIPTORS_BUSY + DESCRIPTORS_EACH)
		return 1;
	left = (left - DESCRIPTORS_BUSY) / DESCRIPTORS_EACH;
	return left < GROUP_LIMIT ? (size_t)left : GROUP_LIMIT;
}

bool group_init(struct group *group, const struct conversion *cv,
		unsigned threads, struct error *err)
{
	*group = (struct group){ .cv = cv };
	group->limit = cv->settings->durability == DURABILITY_GROUP ?
		       affordable(threads) : 1;
	/* Most of it is never touched, if there are few files. */
	group->items = memory_block(group->limit * sizeof(*group->items), err);
	return group->items != NULL;
}

void group_add(struct group *group, size_t index, struct written *written,
	       struct result *result)
{
	if (group->count == 0)
		clock_gettime(CLOCK_MONOTONIC, &group->since);
	group->items[group->count++] = (struct waiting){
		.index = index, .result = result, .written = *written,
		.folder_fd = -1
	};
	group->nbytes += written->nbytes;
	*written = (struct written){ 0 };
}

bool group_is_due(const struct group *group, uint64_t next_nbytes)
{
	return group->count > 0 &&
	       (group->count == group->limit ||
		group->nbytes >= group_nbytes ||
		next_nbytes >= large_nbytes ||
		console_seconds_since(&group->since) >= GROUP_SECONDS);
}

static bool is_good(const struct waiting *w)
{
	return w->err.kind == ERROR_NONE;
}

/* The first of the items that has this one's folder open, or itself. */
static bool find_folder(const struct group *group, struct waiting *w)
{
	struct stat own, other;
	bool ok = true;

	for (size_t i = 0; ok && i < w->folder_of; i++) {
		const struct waiting *before = &group->items[i];

		if (before->folder_fd < 0)
			continue;
		ok = fstat(w->folder_fd, &own) == 0 &&
		     fstat(before->folder_fd, &other) == 0;
		if (ok && own.st_dev == other.st_dev &&
		    own.st_ino == other.st_ino)
			w->folder_of = i;
	}
	return ok || error_set_errno(&w->err, "cannot look at its folder");
}

/*
 * Before names are given: what cannot be opened then cannot be made durable
 * afterwards.
 */
static void open_folder(struct group *group, size_t index)
{
	struct waiting *w = &group->items[index];

	w->folder_of = index;
	if (!w->written.parent.path)
		return;		/* it lies on S3 */
	if (!folder_open_sync(&w->written.parent, &w->folder_fd, &w->err))
		return;
	if (!find_folder(group, w) || w->folder_of != index) {
		close(w->folder_fd);
		w->folder_fd = -1;
	}
}

static bool give_name(const struct group *group, struct waiting *w,
		      struct scratch *scratch)
{
	enum existing *existing = &w->settled.existing;
	bool may = false;

	if (!emit_rename(&w->written, scratch, existing, &w->err))
		return false;
	if (*existing != EXISTING_SAME_WEIGHTS && *existing != EXISTING_OTHER)
		return true;
	if (!convert_may_replace(group->cv, w->index, scratch, &may, &w->err))
		return false;
	w->settled.replaced = may && emit_replace(&w->written, &w->err);
	return !may || w->settled.replaced;
}

static void sync_folder(struct group *group, size_t index)
{
	struct waiting *owner = &group->items[index];
	struct error fault = { 0 };

	if (owner->folder_fd < 0 ||
	    folder_finish_sync(&owner->written.parent, owner->folder_fd,
			       &fault))
		return;
	for (size_t i = index; i < group->count; i++)
		if (group->items[i].folder_of == index &&
		    is_good(&group->items[i]))
			group->items[i].err = fault;
}

void group_commit(struct group *group, struct scratch *scratch)
{
	bool sync = group->cv->settings->durability != DURABILITY_NONE;
	size_t count = group->count;

	for (size_t i = 0; sync && i < count; i++)
		if (emit_sync(&group->items[i].written, &group->items[i].err))
			open_folder(group, i);
	for (size_t i = 0; i < count; i++)
		if (is_good(&group->items[i]))
			give_name(group, &group->items[i], scratch);
	for (size_t i = 0; sync && i < count; i++)
		sync_folder(group, i);
	for (size_t i = 0; i < count; i++) {
		struct waiting *w = &group->items[i];

		w->result->members = w->written.members;
		emit_discard(&w->written, &w->err);
		convert_settle(group->cv, w->index, &w->settled, &w->err,
			       w->result);
	}
}

void group_clear(struct group *group)
{
	group->count = 0;
	group->nbytes = 0;
}

void group_free(struct group *group)
{
	free(group->items);
	*group = (struct group){ 0 };
}
