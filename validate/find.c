/* find.c - trees of bundles */
#define _DEFAULT_SOURCE	/* d_type, realpath() */
#include "validate/find.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/path_stack.h"
#include "base/text.h"
#include "formats/bundle.h"
#include "remote/object.h"
#include "remote/resolve.h"
#include "validate/find_objects.h"

struct walk {
	struct candidates *list;
	struct path_stack pending;
	struct error *err;
};

bool find_has_epoch(const char *name, bool folder)
{
	struct bundle_name parsed;
	struct error too_big = { 0 };

	return !bundle_parse_name(&parsed, name, folder, &too_big) ||
	       parsed.has_epoch;
}

struct candidate *find_add(struct candidates *list, const char *path,
			   struct error *err)
{
	void *grown = list->items;
	struct candidate *c;

	if (!memory_grow(&grown, &list->capacity, list->count + 1, sizeof(*c),
			 err))
		return NULL;
	list->items = grown;
	c = &list->items[list->count];
	*c = (struct candidate){ 0 };
	c->path = arena_copy(&list->arena, path, strlen(path), err);
	if (!c->path)
		return NULL;
	c->name = file_base_name(c->path);
	list->count++;
	return c;
}

bool find_set_fault(struct candidates *list, struct candidate *c,
		    const struct error *fault, struct error *err)
{
	struct error *kept;

	if (fault->kind == ERROR_MEMORY || fault->kind == ERROR_INTERRUPTED) {
		*err = *fault;
		return false;
	}
	kept = arena_array(&list->arena, 1, sizeof(*kept), err);
	if (!kept)
		return false;
	*kept = *fault;
	c->error = kept;
	return true;
}

/* Add a candidate that cannot be read; errno says why. */
static bool add_fault(struct candidates *list, const char *path,
		      const char *what, struct error *err)
{
	struct error fault = { 0 };
	struct candidate *c;

	error_set_errno(&fault, "%s", what);
	c = find_add(list, path, err);
	return c && find_set_fault(list, c, &fault, err);
}

static bool add_skip(struct walk *w, const char *path, const char *reason)
{
	struct candidate *c = find_add(w->list, path, w->err);

	if (c)
		c->skip = reason;
	return c != NULL;
}

static bool add_link(struct walk *w, const char *path)
{
	bool ok = add_skip(w, path, "a link to a folder; it is not followed");

	if (ok)
		w->list->items[w->list->count - 1].link = true;
	return ok;
}

/* Is there anything of this name in the folder?  *nbytes is its size. */
static bool look_for(const char *folder, const char *name, bool *found,
		     uint64_t *nbytes, struct error *err)
{
	char *path = file_join(folder, name, err);
	struct stat st;
	bool ok;

	if (!path)
		return false;
	*found = lstat(path, &st) == 0;
	*nbytes = *found && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	ok = *found || errno == ENOENT || errno == ENOTDIR ||
	     error_set_errno(err, "cannot look into the folder");
	free(path);
	return ok;
}

/* A folder whose name is no help is looked up: "." may be "run:v5". */
static bool resolve_name(struct candidates *list, struct candidate *c,
			 struct error *err)
{
	struct error fault = { 0 };
	char *real;

	if (strcmp(c->name, ".") != 0 && strcmp(c->name, "..") != 0)
		return true;
	real = realpath(c->path, NULL);
	if (!real) {
		error_set_errno(&fault, "cannot tell its name");
		return find_set_fault(list, c, &fault, err);
	}
	c->name = arena_copy(&list->arena, file_base_name(real),
			     strlen(file_base_name(real)), err);
	free(real);
	return c->name != NULL;
}

/*
 * Add a folder if it is a bundle, or should be one: it has the spec, or an
 * epoch, or was named by the user and has weights.
 */
static bool add_bundle(struct candidates *list, const char *path, bool named,
		       bool *added, struct error *err)
{
	uint64_t spec_nbytes, weights_nbytes;
	struct error fault = { 0 };
	struct candidate *c;
	bool spec, weights;
	bool seen = look_for(path, BUNDLE_SPEC, &spec, &spec_nbytes, &fault) &&
		    look_for(path, BUNDLE_WEIGHTS, &weights, &weights_nbytes,
			     &fault);

	*added = !seen || spec || (weights && named) ||
		 find_has_epoch(file_base_name(path), true);
	if (!*added)
		return true;
	c = find_add(list, path, err);
	if (!c)
		return false;
	if (!seen)
		return find_set_fault(list, c, &fault, err);
	if (!resolve_name(list, c, err))
		return false;
	c->folder = true;
	c->nbytes = weights_nbytes;
	return true;
}

static bool visit_folder(struct walk *w, const char *path)
{
	bool added;

	if (bundle_is_leftover(file_base_name(path)))
		return add_skip(w, path, FIND_LEFTOVER);
	return add_bundle(w->list, path, false, &added, w->err) &&
	       (added || path_stack_push(&w->pending, path, w->err));
}

