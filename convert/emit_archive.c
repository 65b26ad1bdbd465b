/* emit_archive.c - the archive of a bundle, written and read */
#include "convert/emit_archive.h"

#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/progress.h"
#include "convert/emit_form.h"
#include "formats/bundle.h"
#include "formats/zip_write.h"

/* ---- writing ---- */

static bool write_spec(struct zip_writer *zip, const struct buffer *spec,
		       struct error *err)
{
	return zip_write_member(zip, BUNDLE_SPEC, spec->len, err) &&
	       zip_write_data(zip, spec->data, spec->len, err) &&
	       zip_write_end_member(zip, err);
}

/* By way of a file, in which the copy can jump. */
static bool copy_weights_apart(struct writer to, struct checkpoint *c,
			       const struct safetensors_layout *layout,
			       struct scratch *scratch,
			       char sha256[DIGEST_HEX_SIZE], struct error *err)
{
	struct file file = { 0 };
	struct digest digest = { 0 };
	struct reader r;
	uint64_t done = 0;
	bool ok;

	if (!file_create_unnamed(&file, scratch->spill_folder, err))
		return false;
	ok = emit_copy_weights(file_writer(&file), c, layout, scratch, sha256,
			       err) &&
	     digest_begin(&digest, err);
	file.size = layout->file_nbytes;
	r = file_reader(&file);
	progress_want(&scratch->work, file.size);
	while (ok && done < file.size) {
		uint64_t left = file.size - done;
		size_t n = left < SCRATCH_BUFFER_SIZE ? (size_t)left
						      : SCRATCH_BUFFER_SIZE;

		ok = interrupt_check(err) &&
		     reader_read(&r, done, scratch->buffer, n, err) &&
		     digest_add(&digest, scratch->buffer, n, err) &&
		     writer_write(&to, done, scratch->buffer, n, err);
		progress_moved(&scratch->work, n);
		done += n;
	}
	ok = ok && digest_end(&digest, sha256, err);
	digest_discard(&digest);
	file_discard(&file);
	return ok;
}

static bool deflate_weights(struct zip_writer *zip, struct checkpoint *c,
			    const struct safetensors_layout *layout,
			    struct scratch *scratch,
			    char sha256[DIGEST_HEX_SIZE], struct error *err)
{
	struct writer to = zip_write_data_writer(zip);

	if (!zip_write_member(zip, BUNDLE_WEIGHTS, layout->file_nbytes, err))
		return false;
	return checkpoint_copies_in_order(c, layout) ?
	       emit_copy_weights(to, c, layout, scratch, sha256, err) :
	       copy_weights_apart(to, c, layout, scratch, sha256, err);
}

/* A reader that passes on what is read, which must be from first to last. */
struct passing {
	const struct reader *source;
	struct zip_writer *zip;
};

static bool read_and_pass_on(const void *source, uint64_t offset, void *buf,
			     size_t len, struct error *err)
{
	const struct passing *p = source;

	return reader_read(p->source, offset, buf, len, err) &&
	       zip_write_deflated_data(p->zip, buf, len, err);
}

/* Take the stream over as it is, and inflate it to see that it is sound. */
static bool pass_weights(struct zip_writer *zip, struct checkpoint *c,
			 const struct zip_member *member,
			 struct scratch *scratch,
			 char sha256[DIGEST_HEX_SIZE], struct error *err)
{
	const struct passing passing = { &c->source, zip };
	const struct reader r = { .read = read_and_pass_on,
				  .source = &passing,
				  .size = c->source.size };
	struct zip_stream *stream = NULL;
	struct digest digest = { 0 };
	struct zip outer = c->outer;	/* borrows */
	uint64_t left = member->usize;
	bool ok;

	outer.fast = false;	/* others will inflate it, by zlib */
	progress_want(&scratch->work, left);
	ok = digest_begin(&digest, err) &&
	     zip_write_deflated(zip, BUNDLE_WEIGHTS, member->crc,
				member->csize, member->usize, err) &&
	     (stream = zip_stream_open(&outer, member, &r, err)) != NULL;
	while (ok && left > 0) {
		size_t n = left < SCRATCH_BUFFER_SIZE ? (size_t)left
						      : SCRATCH_BUFFER_SIZE;

		ok = interrupt_check(err) &&
		     zip_stream_read(stream, scratch->buffer, n, err) &&
		     digest_add(&digest, scratch->buffer, n, err);
		progress_moved(&scratch->work, n);
		left -= n;
	}
	ok = ok && zip_stream_finish(stream, err) &&
	     digest_end(&digest, sha256, err) &&
	     file_check_unchanged(&c->file, err);
	digest_discard(&digest);
	zip_stream_close(stream);
	return ok;
}

