/* reference_read.c - keys of a bundle, a safetensors file or a manifest */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "formats/key_manifest.h"
#include "remote/object.h"
#include "validate/open.h"
#include "validate/reference.h"

enum { HEAD = 9 };

/* Hand over the tensors of a header. */
static void take_keys(struct state_dict *keys,
		      struct safetensors_header *header)
{
	*keys = header->tensors;
	header->tensors = (struct state_dict){ 0 };
	safetensors_header_free(header);
}

static bool read_member(struct state_dict *keys, const struct container *c,
			const char *data_path, struct error *err)
{
	struct safetensors_header header = { 0 };
	struct member m = { 0 };
	char *clean = NULL;
	bool ok;

	if (!data_path)
		return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				 "data_path is null: it has no weights");
	ok = bundle_clean_path(&clean, data_path, "data_path", err) &&
	     open_member(&m, c, clean, err) &&
	     bundle_read_header(&header, &m.bytes, err);
	if (ok)
		take_keys(keys, &header);
	else
		error_in(err, NULL, clean);
	open_member_close(&m);
	free(clean);
	return ok;
}

static bool read_bundle(struct state_dict *keys, const char *path, bool folder,
			struct error *err)
{
	struct container c = { 0 };
	struct policy_spec spec = { 0 };
	char *text = NULL;
	size_t len = 0;
	bool ok;

	ok = open_container(&c, path, folder, err) &&
	     open_read_spec(&c, &text, &len, err) &&
	     policy_spec_parse(&spec, text, len, err) &&
	     read_member(keys, &c, spec.data_path, err);
	free(text);
	policy_spec_free(&spec);
	open_container_close(&c);
	return ok;
}

static bool read_manifest(struct state_dict *keys, const struct reader *r,
			  struct error *err)
{
	char *text;
	bool ok;

	if (r->size > KEY_MANIFEST_LIMIT)
		return error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
				 "a manifest of over %u bytes",
				 KEY_MANIFEST_LIMIT);
	text = memory_array((size_t)r->size, 1, err);
	ok = text && reader_read(r, 0, text, (size_t)r->size, err) &&
	     key_manifest_parse(keys, text, (size_t)r->size, err);
	free(text);
	return ok;
}

static bool read_safetensors(struct state_dict *keys, const struct reader *r,
			     struct error *err)
{
	struct safetensors_header header;

	if (!bundle_read_header_at(&header, r, err))
		return false;
	take_keys(keys, &header);
	return true;
}

static bool read_file(struct state_dict *keys, const char *path,
		      struct error *err)
{
	uint8_t head[HEAD] = { 0 };
	struct file file = { 0 };
	struct reader r;
	size_t len;
	bool ok = false;

	if (!object_open_or_file(&file, path, object_spill_folder(), err))
		return false;
	r = file_reader(&file);
	len = r.size < HEAD ? (size_t)r.size : HEAD;
	if (!reader_read(&r, 0, head, len, err))
		goto done;
	/* No header is so long that its length has 8 bytes; no text has NUL. */
	if (len >= 4 && zip_is_magic(head))
		ok = read_bundle(keys, path, false, err);
	else if (len == HEAD && head[7] == 0)
		ok = read_safetensors(keys, &r, err);
	else if (key_manifest_is_start((const char *)head, len))
		ok = read_manifest(keys, &r, err);
	else
		error_set(err, ERROR_UNSUPPORTED, 0, "neither a bundle nor a "
			  "safetensors file nor a key manifest");
done:
	file_discard(&file);
	return ok;
}

bool reference_read(struct state_dict *keys, const char *path,
		    struct error *err)
{
	struct stat st = { 0 };
	bool ok;

	*keys = (struct state_dict){ 0 };
	if (!object_is_path(path) && stat(path, &st) != 0)
		ok = error_set_errno(err, "cannot open");
	else if (S_ISDIR(st.st_mode))
		ok = read_bundle(keys, path, true, err);
	else
		ok = read_file(keys, path, err);
	return ok || error_in(err, path, NULL);
}
