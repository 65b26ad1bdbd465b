/* emit_folder.c - a bundle as a folder of two files */
#include "convert/emit_form.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "formats/bundle.h"

/* The paths of both members in a folder. */
struct paths {
	char *weights, *spec;
};

static bool paths_in(struct paths *paths, const char *folder,
		     struct error *err)
{
	paths->weights = file_join(folder, BUNDLE_WEIGHTS, err);
	paths->spec = file_join(folder, BUNDLE_SPEC, err);
	return paths->weights && paths->spec;
}

static void paths_free(struct paths *paths)
{
	free(paths->weights);
	free(paths->spec);
}

static bool write_weights(const char *path, struct checkpoint *c,
			  const struct safetensors_layout *layout,
			  struct scratch *scratch, struct error *err)
{
	struct file file = { 0 };
	struct sink sink;
	bool ok;

	if (!file_create(&file, path, err))
		return false;
	sink = sink_over(file_writer(&file), scratch->buffer,
			 SCRATCH_BUFFER_SIZE);
	ok = sink_write(&sink, layout->header.data, layout->header.len, err) &&
	     checkpoint_copy(c, layout, &sink, scratch, err) &&
	     sink_flush(&sink, err) && file_close(&file, err);
	file_discard(&file);
	return ok;
}

static bool write_spec(const char *path, const struct buffer *spec,
		       struct error *err)
{
	struct file file = { 0 };
	bool ok = file_create(&file, path, err) &&
		  file_write(&file, 0, spec->data, spec->len, err) &&
		  file_close(&file, err);

	file_discard(&file);
	return ok;
}

/* What the validator would say of the header and the length of the weights. */
static bool check_weights(const char *path,
			  const struct safetensors_layout *layout,
			  struct error *err)
{
	struct file file = { 0 };
	uint8_t *bytes = memory_array(layout->header.len, 1, err);
	struct reader r;
	bool ok = false;

	if (!bytes || !file_open(&file, path, err))
		goto done;
	r = file_reader(&file);
	ok = emit_check_size(layout, file.size, err) &&
	     reader_read(&r, 0, bytes, layout->header.len, err) &&
	     emit_check_header(layout, bytes, err);
	if (!ok)
		error_in(err, path, NULL);
done:
	free(bytes);
	file_discard(&file);
	return ok;
}

static bool write_folder(struct written *w, struct checkpoint *c,
			 const struct safetensors_layout *layout,
			 const struct buffer *spec, struct scratch *scratch,
			 struct error *err)
{
	struct paths paths = { 0 };
	bool ok = false;

	if (!file_make_folder(w->temporary, err))
		return false;
	w->made = true;
	ok = paths_in(&paths, w->temporary, err) &&
	     write_weights(paths.weights, c, layout, scratch, err) &&
	     write_spec(paths.spec, spec, err) &&
	     check_weights(paths.weights, layout, err);
	paths_free(&paths);
	return ok;
}

static bool sync_member(const char *path, struct error *err)
{
	struct file file = { 0 };
	bool ok = file_open(&file, path, err) && file_sync(&file, err);

	file_discard(&file);
	return ok;
}

static bool sync_folder(const struct written *w, struct error *err)
{
	struct paths paths = { 0 };
	bool ok = paths_in(&paths, w->temporary, err) &&
		  sync_member(paths.weights, err) &&
		  sync_member(paths.spec, err) &&
		  file_sync_folder(w->temporary, err);

	paths_free(&paths);
	return ok;
}

/*
 * rename() replaces an empty folder and nothing else: a folder with something
 * in it, a file or a link stays as it is.
 */
static bool rename_folder(struct written *w, bool *renamed, struct error *err)
{
	*renamed = rename(w->temporary, w->dest) == 0;
	if (*renamed) {
		w->made = false;
		return true;
	}
	if (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR)
		return true;
	error_set_errno(err, "cannot rename the finished bundle");
	return error_in(err, w->dest, NULL);
}

static bool compare_folder(const struct written *w, struct scratch *scratch,
			   enum existing *existing, struct error *err)
{
	struct paths ours = { 0 }, theirs = { 0 };
	bool ok = false, same_spec, same_weights;
	struct stat st;

	*existing = EXISTING_OTHER;
	if (lstat(w->dest, &st) == 0 && !S_ISDIR(st.st_mode))
		return true;
	if (!paths_in(&ours, w->temporary, err) ||
	    !paths_in(&theirs, w->dest, err) ||
	    !emit_same_file(ours.spec, theirs.spec, scratch, &same_spec,
			    err) ||
	    !emit_same_file(ours.weights, theirs.weights, scratch,
			    &same_weights, err))
		goto done;
	if (same_weights)
		*existing = same_spec ? EXISTING_SAME : EXISTING_SAME_WEIGHTS;
	ok = true;
done:
	paths_free(&ours);
	paths_free(&theirs);
	return ok;
}

static void remove_folder(const struct written *w)
{
	struct paths paths = { 0 };
	struct error ignored = { 0 };

	if (paths_in(&paths, w->temporary, &ignored)) {
		unlink(paths.weights);
		unlink(paths.spec);
	}
	paths_free(&paths);
	rmdir(w->temporary);
}

const struct emit_form emit_folder = {
	.write = write_folder,
	.sync = sync_folder,
	.rename = rename_folder,
	.compare = compare_folder,
	.remove = remove_folder,
};
