/* source.c - decide by content what a file is, and read its elements */
#include "inspect/source.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/interrupt.h"
#include "base/memory.h"
#include "convert/limits.h"
#include "formats/bundle.h"
#include "inspect/source_legacy.h"
#include "remote/object.h"
#include "remote/resolve.h"

enum { CHUNK = 256 << 10 };

const struct source_options source_defaults = {
	.timeout_s = HELPER_TIMEOUT_DEFAULT_S,
	.max_expansion = LIMITS_EXPANSION_DEFAULT,
};

static const char *const kind_names[] = {
	[SOURCE_FOLDER] = "bundle folder",
	[SOURCE_ZIP] = "zip bundle",
	[SOURCE_SAFETENSORS] = "safetensors file",
};

const char *source_kind_name(const struct source *s)
{
	return s->kind == SOURCE_LEGACY ? s->checkpoint.era :
	       kind_names[s->kind];
}

/* ---- bundles ---- */

static bool take_spec(struct source *s, struct error *err)
{
	char *text = NULL;
	size_t len = 0;
	bool ok = open_read_spec(&s->container, &text, &len, err) &&
		  policy_spec_parse(&s->spec, text, len, err);

	free(text);
	if (!ok)
		return error_in(err, NULL, BUNDLE_SPEC);
	s->nbytes += len;
	s->architecture = s->spec.architecture_spec;
	if (s->architecture)
		s->architecture_len = strlen(s->architecture);
	return true;
}

static bool open_bundle(struct source *s, struct error *err)
{
	s->kind = s->container.folder ? SOURCE_FOLDER : SOURCE_ZIP;
	if (!take_spec(s, err))
		return false;
	if (!s->spec.data_path)
		return true;
	if (!bundle_clean_path(&s->data_path, s->spec.data_path, "data_path",
			       err))
		return error_in(err, NULL, BUNDLE_SPEC);
	if (!open_member(&s->member, &s->container, s->data_path, err))
		return false;
	if (!bundle_read_header(&s->header, &s->member.bytes, err))
		return error_in(err, NULL, s->data_path);
	s->has_weights = true;
	s->data = s->member.pos;
	s->nbytes += s->member.bytes.size;
	s->positioned = s->container.folder;
	s->reader = s->member.reader;
	return true;
}

/* ---- safetensors files ---- */

static bool open_safetensors(struct source *s, struct error *err)
{
	s->kind = SOURCE_SAFETENSORS;
	if (!bundle_read_header_at(&s->header, &s->reader, err))
		return false;
	s->has_weights = true;
	s->data = s->reader.size - s->header.data_nbytes;
	s->nbytes = s->reader.size;
	s->positioned = true;
	return true;
}

/* ---- any of them ---- */

/* The first 8 bytes of such a file are a length, and a brace follows. */
static bool is_safetensors(const uint8_t *head, size_t len)
{
	return len == SAFETENSORS_LENGTH_SIZE + 1 && head[7] == 0 &&
	       head[8] == '{';
}

/* s->file is open, and no bundle. */
static bool open_other(struct source *s, const uint8_t *head, size_t len,
		       struct error *err)
{
	s->reader = file_reader(&s->file);
	if (is_safetensors(head, len))
		return open_safetensors(s, err);
	file_discard(&s->file);
	return source_legacy_open(s, err) || error_for(err, s->path);
}

static bool open_file(struct source *s, struct error *err)
{
	uint8_t head[SAFETENSORS_LENGTH_SIZE + 1] = { 0 };
	struct reader reader;
	size_t len;

	if (!object_open_or_file(&s->file, s->path, object_spill_folder(),
				 err))
		return false;
	reader = file_reader(&s->file);
	len = reader.size < sizeof(head) ? (size_t)reader.size : sizeof(head);
	if (!reader_read(&reader, 0, head, len, err))
		return false;
	if (len < 4 || !zip_is_magic(head))
		return open_other(s, head, len, err);
	if (!open_container(&s->container, s->path, false, err))
		return false;
	if (!open_has_member(&s->container, BUNDLE_SPEC)) {
		open_container_close(&s->container);
		return open_other(s, head, len, err);
	}
	file_discard(&s->file);
	return open_bundle(s, err);
}

static bool open_any(struct source *s, struct error *err)
{
	struct stat st = { 0 };
	bool ok;

	if (!object_is_path(s->path) && stat(s->path, &st) != 0)
		ok = error_set_errno(err, "cannot open");
	else if (S_ISDIR(st.st_mode))
		ok = open_container(&s->container, s->path, true, err) &&
		     open_bundle(s, err);
	else
		ok = open_file(s, err);
	return ok || error_in(err, s->path, NULL);
}

