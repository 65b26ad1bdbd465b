/*
 * fuzz_json.c - parse a JSON text, write what it says, and parse that
 *
 * Demanded are: the same document again, whatever its keys and strings; no
 * text that passes the scan and then cannot be parsed; and reports that are
 * JSON whatever bytes and numbers they hold.
 */
#include <math.h>

#include "formats/json.h"
#include "tests/fuzz/fuzz.h"

/* Looking a key up takes time in proportion to its object. */
enum { KEYS_LIMIT = 50 };

static void append(struct buffer *out, const char *text)
{
	struct error err = { 0 };

	REQUIRE(buffer_append(out, text, strlen(text), &err));
}

static void append_string(struct buffer *out, const char *text)
{
	struct error err = { 0 };

	REQUIRE(json_append_string(out, text, strlen(text), &err));
}

/* Getters give only whole numbers; for others stands one of their own. */
static void append_number(struct buffer *out, const struct json_value *v)
{
	struct error err = { 0 };
	uint64_t number;

	if (json_to_u64(v, "number", &number, &err)) {
		REQUIRE(number < JSON_INTEGER_LIMIT);
		REQUIRE(buffer_print(out, &err, "%llu",
				     (unsigned long long)number));
		return;
	}
	fuzz_require_fault(&err);
	append(out, "-0.5");
}

/* A value that stands under a key: only the getter of its type takes it. */
static void check_getters(const struct json_value *object,
			  const struct json_value *v)
{
	const char *key = json_key(v), *text;
	enum json_type type = json_type(v);
	const struct json_value *got;
	struct error err[5] = { { 0 } };
	uint64_t number;
	bool flag;

	REQUIRE(json_find(object, key) == v);
	REQUIRE(json_get_string(object, key, &text, &err[0]) ==
		(type == JSON_STRING));
	REQUIRE(json_get_bool(object, key, &flag, &err[1]) ==
		(type == JSON_BOOL));
	REQUIRE(json_get_array(object, key, &got, &err[2]) ==
		(type == JSON_ARRAY));
	REQUIRE(json_get_object(object, key, &got, &err[3]) ==
		(type == JSON_OBJECT));
	REQUIRE(!json_get_u64(object, key, &number, &err[4]) ||
		type == JSON_NUMBER);
	for (size_t i = 0; i < 5; i++)
		if (err[i].kind != ERROR_NONE)
			fuzz_require_fault(&err[i]);
}

static void append_value(struct buffer *out, const struct json_value *v,
			 size_t depth);

static void append_members(struct buffer *out, const struct json_value *v,
			   size_t depth)
{
	bool object = json_type(v) == JSON_OBJECT;
	size_t count = 0;

	REQUIRE(depth < JSON_DEPTH_LIMIT);
	append(out, object ? "{" : "[");
	for (const struct json_value *m = json_first(v); m; m = json_next(m)) {
		if (count > 0)
			append(out, ",");
		if (object) {
			if (count < KEYS_LIMIT)
				check_getters(v, m);
			append_string(out, json_key(m));
			append(out, ":");
		}
		append_value(out, m, depth + 1);
		count++;
	}
	append(out, object ? "}" : "]");
}

static void append_value(struct buffer *out, const struct json_value *v,
			 size_t depth)
{
	struct error err = { 0 };
	const char *text = NULL;
	bool flag = false;

	REQUIRE(json_type_name(v) != NULL);
	switch (json_type(v)) {
	case JSON_NULL:
		append(out, "null");
		break;
	case JSON_BOOL:
		REQUIRE(json_to_bool(v, "flag", &flag, &err));
		append(out, flag ? "true" : "false");
		break;
	case JSON_NUMBER:
		append_number(out, v);
		break;
	case JSON_STRING:
		REQUIRE(json_to_string(v, "text", &text, &err));
		append_string(out, text);
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		append_members(out, v, depth);
		break;
	}
}

/* Two documents are the same value by value; numbers were looked at before. */
static void require_same(const struct json_value *a, const struct json_value *b)
{
	const struct json_value *x, *y;
	struct error err = { 0 };
	const char *s, *t;

	REQUIRE(json_type(a) == json_type(b));
	if (json_type(a) == JSON_STRING) {
		REQUIRE(json_to_string(a, "text", &s, &err));
		REQUIRE(json_to_string(b, "text", &t, &err));
		REQUIRE(strcmp(s, t) == 0);
	}
	if (json_type(a) != JSON_ARRAY && json_type(a) != JSON_OBJECT)
		return;
	x = json_first(a);
	y = json_first(b);
	for (; x && y; x = json_next(x), y = json_next(y)) {
		REQUIRE(json_type(a) == JSON_ARRAY ||
			strcmp(json_key(x), json_key(y)) == 0);
		require_same(x, y);
	}
	REQUIRE(!x && !y);
}

