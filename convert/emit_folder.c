/* emit_folder.c - a bundle as a folder of two files */
#include "convert/emit_form.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "formats/bundle.h"

/* Of a file that was not written in order. */
static bool digest_file(struct file *file, uint64_t nbytes,
			struct scratch *scratch, char sha256[DIGEST_HEX_SIZE],
			struct error *err)
{
	struct digest digest = { 0 };
	struct reader r;
	bool ok = digest_begin(&digest, err);

	file->size = nbytes;
	r = file_reader(file);
	for (uint64_t done = 0; ok && done < nbytes; ) {
		size_t n = nbytes - done < SCRATCH_BUFFER_SIZE ?
			   (size_t)(nbytes - done) : SCRATCH_BUFFER_SIZE;

		ok = interrupt_check(err) &&
		     reader_read(&r, done, scratch->buffer, n, err) &&
		     digest_add(&digest, scratch->buffer, n, err);
		done += n;
	}
	ok = ok && digest_end(&digest, sha256, err);
	digest_discard(&digest);
	return ok;
}

static bool write_weights(struct written *w, struct checkpoint *c,
			  const struct safetensors_layout *layout,
			  struct scratch *scratch, struct error *err)
{
	char *sha256 = w->members.weights_sha256;
	struct file file = { 0 };
	bool ok = file_create_in(&file, &w->folder, BUNDLE_WEIGHTS, err) &&
		  emit_copy_weights(file_writer(&file), c, layout, scratch,
				    sha256, err) &&
		  (sha256[0] || digest_file(&file, layout->file_nbytes,
					    scratch, sha256, err)) &&
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

/* Are the header and the length of the weights what they should be? */
static bool check_weights(const struct folder *in,
			  const struct safetensors_layout *layout,
			  struct scratch *scratch, struct error *err)
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
	     emit_check_header(layout, bytes, scratch, err);
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
	       write_weights(w, c, layout, scratch, err) &&
	       write_spec(&w->folder, spec, err) &&
	       check_weights(&w->folder, layout, scratch, err);
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

static bool compare_folder(struct written *w, struct scratch *scratch,
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

static bool check_name(const struct folder *folder, const char *name,
		       struct error *err)
{
	bool member = strcmp(name, BUNDLE_SPEC) == 0 ||
		      strcmp(name, BUNDLE_WEIGHTS) == 0;
	mode_t mode = 0;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return true;
	if (member && !folder_look(folder, name, &mode, err))
		return false;
	return (member && !S_ISDIR(mode)) ||
	       error_set(err, ERROR_UNSAFE, ERROR_NO_OFFSET, member ?
			 "it was not replaced: its \"%.200s\" is a folder" :
			 "it was not replaced: it also holds \"%.200s\"",
			 name);
}

/* Fail if there is more in a folder than a bundle needs. */
static bool check_plain(const struct folder *folder, struct error *err)
{
	DIR *list = folder_list(folder, err);
	struct dirent *d;
	bool ok = list != NULL;

	while (errno = 0, ok && (d = readdir(list)) != NULL)
		ok = check_name(folder, d->d_name, err);
	if (ok && errno != 0)
		ok = error_set_errno(err, "cannot read the folder");
	if (list)
		closedir(list);
	return ok || error_in(err, folder->path, NULL);
}

/*
 * Where names cannot be exchanged there is no bundle for a moment.  The old one
 * keeps the name that it gets: once the new one has its own, nothing that can
 * fail may follow.
 */
static bool move_aside(struct written *w, struct error *err)
{
	char aside[sizeof(w->temporary)];
	bool taken = false;

	snprintf(aside, sizeof(aside), "%.*s.old",
		 (int)(sizeof(aside) - sizeof(".old")), w->temporary);
	if (!folder_rename(&w->parent, w->name, aside, &taken, err))
		return false;
	if (!folder_rename(&w->parent, w->temporary, w->name, &taken, err)) {
		struct error second = { 0 };	/* the first says enough */

		folder_rename(&w->parent, aside, w->name, &taken, &second);
		return false;
	}
	memcpy(w->temporary, aside, sizeof(aside));
	return true;
}

static bool replace_folder(struct written *w, struct error *err)
{
	struct folder old;
	bool able, ok = folder_open_in(&old, &w->parent, w->name, err) &&
			check_plain(&old, err) &&
			folder_exchange(&w->parent, w->temporary, w->name,
					&able, err);

	folder_close(&old);
	if (ok && !able)
		ok = move_aside(w, err);
	if (!ok)
		return false;
	folder_close(&w->folder);	/* it has its name now */
	/* Another process may have replaced what was open: look anew. */
	return folder_open_in(&w->folder, &w->parent, w->temporary, err);
}

static bool remove_folder(struct written *w, struct error *err)
{
	bool weights, spec;

	if (!w->folder.path)	/* nobody knows what has the name */
		return false;
	weights = folder_remove_file(&w->folder, BUNDLE_WEIGHTS, err);
	spec = folder_remove_file(&w->folder, BUNDLE_SPEC, err);
	return folder_remove_folder(&w->parent, w->temporary, err) &&
	       weights && spec;
}

const struct emit_form emit_folder = {
	.in_folder = true,
	.write = write_folder,
	.sync = sync_folder,
	.rename = rename_folder,
	.compare = compare_folder,
	.replace = replace_folder,
	.remove = remove_folder,
};
