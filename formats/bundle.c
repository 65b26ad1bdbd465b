/* bundle.c - the checks of a bundle's two members */
#include "formats/bundle.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { CHUNK = 256 << 10 };

/* The part of a path that starts at p, up to the next slash. */
static size_t part_length(const char *p)
{
	return strcspn(p, "/");
}

static const char *path_fault(const char *path)
{
	if (path[0] == '\0')
		return "is empty";
	if (path[0] == '/')
		return "is an absolute path";
	for (const char *p = path; *p; p += *p == '/') {
		size_t n = part_length(p);

		if (n == 2 && memcmp(p, "..", 2) == 0)
			return "holds \"..\"";
		p += n;
	}
	return NULL;
}

/* Copy the parts of path that say something; returns the length. */
static size_t copy_parts(char *clean, const char *path)
{
	size_t len = 0;

	for (const char *p = path; *p; p += *p == '/') {
		size_t n = part_length(p);

		if (n > 1 || (n == 1 && *p != '.')) {
			if (len > 0)
				clean[len++] = '/';
			memcpy(clean + len, p, n);
			len += n;
		}
		p += n;
	}
	return len;
}

bool bundle_clean_path(char **clean, const char *path, const char *what,
		       struct error *err)
{
	const char *reason = path_fault(path);

	*clean = memory_array(strlen(path) + 1, 1, err);
	if (!*clean)
		return false;
	if (!reason && copy_parts(*clean, path) == 0)
		reason = "names the bundle itself";
	/* Also in "./~": Python drops the dot before it looks for a home. */
	if (!reason && (*clean)[0] == '~')
		reason = "starts with '~'";
	if (!reason)
		return true;
	free(*clean);
	*clean = NULL;
	return error_set(err, ERROR_UNSAFE, ERROR_NO_OFFSET,
			 "%s \"%.200s\" %s: it must be a path inside the "
			 "bundle", what, path, reason);
}

static bool check_path(const char *path, const char *what, struct error *err)
{
	char *clean;
	bool ok = bundle_clean_path(&clean, path, what, err);

	free(clean);
	return ok;
}

static bool is_checkpoint(const struct policy_spec *spec)
{
	return strcmp(spec->class_path, POLICY_SPEC_CHECKPOINT_CLASS) == 0;
}

bool bundle_is_dotted_name(const char *path)
{
	bool first = true;

	for (const char *p = path; ; p++) {
		bool letter = (*p >= 'a' && *p <= 'z') || *p == '_' ||
			      (*p >= 'A' && *p <= 'Z') ||
			      (unsigned char)*p >= 0x80;

		if (*p == '.' || *p == '\0') {
			if (first)
				return false;
			if (*p == '\0')
				return true;
			first = true;
			continue;
		}
		if (!letter && (first || *p < '0' || *p > '9'))
			return false;
		first = false;
	}
}

bool bundle_check_class(const struct policy_spec *spec, struct error *err)
{
	const char *uri = spec->checkpoint_uri;

	if (spec->class_path[0] == '\0')
		return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				 "class_path is empty");
	if (strchr(spec->class_path, '.') &&
	    !bundle_is_dotted_name(spec->class_path))
		return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				 "class_path \"%.200s\" is no dotted name of a "
				 "class", spec->class_path);
	if (strcmp(spec->class_path, POLICY_SPEC_POINTER_CLASS) != 0)
		return true;
	return error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
			 "a pointer to the legacy checkpoint \"%.200s\", not "
			 "a bundle: convert that checkpoint with mpt-convert",
			 uri ? uri : "?");
}

bool bundle_check_data_path(const struct policy_spec *spec, struct error *err)
{
	if (spec->data_path)
		return check_path(spec->data_path, "data_path", err);
	if (!is_checkpoint(spec))
		return true;
	return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			 "data_path is null: the policy would start from "
			 "random weights");
}

bool bundle_check_setup_script(const struct policy_spec *spec,
			       struct error *err)
{
	const char *path = spec->setup_script;
	size_t len = path ? strlen(path) : 0;

	/* The loader takes an empty setup_script for none. */
	if (len == 0)
		return true;
	if (!check_path(path, "setup_script", err))
		return false;
	if (len > 3 && strcmp(path + len - 3, ".py") == 0)
		return true;
	return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			 "setup_script \"%.200s\" does not end in .py", path);
}

bool bundle_read_architecture(struct architecture *a,
			      const struct policy_spec *spec,
			      struct error *err)
{
	const char *text = spec->architecture_spec;

