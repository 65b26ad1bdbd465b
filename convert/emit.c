/* emit.c - temporary name, read-back, commit */
#include "convert/emit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "convert/emit_form.h"
#include "formats/bundle.h"
#include "formats/policy_spec.h"

static const char temporary_prefix[] = ".mpt-convert-";

bool emit_is_temporary(const char *file_name)
{
	return strncmp(file_name, temporary_prefix,
		       sizeof(temporary_prefix) - 1) == 0;
}

static char *temporary_path(const char *parent, size_t unique,
			    struct error *err)
{
	char name[64];

	snprintf(name, sizeof(name), "%s%ld-%zu.tmp", temporary_prefix,
		 (long)getpid(), unique);
	return file_join(parent, name, err);
}

static char *parent_of(const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	char *parent;

	if (!slash)
		return file_join(NULL, ".", err);
	if (len == 0)
		len = 1;	/* "/name" lies in "/" */
	parent = memory_array(len + 1, 1, err);
	if (parent)
		memcpy(parent, path, len);
	return parent;
}

bool emit_check_writable(const char *folder, struct error *err)
{
	char *path = temporary_path(folder, 0, err);
	bool ok = path && file_make_folder(path, err);

	if (ok)
		rmdir(path);
	free(path);
	return ok;
}

static bool check_spec(const struct buffer *text, struct error *err)
{
	struct policy_spec spec = { 0 };
	bool ok = bundle_check_spec(&spec, text->data, text->len, err);

	policy_spec_free(&spec);
	return ok;
}

static bool check_expansion(const struct checkpoint *c,
			    const struct safetensors_layout *layout,
			    struct error *err)
{
	if (layout->file_nbytes <= c->tensors_limit)
		return true;
	return error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
			 "its tensors would take %" PRIu64 " bytes, over the "
			 "limit of %" PRIu64 " for a file of %" PRIu64
			 " (--max-expansion)", layout->file_nbytes,
			 c->tensors_limit, c->file.size);
}

bool emit_lay_out(struct safetensors_layout *layout,
		  const struct checkpoint *c, const struct buffer *spec,
		  uint64_t *nbytes, struct error *err)
{
	if (!safetensors_lay_out(layout, &c->weights, err))
		return false;
	if (check_expansion(c, layout, err) && check_spec(spec, err)) {
		*nbytes = layout->file_nbytes + spec->len;
		return true;
	}
	safetensors_layout_free(layout);
	return false;
}

bool emit_rehearse(const struct checkpoint *c, const struct buffer *spec,
		   uint64_t *nbytes, struct error *err)
{
	struct safetensors_layout layout;

	if (!emit_lay_out(&layout, c, spec, nbytes, err))
		return false;
	safetensors_layout_free(&layout);
	return true;
}

static bool set_names(struct written *w, size_t unique, struct error *err)
{
	w->parent = parent_of(w->dest, err);
	if (!w->parent || !file_make_folders(w->parent, err))
		return false;
	w->temporary = temporary_path(w->parent, unique, err);
	return w->temporary != NULL;
}

bool emit_write(struct written *w, const struct emit_form *form,
		struct checkpoint *c, const struct buffer *spec,
		const char *dest, size_t unique, struct scratch *scratch,
		struct error *err)
{
	struct safetensors_layout layout;
	bool ok;

	*w = (struct written){ .form = form, .dest = dest };
	if (!emit_lay_out(&layout, c, spec, &w->nbytes, err))
		return false;
	ok = set_names(w, unique, err) &&
	     w->form->write(w, c, &layout, spec, scratch, err);
	if (!ok)
		emit_discard(w);
	safetensors_layout_free(&layout);
	return ok;
}

bool emit_commit(struct written *w, struct scratch *scratch,
		 enum existing *existing, struct error *err)
{
	bool renamed;

	*existing = EXISTING_NONE;
	if (!w->form->sync(w, err) || !w->form->rename(w, &renamed, err))
		return false;
	if (renamed)
		return file_sync_folder(w->parent, err);
	return w->form->compare(w, scratch, existing, err);
}

void emit_discard(struct written *w)
{
	if (w->made)
		w->form->remove(w);
	free(w->parent);
	free(w->temporary);
	*w = (struct written){ 0 };
}

bool emit_check_size(const struct safetensors_layout *layout,
		     uint64_t file_nbytes, struct error *err)
{
	return file_nbytes == layout->file_nbytes ||
	       error_set(err, ERROR_IO, ERROR_NO_OFFSET,
			 "%" PRIu64 " bytes were written, %" PRIu64
			 " are there", layout->file_nbytes, file_nbytes);
}

bool emit_check_header(const struct safetensors_layout *layout,
		       const uint8_t *header, struct error *err)
{
	struct safetensors_header parsed = { 0 };
	size_t len;
	bool ok = safetensors_read_length(header, layout->file_nbytes, &len,
					  err) &&
		  safetensors_read_header(&parsed, (const char *)header +
					  SAFETENSORS_LENGTH_SIZE, len,
					  layout->file_nbytes -
					  layout->header.len, err);

	safetensors_header_free(&parsed);
	return ok;
}

bool emit_same_file(const char *ours, const char *path,
		    struct scratch *scratch, bool *same, struct error *err)
{
	struct file a = { 0 }, b = { 0 };
	struct stat st;
	struct reader ra, rb;
	uint8_t *half = scratch->buffer + SCRATCH_BUFFER_SIZE / 2;
	uint64_t done = 0;
	bool ok = false;

	*same = false;
	if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return true;
	if (!file_open(&a, ours, err) || !file_open(&b, path, err))
		goto done;
	ra = file_reader(&a);
	rb = file_reader(&b);
	*same = a.size == b.size;
	while (*same && done < a.size) {
		uint64_t left = a.size - done;
		size_t n = left < SCRATCH_BUFFER_SIZE / 2 ?
			   (size_t)left : SCRATCH_BUFFER_SIZE / 2;

		if (!reader_read(&ra, done, scratch->buffer, n, err) ||
		    !reader_read(&rb, done, half, n, err))
			goto done;
		*same = memcmp(scratch->buffer, half, n) == 0;
		done += n;
	}
	ok = true;
done:
	file_discard(&a);
	file_discard(&b);
	return ok;
}
