/* latest.c - list one folder, or one prefix, as the framework does */
#include "remote/latest.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/text.h"
#include "remote/object.h"
#include "remote/s3.h"

/* Of a listing of S3 the framework reads one page. */
#define PAGE_KEYS 1000

struct search {
	struct latest *best;
	const char *folder;
	struct object_name prefix;	/* on S3 */
	struct unlisted_tally tally;
	struct error unreadable;	/* the first */
	size_t unreadable_count;
	uint64_t keys, best_key;	/* there: so many, and which is best */
	struct error *err;
};

/* One that cannot be looked at costs only itself. */
static bool count_fault(struct search *s, const struct error *fault)
{
	if (fault->kind == ERROR_MEMORY) {
		*s->err = *fault;
		return false;
	}
	if (s->unreadable_count++ == 0)
		s->unreadable = *fault;
	return true;
}

static void take(struct search *s, const char *path, const struct listed *seen)
{
	struct latest *best = s->best;
	bool same = best->path &&
		    best->seen.name.epoch == seen->name.epoch;

	if (best->path &&
	    listed_compare(seen, path, &best->seen, best->path) < 0) {
		if (same && !best->tie)
			best->tie = path;
		return;
	}
	best->tie = same ? best->path : NULL;
	best->path = path;
	best->seen = *seen;
	s->best_key = s->keys;
}

/*
 * A folder, a file *.zip, or something else?  Links are followed; those that
 * lead nowhere are something else.
 */
static bool look_at_kind(const char *path, bool *folder, bool *other,
			 struct error *err)
{
	struct stat st;
	bool there = stat(path, &st) == 0;

	*folder = there && S_ISDIR(st.st_mode);
	*other = !*folder && !(there && S_ISREG(st.st_mode) &&
			       text_ends_in(path, BUNDLE_ZIP_SUFFIX));
	if (there || errno == ENOENT || errno == ELOOP || errno == ENOTDIR)
		return true;
	error_set_errno(err, "cannot look at it");
	return error_in(err, path, NULL);
}

/* Could one that is not listed be meant as a bundle?  Any archive could not. */
static bool is_meant(const struct listed *seen, const char *name)
{
	return seen->folder && !bundle_is_leftover(name) &&
	       (seen->unlisted != UNLISTED_NO_SPEC || seen->name.has_epoch);
}

static bool visit(struct search *s, const char *name)
{
	char *joined = file_join(s->folder, name, s->err);
	char *path = joined ? arena_copy(&s->best->arena, joined,
					 strlen(joined), s->err) : NULL;
	struct error fault = { 0 };
	struct listed seen;
	bool folder, other;

	free(joined);
	if (!path)
		return false;
	if (!look_at_kind(path, &folder, &other, &fault))
		return count_fault(s, &fault);
	if (other)
		return true;
	if (!listed_look(&seen, path, file_base_name(path), folder, &fault))
		return count_fault(s, &fault);
	if (seen.unlisted == LISTED)
		take(s, path, &seen);
	else if (is_meant(&seen, name))
		unlisted_count(&s->tally, seen.unlisted, path);
	return true;
}

static bool read_folder(struct search *s)
{
	DIR *folder = opendir(s->folder);
	struct dirent *d;
	bool ok = folder != NULL;

	while (ok && (errno = 0, d = readdir(folder)) != NULL)
		if (strcmp(d->d_name, ".") != 0 &&
		    strcmp(d->d_name, "..") != 0)
			ok = interrupt_check(s->err) && visit(s, d->d_name);
	if (!folder || (ok && errno != 0)) {
		error_set_errno(s->err, "cannot read the folder");
		error_in(s->err, s->folder, NULL);
		ok = false;
	}
	if (folder)
		closedir(folder);
	return ok;
}

static bool visit_key(void *to, const char *key, const struct s3_facts *facts,
		      struct error *err)
{
	struct search *s = to;
	struct error fault = { 0 };
	struct listed seen;
	const char *path;

	s->keys++;
	if (!text_ends_in(key, BUNDLE_ZIP_SUFFIX))
		return true;
	path = object_join(&s->best->arena, s->prefix.bucket, key, err);
	if (!path)
		return false;
	if (!listed_take_object(&seen, path, facts->nbytes,
				facts->modified.tv_sec, &fault))
		return count_fault(s, &fault);
	if (seen.unlisted == LISTED)
		take(s, path, &seen);
	return true;
}

static bool list_prefix(struct search *s)
{
	const struct s3_taker taker = { visit_key, s };
	char *below = object_below(s->folder, s->err);
	bool ok = below && object_split(&s->prefix, below, s->err) &&
		  (s3_list(&s->prefix.place, true, &taker, s->err) ||
		   error_in(s->err, s->folder, NULL));

	free(below);
	return ok;
}

static void remark_page(const struct search *s, struct remarks *remarks)
{
	struct error *r;

	if (s->best_key <= PAGE_KEYS)
		return;
	r = remarks_add(remarks);
	error_set(r, ERROR_LIMIT, ERROR_NO_OFFSET, "%" PRIu64 " keys are "
		  "listed before it, and the framework reads the first %d of a "
		  "prefix only", s->best_key - 1, PAGE_KEYS);
	error_in(r, s->best->path, NULL);
}

static void remark_unreadable(const struct search *s, struct remarks *remarks)
{
	struct error *r;

	if (s->unreadable_count == 0)
		return;
	remarks->bad = true;
	r = remarks_add(remarks);
	*r = s->unreadable;
	if (s->unreadable_count == 1)
		return;
	*r = (struct error){ 0 };
	error_set(r, s->unreadable.kind, s->unreadable.offset,
		  "%.300s; nor can %zu more be told", s->unreadable.reason,
		  s->unreadable_count - 1);
	error_in(r, s->unreadable.path, NULL);
}

static void remark(const struct search *s, struct remarks *remarks)
{
	const struct latest *best = s->best;

	if (best->tie)
		listed_set_tie(remarks_add(remarks), best->path, best->tie);
	remark_unreadable(s, remarks);
	remark_page(s, remarks);
	for (int k = LISTED + 1; k < UNLISTED_COUNT; k++)
		if (s->tally.counts[k] > 0)
			unlisted_remark(remarks_add(remarks), &s->tally,
					(enum unlisted)k);
}

bool latest_find(struct latest *l, const char *folder,
		 struct remarks *remarks, struct error *err)
{
	struct search s = { .best = l, .folder = folder, .err = err };

	*l = (struct latest){ 0 };
	if (!(object_is_path(folder) ? list_prefix : read_folder)(&s)) {
		latest_free(l);
		return false;
	}
	remark(&s, remarks);
	return true;
}

void latest_free(struct latest *l)
{
	arena_free(&l->arena);
	*l = (struct latest){ 0 };
}
