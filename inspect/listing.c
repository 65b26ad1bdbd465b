/* listing.c - find, look at, sort */
#define _DEFAULT_SOURCE	/* struct dirent */
#include "inspect/listing.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/path_stack.h"

static const char *const reasons[UNLISTED_COUNT] = {
	[UNLISTED_NO_SPEC] = "a folder without policy_spec.json is no bundle, "
			     "or none yet",
	[UNLISTED_NO_EPOCH] = "the name does not end in :v and an epoch",
	[UNLISTED_HIDDEN] = "the run's name has a dot, so the framework does "
			    "not see a folder of it; a zip of it is seen",
};

const char *listing_reason(enum unlisted unlisted)
{
	return reasons[unlisted];
}

/* ---- one bundle ---- */

static bool fault(const char *path, struct error *err)
{
	error_set_errno(err, "cannot look at it");
	return error_in(err, path, NULL);
}

static bool add_child(struct path_stack *pending, const char *path,
		      const char *name, uint64_t *nbytes, struct error *err)
{
	char *child = file_join(path, name, err);
	struct stat st;
	bool ok = child != NULL;

	if (ok && lstat(child, &st) != 0)
		ok = errno == ENOENT || fault(child, err);
	else if (ok && S_ISREG(st.st_mode))
		*nbytes += (uint64_t)st.st_size;
	else if (ok && S_ISDIR(st.st_mode))
		ok = path_stack_push(pending, child, err);
	free(child);
	return ok;
}

static bool add_folder(struct path_stack *pending, const char *path,
		       uint64_t *nbytes, struct error *err)
{
	DIR *folder = opendir(path);
	struct dirent *d;
	bool ok = true;

	if (!folder)
		return fault(path, err);
	while (ok && (errno = 0, d = readdir(folder)) != NULL)
		if (strcmp(d->d_name, ".") != 0 &&
		    strcmp(d->d_name, "..") != 0)
			ok = add_child(pending, path, d->d_name, nbytes, err);
	if (ok && errno != 0)
		ok = fault(path, err);
	closedir(folder);
	return ok;
}

/* The bytes of all files below a folder. */
static bool measure(const char *path, uint64_t *nbytes, struct error *err)
{
	struct path_stack pending = { 0 };
	bool ok = path_stack_push(&pending, path, err);
	char *next;

	*nbytes = 0;
	while (ok && (next = path_stack_pop(&pending)) != NULL) {
		ok = add_folder(&pending, next, nbytes, err);
		free(next);
	}
	path_stack_free(&pending);
	return ok;
}

static bool look_at_folder(struct listing_entry *e, struct error *err)
{
	char *spec = file_join(e->path, BUNDLE_SPEC, err);
	struct stat st;
	bool ok = spec != NULL;

	if (ok && stat(spec, &st) == 0) {
		e->modified = st.st_mtime;
		ok = measure(e->path, &e->nbytes, err);
	} else if (ok) {
		e->unlisted = UNLISTED_NO_SPEC;
		ok = errno == ENOENT || errno == ENOTDIR || fault(spec, err);
	}
	free(spec);
	return ok;
}

static bool look_at_zip(struct listing_entry *e, struct error *err)
{
	struct stat st;

	if (stat(e->path, &st) != 0)
		return fault(e->path, err);
	e->modified = st.st_mtime;
	e->nbytes = (uint64_t)st.st_size;
	return true;
}

static bool look(struct listing_entry *e, const struct candidate *c,
		 struct error *err)
{
	*e = (struct listing_entry){ .path = c->path,
				     .folder = c->folder || c->link };
	e->parent_len = strlen(c->path) - strlen(file_base_name(c->path));
	/* To the framework a folder's name has a suffix, too. */
	if (!bundle_parse_name(&e->name, c->name, false, err))
		return error_in(err, c->path, NULL);
	if (!(e->folder ? look_at_folder(e, err) : look_at_zip(e, err)))
		return false;
	if (e->unlisted == LISTED && !e->name.has_epoch)
		e->unlisted = e->folder && bundle_folder_hidden(c->name) ?
			      UNLISTED_HIDDEN : UNLISTED_NO_EPOCH;
	return true;
}