/* Files in a tree that are no bundles, but that a user could ask about. */
static const char *known_name(const char *name)
{
	if (bundle_is_leftover(name))
		return FIND_LEFTOVER;
	if (strcmp(name, "trainer_state.pt") == 0)
		return NULL;
	if (text_ends_in(name, ".mpt") || text_ends_in(name, ".pt"))
		return "a legacy checkpoint; mpt-convert makes a bundle of it";
	return NULL;
}

static bool visit_zip(struct walk *w, const char *path, const struct stat *st)
{
	struct candidate *c;

	if (!S_ISREG(st->st_mode))
		return add_skip(w, path, "not a regular file");
	c = find_add(w->list, path, w->err);
	if (!c)
		return false;
	c->nbytes = (uint64_t)st->st_size;
	c->doubtful = !find_has_epoch(file_base_name(path), false);
	return true;
}

static bool visit(struct walk *w, const char *path, unsigned char type)
{
	const char *name = file_base_name(path), *skip = known_name(name);
	bool zip = text_ends_in(name, BUNDLE_ZIP_SUFFIX), link;
	struct stat st;

	if (type != DT_REG || zip) {
		if (lstat(path, &st) != 0)
			return add_fault(w->list, path, "cannot look at it",
					 w->err);
		link = S_ISLNK(st.st_mode);
		if (S_ISDIR(st.st_mode))
			return visit_folder(w, path);
		if (link && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
			return !find_has_epoch(name, true) || add_link(w, path);
	}
	if (skip)
		return add_skip(w, path, skip);
	return !zip || visit_zip(w, path, &st);
}

static bool read_folder(struct walk *w, const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *d;
	bool ok = false;

	if (!folder)
		return add_fault(w->list, path, "cannot read the folder",
				 w->err);
	while (errno = 0, (d = readdir(folder)) != NULL) {
		char *child;
		bool fine;

		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		child = file_join(path, d->d_name, w->err);
		fine = child && visit(w, child, d->d_type);
		free(child);
		if (!fine)
			goto done;
	}
	ok = errno == 0 ||
	     add_fault(w->list, path, "cannot read the folder", w->err);
done:
	closedir(folder);
	return ok;
}

static bool walk_folder(struct candidates *list, const char *root,
			struct error *err)
{
	struct walk w = { .list = list, .err = err };
	bool ok = path_stack_push(&w.pending, root, err);
	char *path;

	while (ok && (path = path_stack_pop(&w.pending)) != NULL) {
		ok = interrupt_check(err) && read_folder(&w, path);
		free(path);
	}
	path_stack_free(&w.pending);
	return ok;
}

static bool add_folder(struct candidates *list, const char *path,
		       struct error *err)
{
	bool added;

	return add_bundle(list, path, true, &added, err) &&
	       (added || walk_folder(list, path, err));
}

static bool add_file(struct candidates *list, const char *path,
		     const struct stat *st, struct error *err)
{
	struct candidate *c = find_add(list, path, err);

	if (!c)
		return false;
	c->nbytes = (uint64_t)st->st_size;
	return true;
}

bool find_stands_for_folder(const char *path)
{
	const char *name = file_base_name(path);

	return strcmp(name, BUNDLE_SPEC) == 0 ||
	       strcmp(name, BUNDLE_WEIGHTS) == 0;
}

/* The folder that a file is in; the path is cut there. */
static const char *folder_of(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash)
		return ".";
	slash[slash == path] = '\0';
	return path;
}

/* The path that an operand means; given is what to call it. */
static bool add_path(struct candidates *list, char *path, const char *given,
		     struct error *err)
{
	size_t len = strlen(path);
	struct stat st;

	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	if (stat(path, &st) != 0)
		return add_fault(list, uri_is_plain_path(given) ? path : given,
				 "cannot open", err);
	if (S_ISDIR(st.st_mode))
		return add_folder(list, path, err);
	if (find_stands_for_folder(path))
		return add_folder(list, folder_of(path), err);
	return add_file(list, path, &st, err);
}

bool find_operand(struct candidates *list, const char *operand,
		  struct error *err)
{
	struct error fault = { 0 };
	struct candidate *c;
	char *path;
	bool ok;

	if (resolve_operand(&path, operand, &fault)) {
		ok = object_is_path(path) ?
		     find_objects(list, path, err) :
		     add_path(list, path, operand, err);
	} else {
		c = find_add(list, operand, err);
		ok = c && find_set_fault(list, c, &fault, err);
	}
	free(path);
	return ok;
}

static int by_path(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int order = strcmp(x->path, y->path);

	/* One that the user named stands before the same found in a tree. */
	return order ? order : (int)x->doubtful - (int)y->doubtful;
}

void find_sort(struct candidates *list)
{
	size_t kept = 0;

	if (list->count == 0)
		return;
	qsort(list->items, list->count, sizeof(*list->items), by_path);
	for (size_t i = 1; i < list->count; i++)
		if (strcmp(list->items[kept].path, list->items[i].path) != 0)
			list->items[++kept] = list->items[i];
	list->count = kept + 1;
}

void find_free(struct candidates *list)
{
	free(list->items);
	arena_free(&list->arena);
	*list = (struct candidates){ 0 };
}
