/* key_manifest.c - keys, dtypes and shapes from JSON and to it */
#include "formats/key_manifest.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "formats/json.h"

enum {
	VERSION = 1,
	RANK_LIMIT = 4096	/* as formats/safetensors_read.c has it */
};

/* ---- parse ---- */

static bool fault(const struct tensor *t, const struct error *cause,
		  struct error *err)
{
	return tensor_error(t, err, cause->kind, "%.200s", cause->reason);
}

static bool parse_dtype(struct tensor *t, const struct json_value *v,
			struct error *err)
{
	struct error cause = { 0 };
	const char *name;

	if (!json_to_string(v, "dtype", &name, &cause))
		return fault(t, &cause, err);
	if (dtype_by_name(name, strlen(name), &t->dtype))
		return true;
	return tensor_error(t, err, ERROR_CORRUPT, "unknown dtype \"%.40s\"",
			    name);
}

static bool parse_shape(struct tensor *t, const struct json_value *v,
			struct arena *arena, struct error *err)
{
	struct error cause = { 0 };
	const struct json_value *size;
	uint64_t *shape;
	size_t rank = 0;

	if (!json_to_array(v, "shape", &cause))
		return fault(t, &cause, err);
	for (size = json_first(v); size; size = json_next(size))
		rank++;
	if (rank > RANK_LIMIT)
		return tensor_error(t, err, ERROR_LIMIT, "%zu sizes in its "
				    "shape, over the limit of %d", rank,
				    RANK_LIMIT);
	shape = arena_array(arena, rank, sizeof(*shape), err);
	if (!shape)
		return false;
	for (size = json_first(v); size; size = json_next(size))
		if (!json_to_u64(size, "a size", &shape[t->rank++], &cause))
			return fault(t, &cause, err);
	t->shape = shape;
	return true;
}

/* The fields of one key; json_parse() has seen to it that none repeats. */
static bool parse_tensor(struct tensor *t, const struct json_value *v,
			 struct arena *arena, struct error *err)
{
	const struct json_value *dtype = NULL, *shape = NULL, *field;
	struct error cause = { 0 };

	if (!json_to_object(v, "its value", &cause))
		return fault(t, &cause, err);
	for (field = json_first(v); field; field = json_next(field)) {
		if (strcmp(json_key(field), "dtype") == 0)
			dtype = field;
		else if (strcmp(json_key(field), "shape") == 0)
			shape = field;
		else
			return tensor_error(t, err, ERROR_CORRUPT, "unknown "
					    "field \"%.40s\"", json_key(field));
	}
	return parse_dtype(t, dtype, err) && parse_shape(t, shape, arena, err);
}

static bool parse_keys(struct state_dict *sd, const struct json_value *keys,
		       struct error *err)
{
	const struct json_value *v;
	size_t capacity = 0;

	for (v = json_first(keys); v; v = json_next(v)) {
		void *grown = sd->tensors;
		const char *key = json_key(v);
		struct tensor *t;

		if (!memory_grow(&grown, &capacity, sd->count + 1, sizeof(*t),
				 err))
			return false;
		sd->tensors = grown;
		t = &sd->tensors[sd->count++];
		t->key_len = strlen(key);
		t->key = arena_copy(&sd->arena, key, t->key_len, err);
		if (!t->key || !parse_tensor(t, v, &sd->arena, err))
			return false;
	}
	return true;
}

/* That it is a manifest is said first: the rest depends on it. */
static bool check_format(const struct json_value *root, struct error *err)
{
	const char *format = NULL;
	uint64_t version = 0;

	if (!json_to_object(root, "the manifest", err) ||
	    !json_get_string(root, "format", &format, err))
		return false;
	if (strcmp(format, KEY_MANIFEST_FORMAT) != 0)
		return error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
				 "its format is \"%.40s\", not \""
				 KEY_MANIFEST_FORMAT "\"", format);
	if (!json_get_u64(root, "version", &version, err))
		return false;
	return version == VERSION ||
	       error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
			 "a manifest of version %" PRIu64 ", only version %d "
			 "is known", version, VERSION);
}

static bool check_fields(const struct json_value *root, struct error *err)
{
	static const char *const known[] = { "format", "version", "keys" };
	const struct json_value *v;

	for (v = json_first(root); v; v = json_next(v)) {
		size_t i = 0;

		while (i < 3 && strcmp(known[i], json_key(v)) != 0)
			i++;
		if (i == 3)
			return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
					 "unknown field \"%.40s\"",
					 json_key(v));
	}
	return true;
}

bool key_manifest_parse(struct state_dict *sd, const char *text, size_t len,
			struct error *err)
{
	struct json_document doc = { 0 };
	const struct json_value *keys;
	bool ok;

	*sd = (struct state_dict){ 0 };
	if (len > KEY_MANIFEST_LIMIT)
		return error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
				 "a manifest of %zu bytes, over the limit of "
				 "%u", len, KEY_MANIFEST_LIMIT);
	if (!json_parse(&doc, text, len, err))
		return false;
	ok = check_format(doc.root, err) && check_fields(doc.root, err) &&
	     json_get_object(doc.root, "keys", &keys, err) &&
	     parse_keys(sd, keys, err);
	json_free(&doc);
	if (!ok)
		state_dict_free(sd);
	return ok;
}

bool key_manifest_is_start(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!memchr(" \t\r\n", text[i], 4))
			return text[i] == '{';
	return false;
}

/* ---- print ---- */

static bool print_tensor(struct buffer *out, const struct tensor *t,
			 struct error *err)
{
	const char *dtype = dtype_info(t->dtype)->name;

	if (memchr(t->key, '\0', t->key_len))
		return tensor_error(t, err, ERROR_UNSUPPORTED,
				    "a manifest cannot hold a NUL in a key");
	if (!dtype)
		return tensor_error(t, err, ERROR_UNSUPPORTED,
				    "safetensors has no name for its dtype");
	if (!json_append_string(out, t->key, t->key_len, err) ||
	    !buffer_print(out, err, ":{\"dtype\":\"%s\",\"shape\":[", dtype))
		return false;
	for (size_t i = 0; i < t->rank; i++) {
		if (t->shape[i] >= JSON_INTEGER_LIMIT)
			return tensor_error(t, err, ERROR_UNSUPPORTED,
					    "a size of %" PRIu64 ", a manifest "
					    "cannot hold 2^53 or more",
					    t->shape[i]);
		if (!buffer_print(out, err, "%s%" PRIu64, i > 0 ? "," : "",
				  t->shape[i]))
			return false;
	}
	return buffer_append(out, "]}", 2, err);
}

static bool print_keys(struct buffer *out, const struct tensor **sorted,
		       size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++)
		if (!print_tensor(out, sorted[i], err) ||
		    !buffer_print(out, err, "%s\n", i + 1 < count ? "," : ""))
			return false;
	return true;
}

bool key_manifest_print(struct buffer *out, const struct state_dict *sd,
			struct error *err)
{
	const struct tensor **sorted = state_dict_by_key(sd, err);
	bool ok;

	if (!sorted)
		return false;
	ok = buffer_print(out, err, "{\"format\":\"" KEY_MANIFEST_FORMAT
			  "\",\"version\":%d,\"keys\":{\n", VERSION) &&
	     print_keys(out, sorted, sd->count, err) &&
	     buffer_append(out, "}}\n", 3, err);
	free(sorted);
	return ok;
}