/* ---- all of them ---- */

/* Could it be meant as a checkpoint? */
static bool is_meant(const struct candidate *c)
{
	/* The framework follows links, and does not look at other zips. */
	return c->skip ? c->link : !c->doubtful;
}

/* Lack of memory is no fault of a checkpoint. */
static bool fill(struct listing *l, struct answer *a, struct error *err)
{
	for (size_t i = 0; i < l->candidates.count; i++) {
		const struct candidate *c = &l->candidates.items[i];
		struct error bad = { 0 };

		if (!interrupt_check(err))
			return false;
		if (c->error) {
			bad = *c->error;
			error_in(&bad, c->path, NULL);
		} else if (is_meant(c) &&
			   look(&l->entries[l->count], c, &bad)) {
			l->count++;
		}
		if (bad.kind == ERROR_MEMORY) {
			*err = bad;
			return false;
		}
		if (bad.kind == ERROR_NONE)
			continue;
		answer_remark(a, &bad);
		a->status = ANSWER_BAD;
	}
	return true;
}

static int compare_spans(const char *a, size_t a_len, const char *b,
			 size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return order ? order : a_len < b_len ? -1 : a_len > b_len;
}

static int compare_folders(const struct listing_entry *x,
			   const struct listing_entry *y)
{
	return compare_spans(x->path, x->parent_len, y->path, y->parent_len);
}

static int by_age(const void *a, const void *b)
{
	const struct listing_entry *x = a, *y = b;
	int order = (x->unlisted != LISTED) - (y->unlisted != LISTED);

	if (order == 0)
		order = compare_folders(x, y);
	if (order == 0 && x->name.epoch != y->name.epoch)
		order = x->name.epoch < y->name.epoch ? -1 : 1;
	if (order == 0)
		order = compare_spans(x->name.run, x->name.run_len,
				      y->name.run, y->name.run_len);
	return order ? order : strcmp(x->path, y->path);
}

static void sort(struct listing *l)
{
	size_t listed = 0;

	qsort(l->entries, l->count, sizeof(*l->entries), by_age);
	while (listed < l->count && l->entries[listed].unlisted == LISTED)
		listed++;
	l->unlisted = l->entries + listed;
	l->unlisted_count = l->count - listed;
	l->count = listed;
}

bool listing_make(struct listing *l, const struct option_list *roots,
		  struct answer *a, struct error *err)
{
	bool ok = roots->count > 0 || find_operand(&l->candidates, ".", err);

	for (size_t i = 0; ok && i < roots->count; i++)
		ok = find_operand(&l->candidates, roots->values[i], err);
	if (!ok)
		return false;
	find_sort(&l->candidates);
	l->entries = memory_array(l->candidates.count, sizeof(*l->entries),
				  err);
	if (!l->entries || !fill(l, a, err))
		return false;
	sort(l);
	return true;
}

static void remark_tie(const struct listing_entry *e,
		       const struct listing_entry *other, struct answer *a)
{
	struct error tie = { 0 };

	error_set(&tie, ERROR_USAGE, ERROR_NO_OFFSET,
		  "\"%.200s\" has the same epoch: :latest loads the one or "
		  "the other", file_base_name(other->path));
	error_in(&tie, e->path, NULL);
	answer_remark(a, &tie);
}

void listing_keep_latest(struct listing *l, struct answer *a)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->count; i++) {
		const struct listing_entry *e = &l->entries[i];

		if (i + 1 < l->count && compare_folders(e, e + 1) == 0)
			continue;
		if (i > 0 && compare_folders(e - 1, e) == 0 &&
		    e[-1].name.epoch == e->name.epoch)
			remark_tie(e, e - 1, a);
		l->entries[kept++] = *e;
	}
	l->count = kept;
}

void listing_free(struct listing *l)
{
	free(l->entries);
	find_free(&l->candidates);
	*l = (struct listing){ 0 };
}
