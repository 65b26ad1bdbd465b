/* listing.c - a folder and those in it, or an archive's directory */
#include "validate/listing.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/path_stack.h"

static bool add(struct listing *l, const char *name, mode_t mode,
		struct error *err)
{
	void *grown = l->items;
	struct listed *item;

	if (l->count >= LISTING_LIMIT)
		return error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
				 "over %d files lie in it", LISTING_LIMIT);
	if (!memory_grow(&grown, &l->capacity, l->count + 1, sizeof(*item),
			 err))
		return false;
	l->items = grown;
	item = &l->items[l->count];
	item->name = arena_copy(&l->arena, name, strlen(name), err);
	item->mode = mode;
	l->count += item->name != NULL;
	return item->name != NULL;
}

/* One name in a folder; prefix is that folder's own name, "" at the root. */
static bool visit(struct listing *l, struct path_stack *pending,
		  const char *root, const char *prefix, const char *name,
		  struct error *err)
{
	char *below = file_join(prefix, name, err);
	char *path = below ? file_join(root, below, err) : NULL;
	bool ok = path != NULL;
	struct stat st;

	/* What was removed meanwhile is not there. */
	if (ok && lstat(path, &st) == 0)
		ok = add(l, below, st.st_mode, err) &&
		     (!S_ISDIR(st.st_mode) ||
		      path_stack_push(pending, below, err));
	else if (ok && errno != ENOENT)
		ok = error_set_errno(err, "cannot look at \"%.200s\"", below);
	free(path);
	free(below);
	return ok;
}

static bool read_folder(struct listing *l, struct path_stack *pending,
			const char *root, const char *prefix,
			struct error *err)
{
	char *path = file_join(root, prefix, err);
	DIR *folder = path ? opendir(path) : NULL;
	struct dirent *d;
	bool ok = folder != NULL;

	if (path && !folder)
		error_set_errno(err, "cannot read the folder");
	while (ok && (errno = 0, d = readdir(folder)) != NULL)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			ok = visit(l, pending, root, prefix, d->d_name, err);
	if (ok && errno != 0)
		ok = error_set_errno(err, "cannot read the folder");
	if (folder)
		closedir(folder);
	free(path);
	return ok;
}

static bool walk(struct listing *l, const char *root, struct error *err)
{
	struct path_stack pending = { 0 };
	bool ok = path_stack_push(&pending, ".", err);
	char *prefix;

	while (ok && (prefix = path_stack_pop(&pending)) != NULL) {
		ok = interrupt_check(err) &&
		     read_folder(l, &pending, root,
				 strcmp(prefix, ".") == 0 ? "" : prefix, err);
		free(prefix);
	}
	path_stack_free(&pending);
	return ok;
}

static bool take_members(struct listing *l, const struct zip *zip,
			 struct error *err)
{
	for (size_t i = 0; i < zip->count; i++) {
		const struct zip_member *m = &zip->members[i];

		if (!m->folder &&
		    !add(l, m->name, (mode_t)(m->attributes >> 16), err))
			return false;
	}
	return true;
}

static int by_name(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	return strcmp(x->name, y->name);
}

bool listing_read(struct listing *l, const struct container *c,
		  struct error *err)
{
	bool ok;

	*l = (struct listing){ 0 };
	ok = c->folder ? walk(l, c->path, err) :
	     take_members(l, &c->zip, err);
	if (!ok) {
		listing_free(l);
		return false;
	}
	if (l->count > 0)
		qsort(l->items, l->count, sizeof(*l->items), by_name);
	return true;
}

void listing_free(struct listing *l)
{
	free(l->items);
	arena_free(&l->arena);
	*l = (struct listing){ 0 };
}
