/* leftovers.c - find temporaries by their owners' ids */
#include "convert/leftovers.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/interrupt.h"
#include "base/path_stack.h"
#include "convert/emit.h"
#include "formats/bundle.h"

static bool is_of_the_dead(const struct dead_claims *dead, const char *name)
{
	for (size_t i = 0; i < dead->count; i++)
		if (emit_is_temporary_of(name, dead->ids[i]))
			return true;
	return false;
}

static bool remove_folder(const struct folder *in, const char *name,
			  struct error *err)
{
	struct folder folder;
	bool ok;

	if (!folder_open_in(&folder, in, name, err))
		return false;
	ok = folder_remove_file(&folder, BUNDLE_WEIGHTS, err) &&
	     folder_remove_file(&folder, BUNDLE_SPEC, err) &&
	     folder_remove_folder(in, name, err);
	folder_close(&folder);
	return ok;
}

/* What cannot be removed stays: the work can be done beside it. */
static void remove_one(const struct folder *in, const char *name, mode_t mode,
		       size_t *removed)
{
	struct error fault = { 0 };

	*removed += S_ISDIR(mode) ? remove_folder(in, name, &fault) :
				    folder_remove_file(in, name, &fault);
}

static bool visit(const struct folder *in, const char *below,
		  const char *name, const struct dead_claims *dead,
		  struct path_stack *pending, size_t *removed,
		  struct error *err)
{
	struct error fault = { 0 };
	mode_t mode;
	char *path;
	bool ok;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	    !folder_look(in, name, &mode, &fault))
		return true;
	if (is_of_the_dead(dead, name)) {
		remove_one(in, name, mode, removed);
		return true;
	}
	if (!S_ISDIR(mode))
		return true;
	path = file_join(below, name, err);
	ok = path && path_stack_push(pending, path, err);
	free(path);
	return ok;
}

/* Look through one folder below the root, and put those in it aside. */
static bool look_through(const struct folder *root, const char *below,
			 const struct dead_claims *dead,
			 struct path_stack *pending, size_t *removed,
			 struct error *err)
{
	struct error fault = { 0 };
	struct folder folder;
	struct dirent *d;
	DIR *list;
	bool ok = true;

	if (!folder_open_below(&folder, root, below, &fault))
		return true;
	list = folder_list(&folder, &fault);
	while (list && ok && (d = readdir(list)) != NULL)
		ok = visit(&folder, below, d->d_name, dead, pending, removed,
			   err);
	if (list)
		closedir(list);
	folder_close(&folder);
	return ok;
}

bool leftovers_remove(const struct folder *root,
		      const struct dead_claims *dead, size_t *removed,
		      struct error *err)
{
	struct path_stack pending = { 0 };
	bool ok = path_stack_push(&pending, "", err);
	char *below;

	while (ok && (below = path_stack_pop(&pending)) != NULL) {
		ok = interrupt_check(err) &&
		     look_through(root, below, dead, &pending, removed, err);
		free(below);
	}
	path_stack_free(&pending);
	return ok;
}
