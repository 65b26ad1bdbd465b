/*
 * json_scan.c - the strict pass over a JSON text, before the tree is built
 *
 * No recursion: the open arrays and objects are a stack of fixed size.  The
 * keys are kept, with the number of their object, and compared at the end.
 */
#include "formats/json_scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "formats/json.h"
#include "formats/json_string.h"

struct key {
	size_t object;		/* the how-manyth object of the text */
	const char *name;
	size_t offset;
};

struct level {
	bool in_object;
	size_t object;
};

enum state {
	WANT_VALUE,
	WANT_VALUE_OR_END,	/* behind '[' */
	WANT_KEY,
	WANT_KEY_OR_END,	/* behind '{' */
	AFTER_VALUE
};

struct scan {
	const char *text;
	size_t len, pos;
	struct error *err;
	enum state state;
	struct level levels[JSON_DEPTH_LIMIT];
	size_t depth, objects;
	struct buffer string;	/* the last string, unescaped */
	struct arena names;
	struct key *keys;
	size_t key_count, key_capacity;
};

static bool fault(struct scan *s, size_t offset, const char *reason)
{
	return error_set(s->err, offset < s->len ? ERROR_CORRUPT :
			 ERROR_TRUNCATED, offset, "JSON: %s", reason);
}

/* The byte at hand is not what must stand here. */
static bool fault_wanted(struct scan *s, const char *wanted)
{
	if (s->pos >= s->len)
		return error_set(s->err, ERROR_TRUNCATED, s->pos,
				 "JSON: the text ends where %s must stand",
				 wanted);
	return error_set(s->err, ERROR_CORRUPT, s->pos,
			 "JSON: byte 0x%02x where %s must stand",
			 (unsigned char)s->text[s->pos], wanted);
}

/* The next byte that is not white space, or -1; it is not consumed. */
static int peek(struct scan *s)
{
	while (s->pos < s->len &&
	       (s->text[s->pos] == ' ' || s->text[s->pos] == '\t' ||
		s->text[s->pos] == '\r' || s->text[s->pos] == '\n'))
		s->pos++;
	return s->pos < s->len ? (unsigned char)s->text[s->pos] : -1;
}

/* The string whose opening quote stands here, into s->string. */
static bool scan_string(struct scan *s)
{
	size_t start = s->pos++;
	const char *reason;

	s->string.len = 0;
	if (!json_string_read(&s->string, s->text, s->len, &s->pos, &reason,
			      s->err))
		return reason ? fault(s, s->pos, reason) : false;
	if (s->string.len > 0 && memchr(s->string.data, '\0', s->string.len))
		return fault(s, start, "\\u0000 in a string");
	return true;
}

static bool scan_key(struct scan *s)
{
	void *grown = s->keys;
	struct key *key;
	size_t offset;

	if (peek(s) != '"')
		return fault_wanted(s, s->state == WANT_KEY ? "a key" :
				    "a key or '}'");
	offset = s->pos;
	if (!scan_string(s) ||
	    !memory_grow(&grown, &s->key_capacity, s->key_count + 1,
			 sizeof(*key), s->err))
		return false;
	s->keys = grown;
	key = &s->keys[s->key_count];
	key->object = s->levels[s->depth - 1].object;
	key->offset = offset;
	key->name = arena_copy(&s->names, s->string.data, s->string.len,
			       s->err);
	if (!key->name)
		return false;
	s->key_count++;
	if (peek(s) != ':')
		return fault_wanted(s, "':'");
	s->pos++;
	s->state = WANT_VALUE;
	return true;
}

static size_t digits(const struct scan *s, size_t pos)
{
	size_t start = pos;

	while (pos < s->len && s->text[pos] >= '0' && s->text[pos] <= '9')
		pos++;
	return pos - start;
}

static bool at(const struct scan *s, size_t pos, const char *bytes)
{
	return pos < s->len && s->text[pos] != '\0' &&
	       strchr(bytes, s->text[pos]);
}

/* -? int frac? exp?, where a longer int does not start with 0. */
static bool scan_number(struct scan *s)
{
	size_t pos = s->pos, n;

	if (at(s, pos, "-"))
		pos++;
	n = digits(s, pos);
	if (n == 0)
		return fault(s, pos, "a number without digits");
	if (n > 1 && s->text[pos] == '0')
		return fault(s, pos, "a number starts with 0");
	pos += n;
	if (at(s, pos, ".")) {
		n = digits(s, ++pos);
		if (n == 0)
			return fault(s, pos, "no digits behind the point");
		pos += n;
	}
	if (at(s, pos, "eE")) {
		pos++;
		if (at(s, pos, "+-"))
			pos++;
		n = digits(s, pos);
		if (n == 0)
			return fault(s, pos, "no digits in the exponent");
		pos += n;
	}
	if (pos - s->pos > JSON_NUMBER_LIMIT)
		return error_set(s->err, ERROR_LIMIT, s->pos,
				 "JSON: a number of %zu bytes, over the limit "
				 "of %d", pos - s->pos, JSON_NUMBER_LIMIT);
	s->pos = pos;
	return true;
}