static bool write_weights(struct zip_writer *zip, struct checkpoint *c,
			  const struct safetensors_layout *layout,
			  struct scratch *scratch,
			  char sha256[DIGEST_HEX_SIZE], struct error *err)
{
	const struct zip_member *member;

	if (!checkpoint_find_deflated(c, layout, &member, err))
		return false;
	return (member ? pass_weights(zip, c, member, scratch, sha256, err) :
		deflate_weights(zip, c, layout, scratch, sha256, err)) &&
	       zip_write_end_member(zip, err);
}

static bool write_members(struct file *file, struct written *w,
			  struct checkpoint *c,
			  const struct safetensors_layout *layout,
			  const struct buffer *spec, struct scratch *scratch,
			  struct error *err)
{
	if (!scratch->zip)
		scratch->zip = zip_write_new(err);
	if (!scratch->zip)
		return false;
	zip_write_begin(scratch->zip, file_writer(file));
	if (!write_spec(scratch->zip, spec, err) ||
	    !write_weights(scratch->zip, c, layout, scratch,
			   w->members.weights_sha256, err) ||
	    !zip_write_finish(scratch->zip, &w->nbytes, err))
		return false;
	file->size = w->nbytes;
	return true;
}

/* ---- reading ---- */

/* Of a file that is open, and stays so. */
struct archive {
	struct reader reader;
	struct zip zip;
};

static bool open_archive(struct archive *a, const struct file *file,
			 struct error *err)
{
	*a = (struct archive){ .reader = file_reader(file) };
	if (!zip_read_directory(&a->zip, &a->reader, err))
		return error_in(err, file->path, NULL);
	/* torch can leave CRCs out; Python, which unpacks bundles, cannot. */
	a->zip.crc_absent = false;
	return true;
}

static void close_archive(struct archive *a)
{
	zip_free(&a->zip);
}

static struct zip_stream *open_member(const struct archive *a,
				      const char *name, uint64_t *nbytes,
				      struct error *err)
{
	const struct zip_member *m = zip_find_member(&a->zip, name,
						     strlen(name));

	if (m) {
		*nbytes = m->usize;
		return zip_stream_open(&a->zip, m, &a->reader, err);
	}
	error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
		  "missing from the bundle");
	error_in(err, NULL, name);
	return NULL;
}

static bool check_spec(const struct archive *a, const struct buffer *spec,
		       struct error *err)
{
	uint64_t nbytes = 0;
	struct zip_stream *stream = open_member(a, BUNDLE_SPEC, &nbytes, err);
	char *text = memory_array(spec->len, 1, err);
	bool ok = stream && text;

	if (ok && nbytes == spec->len)
		ok = zip_stream_read(stream, text, spec->len, err) &&
		     zip_stream_finish(stream, err);
	if (ok && (nbytes != spec->len ||
		   memcmp(text, spec->data, spec->len) != 0))
		ok = error_set(err, ERROR_IO, ERROR_NO_OFFSET,
			       "not what was written");
	zip_stream_close(stream);
	free(text);
	return ok || error_in(err, NULL, BUNDLE_SPEC);
}

static bool check_weights(const struct archive *a,
			  const struct safetensors_layout *layout,
			  struct scratch *scratch, struct error *err)
{
	uint64_t nbytes = 0;
	struct zip_stream *stream = open_member(a, BUNDLE_WEIGHTS, &nbytes,
						err);
	uint8_t *header = memory_array(layout->header.len, 1, err);
	bool ok = stream && header &&
		  emit_check_size(layout, nbytes, err) &&
		  zip_stream_read(stream, header, layout->header.len, err) &&
		  emit_check_header(layout, header, scratch, err);

	zip_stream_close(stream);
	free(header);
	return ok || error_in(err, NULL, BUNDLE_WEIGHTS);
}

