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
#include "remote/object.h"

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

static bool look_at_object(struct listing_entry *e, const struct candidate *c,
			   struct error *err)
{
	if (!listed_take_object(&e->seen, c->path, c->nbytes, c->modified,
				err))
		return false;
	e->seen.folder = c->folder;
	if (c->folder)
		e->seen.unlisted = UNLISTED_ON_S3;
	e->nbytes = c->nbytes;
	return true;
}

static bool look(struct listing_entry *e, const struct candidate *c,
		 struct error *err)
{
	*e = (struct listing_entry){ .path = c->path };
	e->parent_len = strlen(c->path) - strlen(file_base_name(c->path));
	if (object_is_path(c->path))
		return look_at_object(e, c, err);
	if (!listed_look(&e->seen, c->path, c->name, c->folder || c->link, err))
		return false;
	e->nbytes = e->seen.nbytes;
	return !e->seen.folder || e->seen.unlisted == UNLISTED_NO_SPEC ||
	       measure(c->path, &e->nbytes, err);
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

static int compare_folders(const struct listing_entry *x,
			   const struct listing_entry *y)
{
	size_t x_len = x->parent_len, y_len = y->parent_len;
	int order = memcmp(x->path, y->path, x_len < y_len ? x_len : y_len);

	return order ? order : x_len < y_len ? -1 : x_len > y_len;
}

static int by_age(const void *a, const void *b)
{
	const struct listing_entry *x = a, *y = b;
	int order = (x->seen.unlisted != LISTED) -
		    (y->seen.unlisted != LISTED);

	if (order == 0)
		order = compare_folders(x, y);
	return order ? order : listed_compare(&x->seen, x->path, &y->seen,
					      y->path);
}

static void sort(struct listing *l)
{
	size_t listed = 0;

	qsort(l->entries, l->count, sizeof(*l->entries), by_age);
	while (listed < l->count && l->entries[listed].seen.unlisted == LISTED)
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

	listed_set_tie(&tie, e->path, other->path);
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
		    e[-1].seen.name.epoch == e->seen.name.epoch)
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
