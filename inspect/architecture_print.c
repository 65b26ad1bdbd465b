/* architecture_print.c - open the brackets that are too long for a line */
#include "inspect/architecture_print.h"

#include <string.h>

enum { WIDTH = 80, STEP = 2 };

struct span {
	const char *text;
	size_t len;
};

static struct span part(const char *from, const char *to)
{
	struct span s = { from, (size_t)(to - from) };

	architecture_strip(&s.text, &s.len);
	return s;
}

/* Behind the string literal that begins at p. */
static const char *skip_string(const char *p, const char *end)
{
	size_t n = end - p >= 3 && p[1] == *p && p[2] == *p ? 3 : 1;
	char quote = *p;

	for (p += n; p < end; p++) {
		if (*p == '\\')
			p++;
		else if (*p == quote && (n == 1 || (end - p >= 3 &&
						    p[1] == quote &&
						    p[2] == quote)))
			return p + n;
	}
	return end;
}

/* Behind one character, or a string literal, or a comment. */
static const char *skip(const char *p, const char *end)
{
	const char *line;

	if (*p == '"' || *p == '\'')
		return skip_string(p, end);
	if (*p != '#')
		return p + 1;
	line = memchr(p, '\n', (size_t)(end - p));
	return line ? line + 1 : end;
}

/* The first of these characters outside strings and brackets, or the end. */
static const char *find(const char *p, const char *end, const char *any)
{
	size_t depth = 0;

	while (p < end) {
		if (depth == 0 && *p != '\0' && strchr(any, *p))
			return p;
		if (*p != '\0' && strchr("([{", *p))
			depth++;
		else if (*p != '\0' && strchr(")]}", *p) && depth > 0)
			depth--;
		p = skip(p, end);
	}
	return end;
}

static void print_indent(struct answer *a, size_t indent)
{
	answer_print(a, "%*s", (int)indent, "");
}

/*
 * A literal whose first line has 'column' columns before it.  Nesting is
 * bounded: the text was parsed.
 */
static void print_literal(struct answer *a, struct span s, size_t indent,
			  size_t column);

/* An element of a list, or of a dict, with its key before it. */
static void print_element(struct answer *a, struct span s, size_t indent,
			  bool dict)
{
	const char *end = s.text + s.len;
	const char *colon = dict ? find(s.text, end, ":") : end;
	size_t column = indent;

	print_indent(a, indent);
	if (colon < end) {
		struct span key = part(s.text, colon);

		answer_spell(a, key.text, key.len);
		answer_print(a, ": ");
		column += key.len + 2;
		s = part(colon + 1, end);
	}
	print_literal(a, s, indent, column);
	answer_print(a, ",\n");
}

static void print_opened(struct answer *a, struct span s, size_t indent)
{
	const char *p = s.text + 1, *end = s.text + s.len - 1;

	answer_print(a, "%c\n", s.text[0]);
	while (p < end) {
		const char *comma = find(p, end, ",");
		struct span element = part(p, comma);

		if (element.len > 0)
			print_element(a, element, indent + STEP,
				      s.text[0] == '{');
		p = comma + 1;
	}
	print_indent(a, indent);
	answer_print(a, "%c", s.text[s.len - 1]);
}

/* Parentheses without a comma make no tuple; what is opened gets one. */
static bool can_open(struct span s)
{
	const char *end = s.text + s.len;

	if (s.len < 3 || !strchr("([{", s.text[0]))
		return false;
	return s.text[0] != '(' || find(s.text + 1, end - 1, ",") < end - 1;
}

static void print_literal(struct answer *a, struct span s, size_t indent,
			  size_t column)
{
	bool fits = column + s.len < WIDTH && !memchr(s.text, '\n', s.len);

	if (fits || !can_open(s))
		answer_spell(a, s.text, s.len);
	else
		print_opened(a, s, indent);
}

void architecture_print(struct answer *a, const struct architecture *parsed,
			size_t indent)
{
	print_indent(a, indent);
	answer_spell(a, parsed->class_name, parsed->class_name_len);
	if (parsed->count > 0)
		answer_print(a, "(\n");
	for (size_t i = 0; i < parsed->count; i++) {
		const struct architecture_keyword *k = &parsed->keywords[i];
		struct span value = { k->value, k->value_len };

		print_indent(a, indent + STEP);
		answer_escape(a, k->name, k->name_len);
		answer_print(a, "=");
		print_literal(a, value, indent + STEP,
			      indent + STEP + k->name_len + 1);
		answer_print(a, ",\n");
	}
	if (parsed->count > 0) {
		print_indent(a, indent);
		answer_print(a, ")");
	}
	answer_print(a, "\n");
}