	*a = (struct architecture){ 0 };
	if (is_checkpoint(spec) && !spec->init_kwargs)
		return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				 "\"init_kwargs\" is missing, and the class "
				 "needs its \"architecture_spec\"");
	if (is_checkpoint(spec) &&
	    !json_get_string(spec->init_kwargs, "architecture_spec", &text,
			     err))
		return false;
	return !text || architecture_parse(a, text, strlen(text), err);
}

static bool check_architecture(const struct policy_spec *spec,
			       struct error *err)
{
	struct architecture a;
	bool ok = bundle_read_architecture(&a, spec, err);

	architecture_free(&a);
	return ok;
}

bool bundle_check_spec(struct policy_spec *spec, const char *text, size_t len,
		       struct error *err)
{
	if (!policy_spec_parse(spec, text, len, err))
		return false;
	if (bundle_check_class(spec, err) &&
	    bundle_check_data_path(spec, err) &&
	    bundle_check_setup_script(spec, err) &&
	    check_architecture(spec, err))
		return true;
	policy_spec_free(spec);
	return false;
}

/* Read what follows the header, so that no byte of it is unreadable. */
static bool read_rest(const struct bundle_stream *stream, uint64_t nbytes,
		      struct error *err)
{
	char *chunk = memory_array(CHUNK, 1, err);
	bool ok = chunk != NULL;

	while (ok && nbytes > 0) {
		size_t n = nbytes < CHUNK ? (size_t)nbytes : CHUNK;

		ok = stream->read(stream->source, chunk, n, err);
		nbytes -= n;
	}
	free(chunk);
	return ok;
}

/* Length and text of the header; *data_nbytes is what must follow them. */
static bool read_header_text(char **text, size_t *len, uint64_t *data_nbytes,
			     const struct bundle_stream *stream,
			     struct error *err)
{
	uint8_t bytes[SAFETENSORS_LENGTH_SIZE] = { 0 };
	size_t first = sizeof(bytes);

	*text = NULL;
	if (stream->size < first)
		first = (size_t)stream->size;
	if (!stream->read(stream->source, bytes, first, err) ||
	    !safetensors_read_length(bytes, stream->size, len, err) ||
	    !safetensors_check_inflated(*len, stream->stored_nbytes, err))
		return false;
	*data_nbytes = stream->size - SAFETENSORS_LENGTH_SIZE - *len;
	*text = memory_array(*len, 1, err);
	if (*text && stream->read(stream->source, *text, *len, err))
		return true;
	free(*text);
	*text = NULL;
	return false;
}

bool bundle_read_header(struct safetensors_header *header,
			const struct bundle_stream *stream, struct error *err)
{
	uint64_t data_nbytes;
	char *text;
	size_t len;
	bool ok;

	*header = (struct safetensors_header){ 0 };
	if (!read_header_text(&text, &len, &data_nbytes, stream, err))
		return false;
	ok = safetensors_read_header(header, text, len, data_nbytes, err);
	free(text);
	return ok;
}

const struct safetensors_header *
bundle_recall_header(struct safetensors_recall *recall,
		     const struct bundle_stream *stream, struct error *err)
{
	const struct safetensors_header *header;
	uint64_t data_nbytes;
	char *text;
	size_t len;

	if (!read_header_text(&text, &len, &data_nbytes, stream, err))
		return NULL;
	header = safetensors_recall_header(recall, text, len, data_nbytes,
					   err);
	free(text);
	return header;
}

bool bundle_check_weights(struct safetensors_header *header,
			  const struct bundle_stream *stream,
			  struct error *err)
{
	if (!bundle_read_header(header, stream, err))
		return false;
	if (read_rest(stream, header->data_nbytes, err))
		return true;
	safetensors_header_free(header);
	return false;
}

struct place {
	const struct reader *reader;
	uint64_t pos;
};

static bool read_on(void *source, void *buf, size_t len, struct error *err)
{
	struct place *place = source;

	if (!reader_read(place->reader, place->pos, buf, len, err))
		return false;
	place->pos += len;
	return true;
}

static struct bundle_stream stream_over(struct place *place)
{
	return (struct bundle_stream){ .read = read_on,
				       .source = place,
				       .size = place->reader->size,
				       .stored_nbytes = place->reader->size };
}

bool bundle_read_header_at(struct safetensors_header *header,
			   const struct reader *r, struct error *err)
{
	struct place place = { .reader = r };
	const struct bundle_stream stream = stream_over(&place);

	return bundle_read_header(header, &stream, err);
}

bool bundle_check_weights_at(struct safetensors_header *header,
			     const struct reader *r, struct error *err)
{
	struct place place = { .reader = r };
	const struct bundle_stream stream = stream_over(&place);

	return bundle_check_weights(header, &stream, err);
}
