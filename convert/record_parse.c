/* record_parse.c - lines of the journal, read */
#include "convert/record.h"

#include <string.h>

#include "formats/json.h"

static const char *keep(struct arena *arena, const char *text,
			struct error *err)
{
	return arena_copy(arena, text, strlen(text), err);
}

static bool get_text(const struct json_value *object, const char *key,
		     struct arena *arena, const char **text,
		     struct error *err)
{
	const char *value;

	if (!json_get_string(object, key, &value, err))
		return false;
	*text = keep(arena, value, err);
	return *text != NULL;
}

static int nibble(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
	       c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The bytes of a path that is not UTF-8: json_put_path() wrote them. */
static bool get_hex(const char *hex, struct arena *arena, const char **path,
		    struct error *err)
{
	size_t len = strlen(hex) / 2;
	char *bytes = arena_array(arena, len + 1, 1, err);

	for (size_t i = 0; bytes && i < len; i++) {
		int high = nibble(hex[2 * i]), low = nibble(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
					 "not hexadecimal");
		bytes[i] = (char)(high * 16 + low);
	}
	*path = bytes;
	return bytes != NULL;
}

static bool get_path(const struct json_value *object, const char *key,
		     const char *hex_key, struct arena *arena,
		     const char **path, struct error *err)
{
	const struct json_value *hex = json_find(object, hex_key);
	const char *digits;

	if (!hex)
		return get_text(object, key, arena, path, err);
	return json_to_string(hex, hex_key, &digits, err) &&
	       get_hex(digits, arena, path, err);
}

static bool get_status(const struct json_value *object, enum status *status,
		       struct error *err)
{
	const char *name;

	if (!json_get_string(object, "status", &name, err))
		return false;
	for (*status = STATUS_CONVERTED; *status <= STATUS_FAILED; ++*status)
		if (strcmp(name, result_status_name(*status)) == 0)
			return true;
	return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			 "unknown status \"%.50s\"", name);
}

static bool get_digest(const struct json_value *object, const char *key,
		       char hex[DIGEST_HEX_SIZE], struct error *err)
{
	const char *text;

	if (!json_get_string(object, key, &text, err))
		return false;
	if (strlen(text) != DIGEST_HEX_SIZE - 1)
		return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				 "%s is no SHA-256", key);
	memcpy(hex, text, DIGEST_HEX_SIZE);
	return true;
}

static bool get_etag(const struct json_value *object, char etag[S3_ETAG_SIZE],
		     struct error *err)
{
	const struct json_value *value = json_find(object, "bundle_etag");
	const char *text;

	if (!value)
		return true;
	if (!json_to_string(value, "bundle_etag", &text, err))
		return false;
	if (strlen(text) >= S3_ETAG_SIZE)
		return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				 "bundle_etag is no etag");
	memcpy(etag, text, strlen(text) + 1);
	return true;
}

static bool get_bundle(struct record *r, const struct json_value *object,
		       struct arena *arena, struct error *err)
{
	return get_path(object, "bundle", "bundle_hex", arena, &r->bundle,
			err) &&
	       json_get_u64(object, "spec_bytes", &r->members.spec_nbytes,
			    err) &&
	       json_get_u64(object, "weights_bytes",
			    &r->members.weights_nbytes, err) &&
	       get_digest(object, "spec_sha256", r->members.spec_sha256,
			  err) &&
	       get_digest(object, "weights_sha256",
			  r->members.weights_sha256, err) &&
	       get_etag(object, r->members.etag, err);
}

/* Numbers of a report that not all have. */
static bool get_amounts(struct record *r, const struct json_value *object,
			struct error *err)
{
	return !result_has_bundle(r->status) ||
	       (json_get_u64(object, "bytes", &r->bundle_nbytes, err) &&
		json_get_u64(object, "tensors", &r->tensor_count, err));
}

static bool get_reason(struct record *r, const struct json_value *object,
		       struct arena *arena, struct error *err)
{
	const struct json_value *reason = json_find(object, "reason");
	const char *text;

	if (!reason || json_type(reason) == JSON_NULL)
		return true;
	if (!json_to_string(reason, "reason", &text, err))
		return false;
	r->reason = keep(arena, text, err);
	return r->reason != NULL;
}

static bool get_substitute(struct record *r, const struct json_value *object,
			   struct arena *arena, struct error *err)
{
	return !json_find(object, "substitute_sha256") ||
	       get_text(object, "substitute_sha256", arena,
			&r->substitute_sha256, err);
}

static bool get_source(struct record *r, const struct json_value *object,
		       struct arena *arena, struct error *err)
{
	return get_path(object, "source", "source_hex", arena, &r->source,
			err) &&
	       json_get_u64(object, "size", &r->size, err) &&
	       get_text(object, "mtime", arena, &r->mtime, err) &&
	       get_text(object, "options", arena, &r->options, err) &&
	       get_status(object, &r->status, err) &&
	       get_amounts(r, object, err) &&
	       get_reason(r, object, arena, err) &&
	       get_substitute(r, object, arena, err) &&
	       (!json_find(object, "bundle") ||
		get_bundle(r, object, arena, err));
}

static bool get_event(struct record *r, const struct json_value *object,
		      struct error *err)
{
	const char *event;

	if (!json_get_string(object, "event", &event, err))
		return false;
	r->kind = strcmp(event, "begin") == 0 ? RECORD_BEGIN : RECORD_END;
	if (r->kind == RECORD_END)
		return json_get_u64(object, "not_begun", &r->not_begun, err);
	return json_get_u64(object, "shard", &r->shard, err) &&
	       json_get_u64(object, "shards", &r->shards, err) &&
	       json_get_u64(object, "sources", &r->sources, err);
}

bool record_parse(struct record *record, const char *line, size_t len,
		  struct arena *arena, struct error *err)
{
	struct json_document doc = { 0 };
	bool ok;

	*record = (struct record){ 0 };
	ok = json_parse(&doc, line, len, err) &&
	     json_to_object(doc.root, "the line", err) &&
	     get_text(doc.root, "time", arena, &record->time, err) &&
	     (json_find(doc.root, "event") ?
	      get_event(record, doc.root, err) :
	      get_source(record, doc.root, arena, err));
	json_free(&doc);
	return ok;
}