bool emit_archive_write(struct file *file, struct written *w,
			struct checkpoint *c,
			const struct safetensors_layout *layout,
			const struct buffer *spec, struct scratch *scratch,
			struct error *err)
{
	struct archive ours = { 0 };
	bool ok = write_members(file, w, c, layout, spec, scratch, err);

	if (!ok)
		return false;
	ok = (open_archive(&ours, file, err) &&
	      check_spec(&ours, spec, err) &&
	      check_weights(&ours, layout, scratch, err)) ||
	     error_in(err, file->path, NULL);
	close_archive(&ours);
	return ok;
}

/* ---- comparing ---- */

/* What another archive can be wrong in, without a fault of this machine. */
static bool is_fault_of_input(const struct error *err)
{
	return err->kind != ERROR_IO && err->kind != ERROR_MEMORY &&
	       err->kind != ERROR_INTERRUPTED;
}

/* Read both to their ends; they are of one length. */
static bool compare_streams(struct zip_stream *a, struct zip_stream *b,
			    uint64_t nbytes, struct scratch *scratch,
			    bool *same, struct error *err)
{
	const size_t size = SCRATCH_BUFFER_SIZE / 2;
	uint8_t *half = scratch->buffer + size;

	while (nbytes > 0) {
		size_t n = nbytes < size ? (size_t)nbytes : size;

		if (!interrupt_check(err) ||
		    !zip_stream_read(a, scratch->buffer, n, err) ||
		    !zip_stream_read(b, half, n, err))
			return false;
		*same = memcmp(scratch->buffer, half, n) == 0;
		if (!*same)
			return true;
		nbytes -= n;
	}
	return zip_stream_finish(a, err) && zip_stream_finish(b, err);
}

static bool compare_member(const struct archive *ours,
			   const struct archive *theirs, const char *name,
			   struct scratch *scratch, bool *same,
			   struct error *err)
{
	uint64_t a_nbytes = 0, b_nbytes = 0;
	struct zip_stream *a = open_member(ours, name, &a_nbytes, err);
	struct zip_stream *b = a ? open_member(theirs, name, &b_nbytes, err)
				 : NULL;
	bool ok = a && b;

	*same = ok && a_nbytes == b_nbytes;
	if (*same)
		ok = compare_streams(a, b, a_nbytes, scratch, same, err);
	zip_stream_close(a);
	zip_stream_close(b);
	return ok;
}

static bool compare_members(const struct archive *ours,
			    const struct archive *theirs,
			    struct scratch *scratch, enum existing *existing,
			    struct error *err)
{
	bool same_spec, same_weights;
	bool ok = compare_member(ours, theirs, BUNDLE_SPEC, scratch,
				 &same_spec, err) &&
		  compare_member(ours, theirs, BUNDLE_WEIGHTS, scratch,
				 &same_weights, err);

	if (ok && same_weights)
		*existing = same_spec ? EXISTING_SAME : EXISTING_SAME_WEIGHTS;
	return ok;
}

bool emit_archive_compare(const struct file *ours, const struct file *theirs,
			  struct scratch *scratch, enum existing *existing,
			  struct error *err)
{
	struct archive a = { 0 }, b = { 0 };
	struct error fault = { 0 };
	bool ok = open_archive(&a, ours, err);

	*existing = EXISTING_OTHER;
	if (ok && (!open_archive(&b, theirs, &fault) ||
		   !compare_members(&a, &b, scratch, existing, &fault)) &&
	    !is_fault_of_input(&fault)) {
		*err = fault;
		ok = false;
	}
	close_archive(&a);
	close_archive(&b);
	return ok;
}

bool emit_archive_check_plain(const struct file *theirs, struct error *err)
{
	struct archive a = { 0 };
	struct error fault = { 0 };
	bool ok = open_archive(&a, theirs, &fault) ||
		  is_fault_of_input(&fault);

	if (!ok)
		*err = fault;
	for (size_t i = 0; ok && i < a.zip.count; i++) {
		const char *name = a.zip.members[i].name;

		ok = strcmp(name, BUNDLE_SPEC) == 0 ||
		     strcmp(name, BUNDLE_WEIGHTS) == 0 ||
		     error_set(err, ERROR_UNSAFE, ERROR_NO_OFFSET,
			       "it was not replaced: it also holds "
			       "\"%.200s\"", name);
	}
	if (!ok)
		error_in(err, theirs->path, NULL);
	close_archive(&a);
	return ok;
}
