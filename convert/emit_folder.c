/* emit_folder.c - a bundle as a folder of two files */
#include "convert/emit_form.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/memory.h"
#include "formats/bundle.h"

static bool write_weights(const struct folder *in, struct checkpoint *c,
			  const struct safetensors_layout *layout,
			  struct scratch *scratch, struct error *err)
{
	struct file file = { 0 };
	bool ok = file_create_in(&file, in, BUNDLE_WEIGHTS, err) &&
		  emit_copy_weights(file_writer(&file), c, layout, scratch,
				    err) &&
		  file_close(&file, err);

	file_discard(&file);
	return ok;
}

static bool write_spec(const struct folder *in, const struct buffer *spec,
		       struct error *err)
{
	struct file file = { 0 };
	bool ok = file_create_in(&file, in, BUNDLE_SPEC, err) &&
		  file_write(&file, 0, spec->data, spec->len, err) &&
		  file_close(&file, err);

	file_discard(&file);
	return ok;
}

/* What the validator would say of the header and the length of the weights. */
static bool check_weights(const struct folder *in,
			  const struct safetensors_layout *layout,
			  struct error *err)
{
	struct file file = { 0 };
	uint8_t *bytes = memory_array(layout->header.len, 1, err);
	struct reader r;
	bool ok = false;

	if (!bytes || !file_open_in(&file, in, BUNDLE_WEIGHTS, err))
		goto done;
	r = file_reader(&file);
	ok = emit_check_size(layout, file.size, err) &&
	     reader_read(&r, 0, bytes, layout->header.len, err) &&
	     emit_check_header(layout, bytes, err);
	if (!ok)
		error_in(err, file.path, NULL);
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
	w->made = folder_make_in(&w->folder, &w->parent, w->temporary, err);
	return w->made &&
	       write_weights(&w->folder, c, layout, scratch, err) &&
	       write_spec(&w->folder, spec, err) &&
	       check_weights(&w->folder, layout, err);
}

static bool sync_member(const struct folder *in, const char *name,
			struct error *err)
{
	struct file file = { 0 };
	bool ok = file_open_in(&file, in, name, err) && file_sync(&file, err);

	file_discard(&file);
	return ok;
}

static bool sync_folder(const struct written *w, struct error *err)
{
	return sync_member(&w->folder, BUNDLE_WEIGHTS, err) &&
	       sync_member(&w->folder, BUNDLE_SPEC, err) &&
	       folder_sync(&w->folder, err);
}

static bool rename_folder(struct written *w, bool *renamed, struct error *err)
{
	bool taken;

	*renamed = folder_rename(&w->parent, w->temporary, w->name, &taken,
				 err);
	if (*renamed)
		w->made = false;
	return *renamed || taken;
}

static bool same_member(const struct written *w, const struct folder *there,
			const char *name, struct scratch *scratch, bool *same,
			struct error *err)
{
	return emit_same_file((struct emit_file){ &w->folder, name },
			      (struct emit_file){ there, name }, scratch,
			      same, err);
}

static bool compare_folder(const struct written *w, struct scratch *scratch,
			   enum existing *existing, struct error *err)
{
	struct folder there;
	struct error fault = { 0 };
	bool ok, same_spec, same_weights;

	*existing = EXISTING_OTHER;
	if (!folder_open_in(&there, &w->parent, w->name, &fault)) {
		if (fault.kind != ERROR_UNSAFE)
			*err = fault;
		return fault.kind == ERROR_UNSAFE;
	}
	ok = same_member(w, &there, BUNDLE_SPEC, scratch, &same_spec, err) &&
	     same_member(w, &there, BUNDLE_WEIGHTS, scratch, &same_weights,
			 err);
	if (ok && same_weights)
		*existing = same_spec ? EXISTING_SAME : EXISTING_SAME_WEIGHTS;
	folder_close(&there);
	return ok;
}

static bool remove_folder(struct written *w, struct error *err)
{
	bool weights = folder_remove_file(&w->folder, BUNDLE_WEIGHTS, err);
	bool spec = folder_remove_file(&w->folder, BUNDLE_SPEC, err);

	return folder_remove_folder(&w->parent, w->temporary, err) &&
	       weights && spec;
}

const struct emit_form emit_folder = {
	.write = write_folder,
	.sync = sync_folder,
	.rename = rename_folder,
	.compare = compare_folder,
	.remove = remove_folder,
};
