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
#include "convert/relay.h"
#include "formats/bundle.h"
#include "formats/policy_spec.h"

enum { STEP_SIZE = 128 << 10 };	/* bytes that are written at once */

static const char temporary_prefix[] = ".mpt-convert-";

bool emit_is_temporary(const char *file_name)
{
	return strncmp(file_name, temporary_prefix,
		       sizeof(temporary_prefix) - 1) == 0;
}

bool emit_is_temporary_of(const char *file_name, const char *owner)
{
	size_t prefix_len = sizeof(temporary_prefix) - 1;
	size_t owner_len = strlen(owner);

	return emit_is_temporary(file_name) &&
	       strncmp(file_name + prefix_len, owner, owner_len) == 0 &&
	       file_name[prefix_len + owner_len] == '-';
}

/*
 * Find a name that nothing has.  A process that was killed may have left its
 * own behind, and in a container the next one has the same number.
 */
static bool find_temporary(char name[64], const struct folder *in,
			   const char *owner, size_t unique,
			   struct error *err)
{
	mode_t mode = 0;
	unsigned tries = 0;

	do {
		snprintf(name, 64, "%s%s-%zu-%u.tmp", temporary_prefix,
			 owner, unique, tries++);
		if (!folder_look(in, name, &mode, err))
			return false;
	} while (mode != 0);
	return true;
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

/* The folder that the user named, with which a place begins. */
static bool open_root(struct folder *root, const struct place *place,
		      struct error *err)
{
	size_t len = place->root_len;
	char *path;
	bool ok;

	if (len == 0)
		return folder_open(root, ".", err);
	while (len > 1 && place->path[len - 1] == '/')
		len--;
	path = memory_copy(place->path, len, err);
	if (!path)
		return false;
	ok = folder_open(root, path, err);
	free(path);
	return ok;
}

static bool set_names(struct written *w, const struct place *place,
		      struct error *err)
{
	const char *below = place->path + place->root_len;

	if (!w->form->in_folder) {
		w->name = place->path;
		return true;
	}
	w->name = file_base_name(below);
	return open_root(&w->parent, place, err) &&
	       folder_descend(&w->parent, below, (size_t)(w->name - below),
			      err) &&
	       find_temporary(w->temporary, &w->parent, place->owner,
			      place->unique, err);
}

bool emit_write(struct written *w, const struct emit_form *form,
		struct checkpoint *c, const struct buffer *spec,
		const struct place *place, struct scratch *scratch,
		struct error *err)
{
	struct safetensors_layout layout;
	bool ok;

	*w = (struct written){ .form = form };
	if (!emit_lay_out(&layout, c, spec, &w->nbytes, err))
		return false;
	w->members.spec_nbytes = spec->len;
	w->members.weights_nbytes = layout.file_nbytes;
	ok = digest_of(spec->data, spec->len, w->members.spec_sha256, err) &&
	     set_names(w, place, err) &&
	     w->form->write(w, c, &layout, spec, scratch, err);
	if (!ok)
		emit_discard(w, err);
	safetensors_layout_free(&layout);
	return ok;
}

bool emit_sync(const struct written *w, struct error *err)
{
	return w->form->sync(w, err);
}

bool emit_rename(struct written *w, struct scratch *scratch,
		 enum existing *existing, struct error *err)
{
	bool renamed;

	*existing = EXISTING_NONE;
	return w->form->rename(w, &renamed, err) &&
	       (renamed || w->form->compare(w, scratch, existing, err));
}

bool emit_replace(struct written *w, struct error *err)
{
	return w->form->replace(w, err);
}

bool emit_discard(struct written *w, struct error *err)
{
	bool ok = !w->made || w->form->remove(w, err);

	file_discard(&w->spill);
	folder_close(&w->folder);
	folder_close(&w->parent);
	*w = (struct written){ 0 };
	return ok;
}

/* The digest of what was written, as long as it came in order. */
struct digesting {
	struct digest digest;
	uint64_t next;		/* offset; what is before was added */
	bool in_order;
};

static bool add_to_digest(void *to, uint64_t offset, const void *buf,
			  size_t len, struct error *err)
{
	struct digesting *d = to;

	d->in_order = d->in_order && offset == d->next;
	d->next = offset + len;
	return !d->in_order || digest_add(&d->digest, buf, len, err);
}

bool emit_copy_weights(struct writer to, struct checkpoint *c,
		       const struct safetensors_layout *layout,
		       struct scratch *scratch, char sha256[DIGEST_HEX_SIZE],
		       struct error *err)
{
	struct digesting digesting = { .in_order = true };
	/* What nobody takes over stays in the cache of the processor. */
	size_t step = relay_pays(scratch->threads, layout->file_nbytes) ?
			      SCRATCH_BUFFER_SIZE : STEP_SIZE;
	struct sink sink = sink_over(to, scratch->buffer, step);
	bool ok;

