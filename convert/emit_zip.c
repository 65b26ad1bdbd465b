/* emit_zip.c - a bundle as a zip archive in a folder */
#include "convert/emit_form.h"

#include <sys/stat.h>

#include "base/file.h"
#include "base/folder.h"
#include "convert/emit_archive.h"

static bool write_zip(struct written *w, struct checkpoint *c,
		      const struct safetensors_layout *layout,
		      const struct buffer *spec, struct scratch *scratch,
		      struct error *err)
{
	struct file file = { 0 };
	bool ok;

	if (!file_create_in(&file, &w->parent, w->temporary, err))
		return false;
	w->made = true;
	ok = emit_archive_write(&file, w, c, layout, spec, scratch, err) &&
	     file_close(&file, err);
	file_discard(&file);
	return ok;
}

static bool compare_archives(const struct written *w, struct scratch *scratch,
			     enum existing *existing, struct error *err)
{
	struct file ours = { 0 }, theirs = { 0 };
	bool ok = file_open_in(&ours, &w->parent, w->temporary, err) &&
		  file_open_in(&theirs, &w->parent, w->name, err) &&
		  emit_archive_compare(&ours, &theirs, scratch, existing,
				       err);

	file_discard(&ours);
	file_discard(&theirs);
	return ok;
}

static bool compare_zip(struct written *w, struct scratch *scratch,
			enum existing *existing, struct error *err)
{
	mode_t mode;
	bool same;

	*existing = EXISTING_OTHER;
	if (!folder_look(&w->parent, w->name, &mode, err))
		return false;
	if (!S_ISREG(mode))
		return true;
	if (!emit_same_file((struct emit_file){ &w->parent, w->temporary },
			    (struct emit_file){ &w->parent, w->name },
			    scratch, &same, err))
		return false;
	if (!same)
		return compare_archives(w, scratch, existing, err);
	*existing = EXISTING_SAME;
	return true;
}

static bool sync_zip(const struct written *w, struct error *err)
{
	struct file file = { 0 };
	bool ok = file_open_in(&file, &w->parent, w->temporary, err) &&
		  file_sync(&file, err);

	file_discard(&file);
	return ok;
}

static bool rename_zip(struct written *w, bool *renamed, struct error *err)
{
	bool taken;

	*renamed = folder_rename_file(&w->parent, w->temporary, w->name,
				      &taken, err);
	if (*renamed)
		w->made = false;
	return *renamed || taken;
}

static bool check_plain(const struct written *w, struct error *err)
{
	struct file theirs = { 0 };
	bool ok = file_open_in(&theirs, &w->parent, w->name, err) &&
		  emit_archive_check_plain(&theirs, err);

	file_discard(&theirs);
	return ok;
}

static bool replace_zip(struct written *w, struct error *err)
{
	mode_t mode;

	if (!folder_look(&w->parent, w->name, &mode, err))
		return false;
	if (!S_ISREG(mode))
		return error_set(err, ERROR_UNSAFE, ERROR_NO_OFFSET,
				 "it was not replaced: it is no file");
	if (!check_plain(w, err) ||
	    !folder_replace_file(&w->parent, w->temporary, w->name, err))
		return false;
	w->made = false;
	return true;
}

static bool remove_zip(struct written *w, struct error *err)
{
	return folder_remove_file(&w->parent, w->temporary, err);
}

const struct emit_form emit_zip = {
	.in_folder = true,
	.write = write_zip,
	.sync = sync_zip,
	.rename = rename_zip,
	.compare = compare_zip,
	.replace = replace_zip,
	.remove = remove_zip,
};
