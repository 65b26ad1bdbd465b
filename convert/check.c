/* check.c - open what is there, compare spec, header and elements */
#include "convert/check.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "convert/compare.h"
#include "convert/emit.h"
#include "formats/bundle.h"

/* Bytes of a text that are shown where it differs. */
enum { EXCERPT = 40 };

/* Is there a folder in the place of the bundle?  If not, what is there? */
static bool look_at(const char *dest, bool *there, struct checked *checked,
		    struct error *err)
{
	struct stat st;
	int status = lstat(dest, &st);

	*there = status == 0 && S_ISDIR(st.st_mode);
	if (*there)
		return true;
	if (status != 0 && errno != ENOENT && errno != ENOTDIR) {
		error_set_errno(err, "cannot look for the bundle");
		return error_in(err, dest, NULL);
	}
	checked->verdict = status == 0 ? CHECK_DIFFERS : CHECK_MISSING;
	error_set(&checked->difference, ERROR_DIFFERENT, ERROR_NO_OFFSET,
		  status == 0 ? "is no folder" : "is not there");
	error_in(&checked->difference, dest, NULL);
	return true;
}

/*
 * Open a member.  If there is no such file, the difference says so, and
 * file->path stays NULL.
 */
static bool open_member(struct file *file, const char *dest, const char *name,
			struct error *difference, struct error *err)
{
	char *path = file_join(dest, name, err);
	struct stat st;
	bool ok = path != NULL;

	if (!ok)
		return false;
	if (lstat(path, &st) != 0) {
		ok = errno == ENOENT;
		if (ok)
			error_set(difference, ERROR_DIFFERENT, ERROR_NO_OFFSET,
				  "is not there");
		else
			error_set_errno(err, "cannot look for it");
		error_in(err, path, NULL);
	} else if (!S_ISREG(st.st_mode)) {
		error_set(difference, ERROR_DIFFERENT, ERROR_NO_OFFSET,
			  "is no regular file");
	} else {
		ok = file_open(file, path, err);
	}
	free(path);
	return ok;
}

static void compare_spec(const struct buffer *ours, const char *theirs,
			 size_t len, struct error *difference)
{
	size_t i = 0, end = len < ours->len ? len : ours->len;

	while (i < end && ours->data[i] == theirs[i])
		i++;
	if (i == ours->len && i == len)
		return;
	error_set(difference, ERROR_DIFFERENT, i,
		  "has \"%.*s\" here, would have \"%.*s\"",
		  (int)(len - i < EXCERPT ? len - i : EXCERPT), theirs + i,
		  (int)(ours->len - i < EXCERPT ? ours->len - i : EXCERPT),
		  ours->data + i);
}

static bool check_spec(const struct buffer *spec, const char *dest,
		       struct error *difference, struct error *err)
{
	struct file file = { 0 };
	char *theirs = NULL;
	struct reader r;
	size_t len = spec->len + EXCERPT;
	bool ok = open_member(&file, dest, BUNDLE_SPEC, difference, err);

	if (!ok || !file.path)
		return ok;
	r = file_reader(&file);
	if (r.size < len)
		len = (size_t)r.size;
	theirs = memory_array(len, 1, err);
	ok = theirs && reader_read(&r, 0, theirs, len, err) &&
	     file_check_unchanged(&file, err);
	if (ok)
		compare_spec(spec, theirs, len, difference);
	free(theirs);
	file_discard(&file);
	return ok;
}

/* Read the source and the file at once. */
static bool check_elements(struct checkpoint *c,
			   const struct safetensors_layout *layout,
			   const struct reader *there, struct scratch *scratch,
			   struct error *difference, struct error *err)
{
	struct compare compare;
	struct sink sink;
	bool ok = compare_begin(&compare, &c->weights, layout, there, err);

	if (ok) {
		sink = sink_over(compare_writer(&compare), scratch->buffer,
			       SCRATCH_BUFFER_SIZE);
		ok = sink_seek(&sink, layout->header.len, err) &&
		     checkpoint_copy(c, layout, &sink, scratch, err) &&
		     sink_flush(&sink, err);
	}
	if (ok)
		compare_end(&compare, difference);
	compare_free(&compare);
	return ok;
}

