/*
 * json.h - JSON documents: read strictly, written byte by byte
 *
 * json_parse() takes hostile text and accepts one value of RFC 8259 and nothing
 * behind it.  It refuses what readers understand differently: bytes that are
 * not UTF-8, a byte order mark, a key twice in one object (also when one is
 * spelt with escapes), NaN and Infinity, \u0000, a surrogate without its
 * partner; and, as limits of ours, nesting over JSON_DEPTH_LIMIT and numbers
 * of over JSON_NUMBER_LIMIT bytes.  Time is linear in the text but for sorting
 * its keys.  How long a text may be is the caller's business; memory is up to
 * 60 times its length.
 *
 * A document owns its values and their strings; they go away with json_free().
 * Strings are UTF-8 without NUL inside.  Getters are case-sensitive, and their
 * errors name the key.  A document is constant once parsed: any number of
 * threads may read it.
 *
 * A writer appends to a buffer it borrows.  Failures (memory only) are sticky:
 * write everything, then look at 'failed' once.
 */
#ifndef FORMATS_JSON_H
#define FORMATS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"

#define JSON_DEPTH_LIMIT 128
#define JSON_NUMBER_LIMIT 63
/* Integers below it are exact in every reader; getters refuse the others. */
#define JSON_INTEGER_LIMIT (UINT64_C(1) << 53)

enum json_type {
	JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT
};

struct json_value;

struct json_document {
	const struct json_value *root;	/* owned; NULL: empty */
};

/* On failure *doc is empty. */
bool json_parse(struct json_document *doc, const char *text, size_t len,
		struct error *err);

void json_free(struct json_document *doc);

enum json_type json_type(const struct json_value *v);

/* "a string", "an object", ...: for messages. */
const char *json_type_name(const struct json_value *v);

/* The values of an array or object in their order; NULL after the last. */
const struct json_value *json_first(const struct json_value *container);
const struct json_value *json_next(const struct json_value *v);

/* The key of a value that stands in an object. */
const char *json_key(const struct json_value *v);

/* The value of a key, or NULL; linear in the size of the object. */
const struct json_value *json_find(const struct json_value *object,
				   const char *key);

/*
 * Take a value as what it must be.  v may be NULL: then the fault is that
 * 'what', its name, is missing.  Numbers must be whole, not negative and below
 * JSON_INTEGER_LIMIT.
 */
bool json_to_string(const struct json_value *v, const char *what,
		    const char **value, struct error *err);
bool json_to_u64(const struct json_value *v, const char *what,
		 uint64_t *value, struct error *err);
bool json_to_bool(const struct json_value *v, const char *what, bool *value,
		  struct error *err);
bool json_to_array(const struct json_value *v, const char *what,
		   struct error *err);
bool json_to_object(const struct json_value *v, const char *what,
		    struct error *err);

/* Any number, as the double that readers make of it: 1e999 is infinite. */
bool json_to_real(const struct json_value *v, const char *what, double *value,
		  struct error *err);

/* The same for the value of a key that must be there. */
bool json_get_string(const struct json_value *object, const char *key,
		     const char **value, struct error *err);
bool json_get_u64(const struct json_value *object, const char *key,
		  uint64_t *value, struct error *err);
bool json_get_bool(const struct json_value *object, const char *key,
		   bool *value, struct error *err);
bool json_get_array(const struct json_value *object, const char *key,
		    const struct json_value **value, struct error *err);
bool json_get_object(const struct json_value *object, const char *key,
		     const struct json_value **value, struct error *err);

/* The members of an object, sorted by key: malloc'ed, [*count]. */
bool json_sort_members(const struct json_value *object,
		       const struct json_value ***members, size_t *count,
		       struct error *err);

/*
 * Are two values the same to a reader?  The order of an object's members is
 * nothing to it, nor how a number is spelt.  False for lack of memory only.
 */
bool json_equal(const struct json_value *a, const struct json_value *b,
		bool *equal, struct error *err);

/*
 * Append text in quotes with the fewest escapes, as pydantic and serde write
 * it: \" \\ \b \f \n \r \t, \u00xx for other bytes below 0x20, all else raw.
 * Text that is not UTF-8 is ERROR_UNSUPPORTED.
 */
bool json_append_string(struct buffer *out, const char *text, size_t len,
			struct error *err);

struct json_writer {
	struct buffer *out;
	struct error *err;
	bool failed;
	bool comma;	/* something stands before, on this level */
};

/*
 * Members of objects have a key (ASCII, ours), elements of arrays and the
 * outermost value have NULL.  bracket is '{' or '[', and '}' or ']'.
 */
void json_open(struct json_writer *w, const char *key, char bracket);
void json_close(struct json_writer *w, char bracket);

void json_put_null(struct json_writer *w, const char *key);
void json_put_bool(struct json_writer *w, const char *key, bool value);

/* Exact digits; readers that keep numbers as doubles are exact up to 2^53. */
void json_put_u64(struct json_writer *w, const char *key, uint64_t value);

/* The fewest digits that read back as the same double; NaN and Inf: null. */
void json_put_real(struct json_writer *w, const char *key, double value);

/*
 * Any bytes, for reports: DEL, C1 controls and line separators are escaped
 * too, so that the line is one line everywhere and safe on a terminal, and
 * each byte that is not UTF-8 becomes U+FFFD.
 */
void json_put_text(struct json_writer *w, const char *key, const char *text,
		   size_t len);
void json_put_string(struct json_writer *w, const char *key,
		     const char *text);

/*
 * The name of a file, in an object.  If it is not UTF-8 and so cannot be a
 * JSON string, a second member "<key>_hex" holds its bytes in hex.  (Python's
 * way, lone surrogates, is refused by other readers, json_parse() among them.)
 */
void json_put_path(struct json_writer *w, const char *key, const char *path);

/*
 * A key of any bytes, escaped as json_put_text() does it, for the value that is
 * put next, with NULL for its own key.
 */
void json_put_key(struct json_writer *w, const char *key);

/* A parsed value, on one line; strings as json_put_text() has them. */
void json_put_value(struct json_writer *w, const char *key,
		    const struct json_value *v);

/* The version of the library behind it, for --version. */
const char *json_version(void);

#endif
