/* policy_argument.c - parse class=NAME,... and URI,proportion=... */
#include "remote/policy_argument.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "formats/bundle.h"

enum { ARGUMENT_LIMIT = 65536 };

/* One "key=value", trimmed; offset is its place in the whole. */
struct field {
	size_t offset;
	const char *key, *value;	/* in the arena; value NULL: no '=' */
};

struct parse {
	struct policy_argument *a;
	struct error *err;
};

static bool fault(struct parse *p, size_t offset, const char *why)
{
	return error_set(p->err, ERROR_CORRUPT, offset, "%s", why);
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static char *copy_trimmed(struct parse *p, const char *text, size_t len)
{
	while (len > 0 && is_blank(text[0])) {
		text++;
		len--;
	}
	while (len > 0 && is_blank(text[len - 1]))
		len--;
	return arena_copy(&p->a->arena, text, len, p->err);
}

/* ---- fields ---- */

static bool set_once(struct parse *p, const struct field *f,
		     const char **place)
{
	if (*place)
		return error_set(p->err, ERROR_CORRUPT, f->offset,
				 "%s= stands twice", f->key);
	*place = f->value;
	return true;
}

static bool set_class(struct parse *p, const struct field *f)
{
	if (!bundle_is_dotted_name(f->value))
		return error_set(p->err, ERROR_CORRUPT, f->offset,
				 "\"%.200s\" is no name of a class: it is a "
				 "short name, or one with its modules before "
				 "it", f->value);
	return set_once(p, f, &p->a->class_name);
}

static bool set_data(struct parse *p, const struct field *f)
{
	if (f->value[0] == '\0')
		return fault(p, f->offset, "data= names no file");
	return set_once(p, f, &p->a->data);
}

/* A number of the form that every reader takes, without blanks in it. */
static bool set_proportion(struct parse *p, const struct field *f)
{
	static const char allowed[] = "0123456789.eE+-";
	char *end = NULL;
	double value = strtod(f->value, &end);
	bool number = f->value[0] && *end == '\0' &&
		      f->value[strspn(f->value, allowed)] == '\0';

	if (!number || !isfinite(value) || value <= 0)
		return error_set(p->err, ERROR_CORRUPT, f->offset,
				 "a proportion is a number above 0, not "
				 "\"%.200s\"", f->value);
	if (p->a->has_proportion)
		return fault(p, f->offset, "proportion= stands twice");
	p->a->has_proportion = true;
	p->a->proportion = value;
	return true;
}

static bool add_keyword(struct parse *p, const struct field *f)
{
	struct policy_argument *a = p->a;
	const char *name = f->key + strlen("kw.");
	char *key;

	if (*name == '\0')
		return fault(p, f->offset, "kw. names no argument");
	key = arena_copy(&a->arena, name, strlen(name), p->err);
	if (!key)
		return false;
	for (char *c = key; *c; c++)
		if (*c == '-')
			*c = '_';
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->keywords[i].key, key) == 0)
			return error_set(p->err, ERROR_CORRUPT, f->offset,
					 "kw.%.200s= stands twice", key);
	a->keywords[a->count++] = (struct policy_keyword){ key, f->value };
	return true;
}

static const struct {
	const char *key;
	bool prefix;
	bool of_uri;		/* may follow a URI, too */
	bool (*set)(struct parse *p, const struct field *f);
} fields[] = {
	{ "class", false, false, set_class },
	{ "data", false, false, set_data },
	{ "proportion", false, true, set_proportion },
	{ "kw.", true, false, add_keyword },
};

static bool set_field(struct parse *p, const struct field *f)
{
	if (!f->value)
		return fault(p, f->offset, p->a->uri ?
			     "only proportion=NUMBER follows a URI; a comma in "
			     "a path is written %2C, behind file://" :
			     "not of the form KEY=VALUE");
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		bool same = fields[i].prefix ?
			    strncmp(f->key, fields[i].key,
				    strlen(fields[i].key)) == 0 :
			    strcmp(f->key, fields[i].key) == 0;

		if (same && p->a->uri && !fields[i].of_uri)
			return error_set(p->err, ERROR_CORRUPT, f->offset,
					 "%.200s= belongs to class=; only "
					 "proportion= follows a URI", f->key);
		if (same)
			return fields[i].set(p, f);
	}
	return error_set(p->err, ERROR_UNSUPPORTED, f->offset,
			 "unknown field \"%.200s\"; known are class, data, "
			 "proportion and kw.KEY", f->key);
}

/* ---- parts ---- */

/* Does it begin with a word and '=', as no URI and no path with folders? */
static bool is_field(const char *text, size_t len)
{
	size_t i = 0;

	while (i < len && text[i] != '=' && text[i] != '/' && text[i] != ':')
		i++;
	return i < len && text[i] == '=';
}

static bool take_field(struct parse *p, const char *text, size_t len,
		       size_t offset)
{
	const char *equals = memchr(text, '=', len);
	size_t key_len = equals ? (size_t)(equals - text) : len;
	struct field f = { .offset = offset };

	f.key = copy_trimmed(p, text, key_len);
	if (!f.key)
		return false;
	if (equals) {
		f.value = copy_trimmed(p, equals + 1, len - key_len - 1);
		if (!f.value)
			return false;
	}
	return set_field(p, &f);
}

/* Parts of nothing but blanks are passed over, as the game does. */
static bool take_part(struct parse *p, const char *text, size_t len,
		      size_t offset, bool *first)
{
	bool was_first = *first;
	size_t blanks = 0;

	while (blanks < len && is_blank(text[blanks]))
		blanks++;
	if (blanks == len)
		return true;
	*first = false;
	offset += blanks;
	if (!was_first || is_field(text, len))
		return take_field(p, text, len, offset);
	p->a->uri = copy_trimmed(p, text, len);
	return p->a->uri != NULL;
}

static bool parse(struct parse *p, const char *text, size_t len)
{
	bool first = true;

	for (size_t pos = 0; pos <= len; ) {
		size_t n = strcspn(text + pos, ",");

		if (!take_part(p, text + pos, n, pos, &first))
			return false;
		pos += n + 1;
	}
	if (first)
		return fault(p, 0, "an empty policy");
	return p->a->uri || p->a->class_name ||
	       fault(p, 0, "class= is missing");
}

static size_t count_commas(const char *text)
{
	size_t n = 0;

	while ((text = strchr(text, ',')) != NULL) {
		text++;
		n++;
	}
	return n;
}

bool policy_argument_parse(struct policy_argument *a, const char *text,
			   struct error *err)
{
	struct parse p = { a, err };
	size_t len = strlen(text);
	bool ok;

	*a = (struct policy_argument){ .proportion = 1 };
	if (len > ARGUMENT_LIMIT)
		return error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
				 "a policy of %zu bytes, over the limit of %d",
				 len, ARGUMENT_LIMIT);
	a->keywords = arena_array(&a->arena, count_commas(text) + 1,
				  sizeof(*a->keywords), err);
	ok = a->keywords && parse(&p, text, len);
	if (!ok)
		policy_argument_free(a);
	return ok;
}

void policy_argument_free(struct policy_argument *a)
{
	arena_free(&a->arena);
	*a = (struct policy_argument){ 0 };
}
