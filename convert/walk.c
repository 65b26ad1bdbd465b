/* walk.c - trees of checkpoints */
#define _DEFAULT_SOURCE	/* d_type; most file systems fill it in */
#include "convert/walk.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/path_stack.h"
#include "convert/emit.h"
#include "convert/journal.h"
#include "convert/walk_objects.h"
#include "formats/bundle.h"
#include "remote/object.h"
#include "remote/resolve.h"

struct walk {
	struct sources *sources;
	const struct source_filter *filter;
	size_t root_len;	/* what comes off a path to make it relative */
	struct path_stack pending;
	struct stat output;
	bool have_output;
	struct error *err;
};

/* Record why a source cannot be read; errno says. */
static bool add_fault(struct sources *sources, struct source *source,
		      const char *what, struct error *err)
{
	struct error fault = { 0 };

	error_set_errno(&fault, "%s", what);
	error_in(&fault, source->path, NULL);
	return sources_set_fault(sources, source, &fault, err);
}

static const char *known_kind(mode_t mode)
{
	if (S_ISREG(mode))
		return NULL;
	if (S_ISDIR(mode))
		return "a link to a folder; it is not followed";
	return "not a regular file";
}

static void take_facts(struct source *source, const struct stat *st)
{
	source->nbytes = (uint64_t)st->st_size;
	source->mtime = st->st_mtim;
	source->inode = st->st_ino;
	source->skip = known_kind(st->st_mode);
}

static bool add_file(struct walk *w, const char *path)
{
	const char *relative = path + w->root_len, *name = file_base_name(path);
	const char *skip = sources_known_name(name);
	struct source *source;
	struct stat st;

	if (!skip && !sources_is_candidate(w->filter, relative))
		return true;
	if (sources_is_excluded(w->filter, relative))
		return true;
	source = sources_add(w->sources, path, relative, w->err);
	if (!source)
		return false;
	source->skip = skip;
	if (skip)
		return true;
	if (stat(path, &st) != 0)
		return add_fault(w->sources, source, "cannot read its size",
				 w->err);
	take_facts(source, &st);
	return true;
}

/*
 * The fault of a folder, or of what may be one, is reported like a file's.
 * The root itself lacks the slash that root_len counts.
 */
static bool add_folder_fault(struct walk *w, const char *path,
			     const char *what)
{
	int code = errno;
	bool root = strlen(path) < w->root_len;
	struct source *source = sources_add(w->sources, path,
				    root ? "" : path + w->root_len, w->err);

	errno = code;
	return source && add_fault(w->sources, source, what, w->err);
}

static bool is_output(const struct walk *w, const struct stat *st)
{
	return w->have_output && st->st_dev == w->output.st_dev &&
	       st->st_ino == w->output.st_ino;
}

/* Has it a policy spec?  False if that cannot be told: *err or errno says. */
static bool look_for_spec(const char *path, bool *found, struct error *err)
{
	char *spec = file_join(path, BUNDLE_SPEC, err);
	struct stat st;
	int code;

	if (!spec)
		return false;
	*found = lstat(spec, &st) == 0;
	code = errno;
	free(spec);
	errno = code;
	return *found || code == ENOENT || code == ENOTDIR;
}

static bool visit(struct walk *w, const char *path, unsigned char type)
{
	struct stat st;

	if (type == DT_REG || type == DT_LNK)
		return add_file(w, path);
	if (lstat(path, &st) != 0)
		return errno == ENOENT ? add_file(w, path) :
		       add_folder_fault(w, path, "cannot look at it");
	if (!S_ISDIR(st.st_mode))
		return add_file(w, path);
	if (is_output(w, &st) || emit_is_temporary(file_base_name(path)) ||
	    strcmp(file_base_name(path), JOURNAL_FOLDER) == 0)
		return true;
	return path_stack_push(&w->pending, path, w->err);
}

static bool read_folder(struct walk *w, const char *path)
{
	bool bundle, ok = false;
	DIR *folder;
	struct dirent *d;

	if (!look_for_spec(path, &bundle, w->err))
		return w->err->kind == ERROR_NONE &&
		       add_folder_fault(w, path, "cannot look into the folder");
	if (bundle)
		return true;
	folder = opendir(path);
	if (!folder)
		return add_folder_fault(w, path, "cannot read the folder");
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
	     add_folder_fault(w, path, "cannot read the folder");
done:
	closedir(folder);
	return ok;
}

static bool walk_folder(struct walk *w, const char *root)
{
	bool ok = path_stack_push(&w->pending, root, w->err);
	char *path;

	while (ok && (path = path_stack_pop(&w->pending)) != NULL) {
		ok = interrupt_check(w->err) && read_folder(w, path);
		free(path);
	}
	path_stack_free(&w->pending);
	return ok;
}

/* A folder that is not there yet, in a dry run, cannot be met. */
static bool look_at_output(struct walk *w)
{
	const char *output = w->filter->output;

	w->have_output = output && stat(output, &w->output) == 0;
	if (!output || w->have_output || errno == ENOENT)
		return true;
	error_set_errno(w->err, "cannot look at the folder");
	return error_in(w->err, output, NULL);
}

/* given is what to call the root if it is not there. */
static bool walk_path(struct sources *sources, const char *root,
		      const char *given, const struct source_filter *filter,
		      struct error *err)
{
	struct walk w = { .sources = sources, .filter = filter, .err = err };
	struct source *source;
	struct stat st;
	int status = stat(root, &st), code = errno;

	if (status == 0 && S_ISDIR(st.st_mode)) {
		if (!look_at_output(&w))
			return false;
		w.root_len = strlen(root);
		if (root[w.root_len - 1] != '/')
			w.root_len++;
		return walk_folder(&w, root);
	}
	source = sources_add(sources, status == 0 ? root : given,
		     file_base_name(root), err);
	if (!source)
		return false;
	source->named = true;
	errno = code;
	if (status != 0)
		return add_fault(sources, source, "cannot open", err);
	take_facts(source, &st);
	return true;
}

bool walk_root(struct sources *sources, const char *root,
	       const struct source_filter *filter, struct error *err)
{
	struct error fault = { 0 };
	char *path;
	bool ok;

	if (!resolve_source(&path, root, &fault))
		ok = sources_add_fault(sources, root, &fault, err);
	else if (object_is_path(path))
		ok = walk_objects(sources, path, filter, err);
	else
		ok = walk_path(sources, path, root, filter, err);
	free(path);
	return ok;
}