static bool scan_word(struct scan *s)
{
	static const char *const words[] = { "null", "true", "false" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = strlen(words[i]);

		if (s->len - s->pos >= n &&
		    memcmp(s->text + s->pos, words[i], n) == 0) {
			s->pos += n;
			return true;
		}
	}
	return fault_wanted(s, "a value");
}

static bool open_level(struct scan *s, bool object)
{
	if (s->depth == JSON_DEPTH_LIMIT)
		return error_set(s->err, ERROR_LIMIT, s->pos,
				 "JSON: nested over %d deep",
				 JSON_DEPTH_LIMIT);
	s->levels[s->depth++] = (struct level){
		.in_object = object,
		.object = object ? ++s->objects : 0,
	};
	s->state = object ? WANT_KEY_OR_END : WANT_VALUE_OR_END;
	s->pos++;
	return true;
}

static bool close_level(struct scan *s)
{
	s->depth--;
	s->pos++;
	s->state = AFTER_VALUE;
	return true;
}

static bool scan_value(struct scan *s)
{
	int c = peek(s);

	if (c == '{' || c == '[')
		return open_level(s, c == '{');
	s->state = AFTER_VALUE;
	if (c == '"')
		return scan_string(s);
	if (c == '-' || (c >= '0' && c <= '9'))
		return scan_number(s);
	return scan_word(s);
}

/* Behind a value that stands in an array or object. */
static bool scan_after(struct scan *s)
{
	bool in_object = s->levels[s->depth - 1].in_object;
	int c = peek(s);

	if (c == (in_object ? '}' : ']'))
		return close_level(s);
	if (c != ',')
		return fault_wanted(s, in_object ? "',' or '}'" :
				    "',' or ']'");
	s->pos++;
	s->state = in_object ? WANT_KEY : WANT_VALUE;
	return true;
}

static bool scan_step(struct scan *s)
{
	switch (s->state) {
	case WANT_VALUE:
		return scan_value(s);
	case WANT_VALUE_OR_END:
		return peek(s) == ']' ? close_level(s) : scan_value(s);
	case WANT_KEY:
		return scan_key(s);
	case WANT_KEY_OR_END:
		return peek(s) == '}' ? close_level(s) : scan_key(s);
	case AFTER_VALUE:
		return scan_after(s);
	}
	return false;
}

static bool scan_document(struct scan *s)
{
	static const char mark[] = "\xef\xbb\xbf";
	size_t valid = text_utf8_span(s->text, s->len);

	if (valid < s->len)
		return error_set(s->err, ERROR_CORRUPT, valid,
				 "JSON: not UTF-8");
	if (s->len >= 3 && memcmp(s->text, mark, 3) == 0)
		return fault(s, 0, "starts with a byte order mark");
	do {
		if (!scan_step(s))
			return false;
	} while (s->depth > 0 || s->state != AFTER_VALUE);
	if (peek(s) != -1)
		return fault(s, s->pos, "more text behind the value");
	return true;
}

static int by_name(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int order;

	if (x->object != y->object)
		return x->object < y->object ? -1 : 1;
	order = strcmp(x->name, y->name);
	if (order != 0)
		return order;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* The repeated key that comes first in the text is the fault. */
static bool check_keys(struct scan *s)
{
	const struct key *worst = NULL;

	if (s->key_count == 0)
		return true;
	qsort(s->keys, s->key_count, sizeof(*s->keys), by_name);
	for (size_t i = 1; i < s->key_count; i++) {
		const struct key *key = &s->keys[i];

		if (key->object == key[-1].object &&
		    strcmp(key->name, key[-1].name) == 0 &&
		    (!worst || key->offset < worst->offset))
			worst = key;
	}
	if (!worst)
		return true;
	return error_set(s->err, ERROR_CORRUPT, worst->offset,
			 "JSON: the key \"%.200s\" stands twice in one object",
			 worst->name);
}

bool json_scan(const char *text, size_t len, struct error *err)
{
	struct scan s = { .text = text, .len = len, .err = err };
	bool ok = scan_document(&s) && check_keys(&s);

	buffer_free(&s.string);
	arena_free(&s.names);
	free(s.keys);
	return ok;
}