bool source_open(struct source *s, const char *name,
		 const struct source_options *options, struct error *err)
{
	*s = (struct source){ .options = options };
	if (resolve_operand(&s->path, name, err) && open_any(s, err))
		return true;
	if (!uri_is_plain_path(name))
		error_for(err, name);
	source_close(s);
	return false;
}

bool source_is_positioned(const struct source *s)
{
	return s->positioned || s->kind == SOURCE_LEGACY;
}

/* ---- elements ---- */

static bool check_expansion(const struct source *s, struct error *err)
{
	uint64_t limit = limits_tensors(s->container.file.size,
					s->options->max_expansion);

	return s->member.bytes.size <= limit ||
	       error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
			 "its tensors are not in the other's order, and to be "
			 "unpacked take %" PRIu64 " bytes, over the limit of %"
			 PRIu64 " for a file of %" PRIu64 " (--max-expansion)",
			 s->member.bytes.size, limit, s->container.file.size);
}

static bool copy_rest(struct source *s, struct error *err)
{
	struct member *m = &s->member;
	char *chunk = memory_array(CHUNK, 1, err);
	bool ok = chunk != NULL;

	while (ok && m->pos < m->bytes.size) {
		uint64_t left = m->bytes.size - m->pos, at = m->pos;
		size_t n = left < CHUNK ? (size_t)left : CHUNK;

		ok = m->bytes.read(m->bytes.source, chunk, n, err) &&
		     file_write(&s->file, at, chunk, n, err);
	}
	free(chunk);
	return ok;
}

/* The member of an archive becomes a file that can be read at any place. */
static bool unpack(struct source *s, struct error *err)
{
	if (!check_expansion(s, err) ||
	    !file_create_unnamed(&s->file, object_spill_folder(), err) ||
	    !copy_rest(s, err) || !open_member_finish(&s->member, err))
		return false;
	s->file.size = s->member.bytes.size;
	return true;
}

bool source_begin(struct source *s, bool in_order, struct error *err)
{
	bool ok = true;

	if (!s->has_weights || s->positioned ||
	    (s->kind == SOURCE_ZIP && in_order))
		return true;
	ok = s->kind == SOURCE_ZIP ? unpack(s, err)
				   : source_legacy_unpack(s, err);
	s->reader = file_reader(&s->file);
	s->positioned = ok;
	return ok || error_for(err, s->path);
}

/* Go forward to this place of the file. */
static bool skip_to(struct member *m, uint64_t place, struct error *err)
{
	char skipped[4096];

	while (m->pos < place) {
		uint64_t left = place - m->pos;
		size_t n = left < sizeof(skipped) ? (size_t)left
						  : sizeof(skipped);

		if (!m->bytes.read(m->bytes.source, skipped, n, err))
			return false;
	}
	return true;
}

bool source_read(struct source *s, const struct tensor *t, uint64_t offset,
		 void *buf, size_t len, struct error *err)
{
	uint64_t place = s->data + t->start + offset;
	bool ok;

	if (s->positioned)
		ok = interrupt_check(err) &&
		     reader_read(&s->reader, place, buf, len, err);
	else
		ok = skip_to(&s->member, place, err) &&
		     s->member.bytes.read(s->member.bytes.source, buf, len,
					  err);
	return ok || error_for(err, s->path);
}

bool source_finish(struct source *s, struct error *err)
{
	bool ok = true;

	if (s->kind == SOURCE_ZIP && s->has_weights && !s->positioned)
		ok = open_member_finish(&s->member, err);
	else if (s->kind == SOURCE_FOLDER && s->has_weights)
		ok = file_check_unchanged(&s->member.file, err);
	else if (s->kind == SOURCE_SAFETENSORS)
		ok = file_check_unchanged(&s->file, err);
	if (ok && s->kind == SOURCE_ZIP)
		ok = file_check_unchanged(&s->container.file, err);
	return ok || error_for(err, s->path);
}

void source_close(struct source *s)
{
	source_legacy_close(s);
	safetensors_header_free(&s->header);
	policy_spec_free(&s->spec);
	open_member_close(&s->member);
	free(s->data_path);
	free(s->path);
	open_container_close(&s->container);
	file_discard(&s->file);
	*s = (struct source){ 0 };
}
