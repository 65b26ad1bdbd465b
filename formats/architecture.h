/*
 * architecture.h - the text that says how to build a policy
 *
 *	package.module.Class
 *	package.module.Class(key=literal, key=literal)
 *
 * The framework reads it with Python's ast module: an expression that is a
 * dotted name, or a call of one with keyword arguments whose values
 * ast.literal_eval() accepts.  Everything accepted here is read by Python 3.11
 * in the same way.  Not accepted, although Python would: a class without a
 * module, positional, starred and repeated arguments (the framework drops
 * them in silence), arithmetic (1+2j), \N{...} in strings, names outside
 * ASCII, parentheses around the class, around "set" or behind a sign, a
 * backslash at the end of a line, a comment before the class, nesting over
 * ARCHITECTURE_DEPTH_LIMIT, numbers of over ARCHITECTURE_NUMBER_LIMIT bytes.
 *
 * Input is hostile; time is linear but for sorting the keywords.  Spans
 * borrow from the text.  Constant once parsed.
 */
#ifndef FORMATS_ARCHITECTURE_H
#define FORMATS_ARCHITECTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define ARCHITECTURE_LIMIT (1u << 20)
#define ARCHITECTURE_DEPTH_LIMIT 64
#define ARCHITECTURE_NUMBER_LIMIT 4300

struct architecture_keyword {
	const char *name;	/* ASCII, not NUL-terminated */
	size_t name_len;
	const char *value;	/* the literal as it is spelt */
	size_t value_len;
};

struct architecture {
	const char *text;	/* without white space at its ends */
	size_t len;
	const char *class_name;	/* as it is spelt: blanks may stand at dots */
	size_t class_name_len;
	struct architecture_keyword *keywords;	/* malloc'ed, in their order */
	size_t count;
};

/* Take off the white space that str.strip() takes off; text must be UTF-8. */
void architecture_strip(const char **text, size_t *len);

/*
 * Parse a text, stripping it first.  A fault is given with its column: the
 * number of the character in the text as it was handed in, from 1 on.  Over
 * ARCHITECTURE_LIMIT bytes are ERROR_LIMIT.  On failure *a is empty.
 */
bool architecture_parse(struct architecture *a, const char *text, size_t len,
			struct error *err);

void architecture_free(struct architecture *a);

/* The keyword of this name, or NULL. */
const struct architecture_keyword *
architecture_find(const struct architecture *a, const char *name);

#endif