	sink.observer = (struct writer){ add_to_digest, &digesting };
	ok = digest_begin(&digesting.digest, err) &&
	     sink_write(&sink, layout->header.data, layout->header.len, err) &&
	     checkpoint_copy(c, layout, &sink, scratch, err) &&
	     sink_flush(&sink, err);
	sha256[0] = '\0';
	if (ok && digesting.in_order && digesting.next == layout->file_nbytes)
		ok = digest_end(&digesting.digest, sha256, err);
	digest_discard(&digesting.digest);
	return ok;
}

bool emit_check_size(const struct safetensors_layout *layout,
		     uint64_t file_nbytes, struct error *err)
{
	return file_nbytes == layout->file_nbytes ||
	       error_set(err, ERROR_IO, ERROR_NO_OFFSET,
			 "%" PRIu64 " bytes were written, %" PRIu64
			 " are there", layout->file_nbytes, file_nbytes);
}

/* Say where what was read is not what was written. */
static bool fault_written(const struct buffer *ours, const uint8_t *read,
			  struct error *err)
{
	size_t i = 0;

	while (read[i] == (uint8_t)ours->data[i])
		i++;
	return error_set(err, ERROR_IO, ERROR_NO_OFFSET,
			 "0x%02x was written at %zu, 0x%02x is read there",
			 (uint8_t)ours->data[i], i, read[i]);
}

bool emit_check_header(const struct safetensors_layout *layout,
		       const uint8_t *header, struct scratch *scratch,
		       struct error *err)
{
	const struct buffer *ours = &layout->header;
	const char *text = ours->data + SAFETENSORS_LENGTH_SIZE;
	size_t len;

	if (memcmp(header, ours->data, ours->len) != 0)
		return fault_written(ours, header, err);
	return safetensors_read_length(header, layout->file_nbytes, &len,
				       err) &&
	       safetensors_recall_header(&scratch->headers, text, len,
					 layout->file_nbytes - ours->len, err);
}

/* Do both files hold the same bytes? */
static bool compare(const struct file *a, const struct file *b,
		    struct scratch *scratch, bool *same, struct error *err)
{
	struct reader ra = file_reader(a), rb = file_reader(b);
	uint8_t *half = scratch->buffer + SCRATCH_BUFFER_SIZE / 2;
	uint64_t done = 0;

	*same = a->size == b->size;
	while (*same && done < a->size) {
		uint64_t left = a->size - done;
		size_t n = left < SCRATCH_BUFFER_SIZE / 2 ?
			   (size_t)left : SCRATCH_BUFFER_SIZE / 2;

		if (!reader_read(&ra, done, scratch->buffer, n, err) ||
		    !reader_read(&rb, done, half, n, err))
			return false;
		*same = memcmp(scratch->buffer, half, n) == 0;
		done += n;
	}
	return true;
}

bool emit_same_file(struct emit_file ours, struct emit_file theirs,
		    struct scratch *scratch, bool *same, struct error *err)
{
	struct file a = { 0 }, b = { 0 };
	mode_t mode;
	bool ok;

	*same = false;
	if (!folder_look(theirs.folder, theirs.name, &mode, err))
		return false;
	if (!S_ISREG(mode))
		return true;
	ok = file_open_in(&a, ours.folder, ours.name, err) &&
	     file_open_in(&b, theirs.folder, theirs.name, err) &&
	     compare(&a, &b, scratch, same, err);
	file_discard(&a);
	file_discard(&b);
	return ok;
}
