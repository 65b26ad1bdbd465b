/* emit.c - temporary folder, both members, read-back, rename */
#include "convert/emit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "formats/bundle.h"
#include "formats/policy_spec.h"

static const char temporary_prefix[] = ".mpt-convert-";

struct writing {
	char *parent, *folder;	/* of the destination; the temporary one */
	char *weights, *spec;	/* paths in the temporary folder */
	bool made;		/* the temporary folder is there */
};

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

static bool make_folder(const char *path, struct error *err)
{
	if (mkdir(path, 0777) == 0)
		return true;
	error_set_errno(err, "cannot make the folder");
	return error_in(err, path, NULL);
}

bool emit_check_writable(const char *folder, struct error *err)
{
	char *path = temporary_path(folder, 0, err);
	bool ok = path && make_folder(path, err);

	if (ok)
		rmdir(path);
	free(path);
	return ok;
}

static bool begin(struct writing *w, const char *dest, size_t unique,
		  struct error *err)
{
	w->parent = parent_of(dest, err);
	if (!w->parent || !file_make_folders(w->parent, err))
		return false;
	w->folder = temporary_path(w->parent, unique, err);
	if (!w->folder || !make_folder(w->folder, err))
		return false;
	w->made = true;
	w->weights = file_join(w->folder, BUNDLE_WEIGHTS, err);
	w->spec = file_join(w->folder, BUNDLE_SPEC, err);
	return w->weights && w->spec;
}

static void discard(struct writing *w)
{
	if (w->made) {
		if (w->weights)
			unlink(w->weights);
		if (w->spec)
			unlink(w->spec);
		rmdir(w->folder);
	}
	free(w->parent);
	free(w->folder);
	free(w->weights);
	free(w->spec);
	*w = (struct writing){ 0 };
}

static bool write_weights(const struct writing *w, struct checkpoint *c,
			  const struct safetensors_layout *layout,
			  struct scratch *scratch, struct error *err)
{
	struct file file = { 0 };
	struct sink sink;
	bool ok;

	if (!file_create(&file, w->weights, err))
		return false;
	sink = sink_over(&file, scratch->buffer, SCRATCH_BUFFER_SIZE);
	ok = sink_write(&sink, layout->header.data, layout->header.len, err) &&
	     checkpoint_copy(c, layout, &sink, scratch, err) &&
	     sink_flush(&sink, err) && file_sync(&file, err) &&
	     file_close(&file, err);
	file_discard(&file);
	return ok;
}

static bool write_spec(const struct writing *w, const struct buffer *spec,
		       struct error *err)
{
	struct file file = { 0 };
	bool ok = file_create(&file, w->spec, err) &&
		  file_write(&file, 0, spec->data, spec->len, err) &&
		  file_sync(&file, err) && file_close(&file, err);

	file_discard(&file);
	return ok;
}

/* What the validator would say of the header and the length of the weights. */
static bool check_weights(const struct writing *w,
			  const struct safetensors_layout *layout,
			  struct error *err)
{
	struct safetensors_header header = { 0 };
	struct file file = { 0 };
	uint8_t *bytes = NULL;
	struct reader r;
	size_t len;
	bool ok = false;

	if (!file_open(&file, w->weights, err))
		return false;
	r = file_reader(&file);
	if (file.size != layout->file_nbytes) {
		error_set(err, ERROR_IO, ERROR_NO_OFFSET,
			  "%" PRIu64 " bytes were written, %" PRIu64
			  " are there", layout->file_nbytes, file.size);
		error_in(err, w->weights, NULL);
		goto done;
	}
	bytes = memory_array(layout->header.len, 1, err);
	ok = bytes &&
	     reader_read(&r, 0, bytes, layout->header.len, err) &&
	     safetensors_read_length(bytes, file.size, &len, err) &&
	     safetensors_read_header(&header,
				     (char *)bytes + SAFETENSORS_LENGTH_SIZE,
				     len, file.size - layout->header.len, err);
done:
	safetensors_header_free(&header);
	free(bytes);
	file_discard(&file);
	return ok;
}

static bool check_spec(const struct buffer *text, struct error *err)
{
	struct policy_spec spec = { 0 };
	bool ok = bundle_check_spec(&spec, text->data, text->len, err);

	policy_spec_free(&spec);
	return ok;
}

/* Is the file at path, not a link, the same as the one just written? */
static bool same_file(const char *ours, const char *path,
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

/* Something is in the way: how does it compare? */
static bool compare_existing(const struct writing *w, const char *dest,
			     struct scratch *scratch, enum existing *existing,
			     struct error *err)
{
	char *weights = file_join(dest, BUNDLE_WEIGHTS, err);
	char *spec = file_join(dest, BUNDLE_SPEC, err);
	bool ok = false, same_spec, same_weights;
	struct stat st;

	*existing = EXISTING_OTHER;
	if (!weights || !spec)
		goto done;
	if (lstat(dest, &st) == 0 && !S_ISDIR(st.st_mode)) {
		ok = true;
		goto done;
	}
	if (!same_file(w->spec, spec, scratch, &same_spec, err) ||
	    !same_file(w->weights, weights, scratch, &same_weights, err))
		goto done;
	if (same_weights)
		*existing = same_spec ? EXISTING_SAME : EXISTING_SAME_WEIGHTS;
	ok = true;
done:
	free(weights);
	free(spec);
	return ok;
}

/*
 * rename() replaces an empty folder and nothing else: a folder with something
 * in it, a file or a link stays as it is.
 */
static bool commit(struct writing *w, const char *dest,
		   struct scratch *scratch, enum existing *existing,
		   struct error *err)
{
	*existing = EXISTING_NONE;
	if (!file_sync_folder(w->folder, err))
		return false;
	if (rename(w->folder, dest) == 0) {
		w->made = false;
		return file_sync_folder(w->parent, err);
	}
	if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR) {
		error_set_errno(err, "cannot rename the finished bundle");
		return error_in(err, dest, NULL);
	}
	return compare_existing(w, dest, scratch, existing, err);
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

/* Lay the weights out and check all that can be checked before writing. */
static bool prepare(struct safetensors_layout *layout,
		    const struct checkpoint *c, const struct buffer *spec,
		    struct emitted *emitted, struct error *err)
{
	*emitted = (struct emitted){ 0 };
	if (!safetensors_lay_out(layout, &c->weights, err))
		return false;
	if (check_expansion(c, layout, err) && check_spec(spec, err)) {
		emitted->nbytes = layout->file_nbytes + spec->len;
		return true;
	}
	safetensors_layout_free(layout);
	return false;
}

bool emit_rehearse(const struct checkpoint *c, const struct buffer *spec,
		   struct emitted *emitted, struct error *err)
{
	struct safetensors_layout layout;

	if (!prepare(&layout, c, spec, emitted, err))
		return false;
	safetensors_layout_free(&layout);
	return true;
}

bool emit_bundle(struct checkpoint *c, const struct buffer *spec,
		 const char *dest, size_t unique, struct scratch *scratch,
		 struct emitted *emitted, struct error *err)
{
	struct safetensors_layout layout;
	struct writing w = { 0 };
	bool ok;

	if (!prepare(&layout, c, spec, emitted, err))
		return false;
	ok = begin(&w, dest, unique, err) &&
	     write_weights(&w, c, &layout, scratch, err) &&
	     write_spec(&w, spec, err) &&
	     check_weights(&w, &layout, err) &&
	     commit(&w, dest, scratch, &emitted->existing, err);
	discard(&w);
	safetensors_layout_free(&layout);
	return ok;
}