static bool check_weights(struct checkpoint *c,
			  const struct safetensors_layout *layout,
			  const char *dest, struct scratch *scratch,
			  struct error *difference, struct error *err)
{
	struct file file = { 0 };
	struct reader r;
	bool ok = open_member(&file, dest, BUNDLE_WEIGHTS, difference, err);

	if (!ok || !file.path)
		return ok;
	r = file_reader(&file);
	ok = compare_header(layout, &r, difference, err);
	if (ok && difference->kind == ERROR_NONE)
		ok = check_elements(c, layout, &r, scratch, difference, err);
	ok = ok && file_check_unchanged(&file, err);
	file_discard(&file);
	return ok;
}

static bool is_member(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	       strcmp(name, BUNDLE_SPEC) == 0 ||
	       strcmp(name, BUNDLE_WEIGHTS) == 0;
}

/* What else is in the folder: its first by name, and how many. */
static bool note_others(const char *dest, struct notes *notes,
			struct error *err)
{
	DIR *folder = opendir(dest);
	struct dirent *d;
	char first[sizeof(d->d_name)] = "";
	size_t count = 0;

	if (!folder) {
		error_set_errno(err, "cannot read the folder");
		return error_in(err, dest, NULL);
	}
	while ((d = readdir(folder)) != NULL) {
		if (is_member(d->d_name))
			continue;
		if (count++ == 0 || strcmp(d->d_name, first) < 0)
			memcpy(first, d->d_name, strlen(d->d_name) + 1);
	}
	closedir(folder);
	if (count == 0)
		return true;
	if (count == 1)
		return notes_add(notes, err, "its bundle also holds \"%s\"",
				 first);
	return notes_add(notes, err, "its bundle also holds \"%s\" and %zu "
			 "more", first, count - 1);
}

/* Both members, whatever is found in the first. */
static bool check_members(struct checked *checked, struct checkpoint *c,
			  const struct safetensors_layout *layout,
			  const struct buffer *spec, const char *dest,
			  struct scratch *scratch, struct error *err)
{
	struct error in_spec = { 0 }, in_weights = { 0 };

	if (!check_spec(spec, dest, &in_spec, err) ||
	    !check_weights(c, layout, dest, scratch, &in_weights, err) ||
	    !note_others(dest, &c->notes, err))
		return false;
	error_in(&in_spec, dest, BUNDLE_SPEC);
	error_in(&in_weights, dest, BUNDLE_WEIGHTS);
	if (in_weights.kind != ERROR_NONE) {
		checked->verdict = CHECK_DIFFERS;
		checked->difference = in_weights;
		return in_spec.kind == ERROR_NONE ||
		       notes_add(&c->notes, err, BUNDLE_SPEC " of its bundle "
				 "differs, too");
	}
	checked->verdict = CHECK_SAME;
	if (in_spec.kind != ERROR_NONE) {
		checked->verdict = CHECK_SAME_WEIGHTS;
		checked->difference = in_spec;
	}
	return true;
}

bool check_bundle(struct checked *checked, struct checkpoint *c,
		  const struct buffer *spec, const char *dest,
		  struct scratch *scratch, struct error *err)
{
	struct safetensors_layout layout;
	bool there, ok;

	*checked = (struct checked){ 0 };
	if (!emit_lay_out(&layout, c, spec, &checked->nbytes, err))
		return false;
	ok = look_at(dest, &there, checked, err);
	if (ok && there)
		ok = check_members(checked, c, &layout, spec, dest, scratch,
				   err);
	safetensors_layout_free(&layout);
	return ok;
}

static bool sync_member(const char *dest, const char *name, struct error *err)
{
	char *path = file_join(dest, name, err);
	struct file file = { 0 };
	bool ok = path && file_open(&file, path, err) && file_sync(&file, err);

	file_discard(&file);
	free(path);
	return ok;
}

bool check_sync(const char *dest, struct error *err)
{
	char *parent = file_join(dest, "..", err);
	bool ok = parent && sync_member(dest, BUNDLE_SPEC, err) &&
		  sync_member(dest, BUNDLE_WEIGHTS, err) &&
		  file_sync_folder(dest, err) && file_sync_folder(parent, err);

	free(parent);
	return ok;
}