static void check_document(const struct json_document *doc)
{
	struct buffer once = { 0 }, twice = { 0 };
	struct json_document again;
	struct error err = { 0 };

	append_value(&once, doc->root, 0);
	REQUIRE(json_parse(&again, once.data, once.len, &err));
	require_same(doc->root, again.root);
	append_value(&twice, again.root, 0);
	REQUIRE(once.len == twice.len);
	REQUIRE(memcmp(once.data, twice.data, once.len) == 0);
	json_free(&again);
	if (json_type(doc->root) != JSON_NUMBER)
		REQUIRE(!json_parse(&again, once.data, once.len - 1, &err));
	buffer_free(&once);
	buffer_free(&twice);
}

/* Quoted, any UTF-8 is a document, unless there is a NUL in it. */
static void check_string(const char *bytes, size_t len)
{
	struct buffer out = { 0 };
	struct json_document doc;
	struct error err = { 0 };
	bool sound = text_is_utf8(bytes, len);

	REQUIRE(json_append_string(&out, bytes, len, &err) == sound);
	if (sound) {
		sound = !memchr(bytes, '\0', len);
		REQUIRE(json_parse(&doc, out.data, out.len, &err) == sound);
		json_free(&doc);
	} else {
		fuzz_require_fault(&err);
	}
	buffer_free(&out);
}

/* Bytes that may make up a number, too. */
static void put_report(struct json_writer *w, const char *bytes, size_t len,
		       uint64_t bits, double real)
{
	json_open(w, NULL, '{');
	json_put_text(w, "text", bytes, len);
	json_put_path(w, "path", bytes);
	json_put_string(w, "name", bytes);
	json_put_u64(w, "count", bits >> 11);
	json_put_real(w, "real", real);
	json_put_bool(w, "odd", bits & 1);
	json_close(w, '}');
}

static void check_numbers(const struct json_value *root, uint64_t bits,
			  double real)
{
	struct error err = { 0 };
	uint64_t count;
	bool odd;

	REQUIRE(json_get_u64(root, "count", &count, &err));
	REQUIRE(count == bits >> 11);
	REQUIRE(json_get_bool(root, "odd", &odd, &err));
	REQUIRE(odd == (bits & 1));
	REQUIRE(json_type(json_find(root, "real")) ==
		(isfinite(real) ? JSON_NUMBER : JSON_NULL));
}

/* Any bytes as a report has them: as a text, and as the name of a file. */
static void check_report(const char *bytes, size_t len)
{
	struct buffer out = { 0 };
	struct error err = { 0 };
	struct json_writer w = { .out = &out, .err = &err };
	struct json_document doc;
	const struct json_value *root;
	const char *text, *hex = NULL;
	uint64_t bits = 0;
	double real;

	memcpy(&bits, bytes, len < sizeof(bits) ? len : sizeof(bits));
	memcpy(&real, &bits, sizeof(real));
	put_report(&w, bytes, len, bits, real);
	REQUIRE(!w.failed);
	REQUIRE(json_parse(&doc, out.data, out.len, &err));
	for (size_t i = 0; i < out.len; i++)
		REQUIRE((unsigned char)out.data[i] >= 0x20 &&
			out.data[i] != 0x7f);
	root = doc.root;
	check_numbers(root, bits, real);
	REQUIRE(json_get_string(root, "text", &text, &err));
	if (text_is_utf8(bytes, len)) {
		REQUIRE(strcmp(text, bytes) == 0);
		REQUIRE(!json_find(root, "path_hex"));
	} else {
		REQUIRE(json_get_string(root, "path_hex", &hex, &err));
		REQUIRE(strlen(hex) == 2 * len);
	}
	json_free(&doc);
	buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct json_document doc;
	struct error err = { 0 };

	check_string((const char *)data, len);
	if (json_parse(&doc, (const char *)data, len, &err)) {
		check_document(&doc);
		json_free(&doc);
	} else {
		fuzz_require_fault(&err);
		REQUIRE(err.offset <= len);
	}
	REQUIRE(!doc.root);
	if (!memchr(data, '\0', len)) {
		char *text = fuzz_text(data, len);

		check_report(text, len);
		free(text);
	}
	return 0;
}
