/*
 * architecture.c - a parser for the part of Python that names and literals are
 *
 * One pass over the characters, as Python's tokenizer and literal_eval() would
 * see them.  Recursion is bounded by ARCHITECTURE_DEPTH_LIMIT.
 */
#include "formats/architecture.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

#define TEXT(number) TEXT_OF(number)
#define TEXT_OF(number) #number

struct parse {
	const char *whole;	/* the text as it was handed in */
	const char *text;	/* without white space at its ends */
	size_t len, pos;
	size_t depth;		/* of brackets, the call's among them */
	struct architecture *a;
	size_t capacity;	/* of a->keywords */
	struct error *err;
};

/*
 * The literal that starts at the next token.  *hashable says whether it may
 * stand in a set or as a key: all may but lists, dicts, sets and tuples that
 * hold one.
 */
static bool literal(struct parse *p, bool *hashable);

static size_t characters(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

static bool fault_of(struct parse *p, enum error_kind kind, size_t pos,
		     const char *reason)
{
	size_t before = (size_t)(p->text - p->whole) + pos;

	return error_set(p->err, kind, ERROR_NO_OFFSET,
			 "architecture: column %zu: %s",
			 characters(p->whole, before) + 1, reason);
}

static bool fault(struct parse *p, size_t pos, const char *reason)
{
	return fault_of(p, ERROR_CORRUPT, pos, reason);
}

/* The byte at pos, or '\0', which no accepted text holds. */
static char byte_at(const struct parse *p, size_t pos)
{
	return pos < p->len ? p->text[pos] : '\0';
}

static bool is_end_of_line(char c)
{
	return c == '\n' || c == '\r';
}

static void skip_comment(struct parse *p)
{
	while (p->pos < p->len && !is_end_of_line(p->text[p->pos]))
		p->pos++;
}

/* Move to the next token.  In brackets line ends and comments are blanks. */
static char peek(struct parse *p)
{
	for (;;) {
		char c = byte_at(p, p->pos);

		if (p->depth > 0 && c == '#')
			skip_comment(p);
		else if (c == ' ' || c == '\t' || c == '\f' ||
			 (p->depth > 0 && is_end_of_line(c)))
			p->pos++;
		else
			return c;
	}
}

static bool fault_wanted(struct parse *p, const char *wanted)
{
	char reason[160];
	size_t n = 1;

	if (p->pos >= p->len) {
		snprintf(reason, sizeof(reason),
			 "the text ends where %s must stand", wanted);
		return fault_of(p, ERROR_TRUNCATED, p->pos, reason);
	}
	while (p->pos + n < p->len &&
	       ((unsigned char)p->text[p->pos + n] & 0xc0) == 0x80)
		n++;
	snprintf(reason, sizeof(reason), "'%.*s' where %s must stand", (int)n,
		 p->text + p->pos, wanted);
	return fault(p, p->pos, reason);
}

static bool expect(struct parse *p, char wanted, const char *wanted_text)
{
	if (peek(p) != wanted)
		return fault_wanted(p, wanted_text);
	p->pos++;
	return true;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The length of the name that starts here; 0 if none does. */
static size_t name_length(const struct parse *p)
{
	size_t n = 0;

	if (!is_letter(byte_at(p, p->pos)))
		return 0;
	while (is_letter(byte_at(p, p->pos + n)) ||
	       is_digit(byte_at(p, p->pos + n)))
		n++;
	return n;
}

static bool name_is(const char *name, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(name, word, len) == 0;
}

/* Words that Python's grammar keeps for itself, whatever the release. */
static bool is_reserved(const char *name, size_t len)
{
	static const char *const words[] = {
		"False", "None", "True", "and", "as", "assert", "async",
		"await", "break", "class", "continue", "def", "del", "elif",
		"else", "except", "finally", "for", "from", "global", "if",
		"import", "in", "is", "lambda", "nonlocal", "not", "or",
		"pass", "raise", "return", "try", "while", "with", "yield",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (name_is(name, len, words[i]))
			return true;
	return false;
}

/* A name that is not reserved; what it is goes into the message. */
static bool plain_name(struct parse *p, const char *what, size_t *len)
{
	peek(p);
	*len = name_length(p);
	if (*len == 0)
		return fault_wanted(p, what);
	if (is_reserved(p->text + p->pos, *len))
		return fault(p, p->pos, "a word that Python reserves");
	p->pos += *len;
	return true;
}

static bool open_bracket(struct parse *p)
{
	if (p->depth == ARCHITECTURE_DEPTH_LIMIT)
		return fault_of(p, ERROR_LIMIT, p->pos, "nested over "
				TEXT(ARCHITECTURE_DEPTH_LIMIT) " deep");
	p->depth++;
	p->pos++;
	return true;
}

static bool close_bracket(struct parse *p)
{
	p->depth--;
	p->pos++;
	return true;
}

static bool is_digit_of(char c, unsigned base)
{
	if (base <= 10)
		return c >= '0' && c < (char)('0' + base);
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/*
 * Digits with single underscores between them; "first" allows one in front, as
 * in 0x_ff.  False if there are none, or an underscore is not followed by one.
 */
static bool digits(struct parse *p, unsigned base, bool first)
{
	bool any = false;

	for (;;) {
		char c = byte_at(p, p->pos);

		if (c == '_' && (any || first) &&
		    is_digit_of(byte_at(p, p->pos + 1), base))
			p->pos++;
		else if (!is_digit_of(c, base))
			return any && c != '_';
		p->pos++;
		any = true;
	}
}

/* Behind the first digits of a decimal: [.digits][e[sign]digits][j] */
static bool number_tail(struct parse *p, bool *fraction)
{
	*fraction = false;
	if (byte_at(p, p->pos) == '.') {
		*fraction = true;
		p->pos++;
		if (is_digit(byte_at(p, p->pos)) && !digits(p, 10, false))
			return false;
	}
	if ((byte_at(p, p->pos) | 0x20) == 'e') {
		*fraction = true;
		p->pos++;
		if (byte_at(p, p->pos) == '+' || byte_at(p, p->pos) == '-')
			p->pos++;
		if (!digits(p, 10, false))
			return false;
	}
	if ((byte_at(p, p->pos) | 0x20) == 'j') {
		*fraction = true;
		p->pos++;
	}
	return true;
}

static bool decimal(struct parse *p)
{
	size_t start = p->pos;
	bool fraction, zero = true;

	if (byte_at(p, p->pos) != '.' && !digits(p, 10, false))
		return false;
	for (size_t i = start; i < p->pos; i++)
		zero = zero && (p->text[i] == '0' || p->text[i] == '_');
	if (!number_tail(p, &fraction))
		return false;
	/* 007 is no number, 000 and 007.5 are. */
	return fraction || zero || p->text[start] != '0';
}

static bool number(struct parse *p)
{
	size_t start = p->pos;
	char mark = (char)(byte_at(p, start + 1) | 0x20);
	unsigned base = byte_at(p, start) != '0' ? 10 : mark == 'x' ? 16 :
			mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
	bool ok;

	if (base != 10) {
		p->pos += 2;
		ok = digits(p, base, true);
	} else {
		ok = decimal(p);
	}
	if (!ok || is_letter(byte_at(p, p->pos)) ||
	    is_digit(byte_at(p, p->pos)) ||
	    (unsigned char)byte_at(p, p->pos) >= 0x80)
		return fault(p, start, "a number Python cannot read");
	if (p->pos - start > ARCHITECTURE_NUMBER_LIMIT)
		return fault_of(p, ERROR_LIMIT, start, "a number of over "
				TEXT(ARCHITECTURE_NUMBER_LIMIT) " bytes");
	return true;
}

struct string_style {
	bool bytes, raw, triple;
	char quote;
};

/* Behind a backslash and x, u or U: so many hex digits. */
static bool hex_escape(struct parse *p, unsigned count)
{
	uint32_t code = 0;

	for (unsigned i = 0; i < count; i++) {
		char c = byte_at(p, p->pos);

		if (!is_digit_of(c, 16))
			return fault(p, p->pos, "an escape needs hex digits");
		code = code << 4 | (uint32_t)(is_digit(c) ? c - '0' :
					      (c | 0x20) - 'a' + 10);
		p->pos++;
	}
	if (code > 0x10ffff)
		return fault(p, p->pos, "an escape above U+10FFFF");
	return true;
}

/* Behind a backslash, at the byte it escapes; others stay as they are. */
static bool string_escape(struct parse *p, const struct string_style *style)
{
	char c = byte_at(p, p->pos);

	p->pos++;
	if (c == '\r' && byte_at(p, p->pos) == '\n')
		p->pos++;	/* one line end, which the backslash hides */
	if (style->raw)
		return true;
	if (c == 'x')
		return hex_escape(p, 2);
	if (style->bytes)
		return true;
	if (c == 'u')
		return hex_escape(p, 4);
	if (c == 'U')
		return hex_escape(p, 8);
	if (c == 'N')
		return fault(p, p->pos - 1, "\\N{...} is not supported");
	return true;
}

/* Does the string end here?  Then move behind its quotes. */
static bool string_ends(struct parse *p, const struct string_style *style)
{
	size_t n = style->triple ? 3 : 1;

	for (size_t i = 0; i < n; i++)
		if (byte_at(p, p->pos + i) != style->quote)
			return false;
	p->pos += n;
	return true;
}

/* Behind the opening quotes. */
static bool string_rest(struct parse *p, const struct string_style *style,
			size_t start)
{
	while (!string_ends(p, style)) {
		char c = byte_at(p, p->pos);

		if (p->pos >= p->len)
			return fault_of(p, ERROR_TRUNCATED, start,
					"a string without its end");
		if (is_end_of_line(c) && !style->triple)
			return fault(p, p->pos, "a line end in a string");
		if (style->bytes && (unsigned char)c >= 0x80)
			return fault(p, p->pos,
				     "a character outside ASCII in bytes");
		p->pos++;
		if (c != '\\')
			continue;
		if (p->pos >= p->len)
			continue;	/* the fault above */
		if (style->bytes && (unsigned char)p->text[p->pos] >= 0x80)
			continue;
		if (!string_escape(p, style))
			return false;
	}
	return true;
}

/* True if name is a prefix of strings; f-strings are not literals. */
static bool string_prefix(const char *name, size_t len,
			  struct string_style *style)
{
	char low[2] = { 0 };

	*style = (struct string_style){ 0 };
	if (len > 2)
		return false;
	for (size_t i = 0; i < len; i++)
		low[i] = (char)(name[i] | 0x20);
	style->bytes = low[0] == 'b' || low[1] == 'b';
	style->raw = low[0] == 'r' || low[1] == 'r';
	return len == 0 || (len == 1 && (low[0] == 'u' || low[0] == 'r' ||
					 low[0] == 'b')) ||
	       (len == 2 && style->bytes && style->raw);
}

/* Does a string start here, n bytes of prefix before its quote? */
static bool string_starts(const struct parse *p, struct string_style *style)
{
	size_t n = name_length(p);
	char quote = byte_at(p, p->pos + n);

	if ((quote != '\'' && quote != '"') ||
	    !string_prefix(p->text + p->pos, n, style))
		return false;
	style->quote = quote;
	style->triple = byte_at(p, p->pos + n + 1) == quote &&
			byte_at(p, p->pos + n + 2) == quote;
	return true;
}

/* One or more strings in a row, which Python joins. */
static bool strings(struct parse *p)
{
	struct string_style style;
	bool bytes = false;
	size_t end = 0;

	while (peek(p), string_starts(p, &style)) {
		size_t start = p->pos;

		if (end > 0 && style.bytes != bytes)
			return fault(p, start, "bytes next to a string");
		bytes = style.bytes;
		p->pos += name_length(p) + (style.triple ? 3 : 1);
		if (!string_rest(p, &style, start))
			return false;
		end = p->pos;
	}
	p->pos = end;	/* the blanks behind it are not part of the value */
	return true;
}

/* Behind a value: true if another follows, with *more saying so. */
static bool next_or_close(struct parse *p, char end, const char *wanted,
			  bool *more)
{
	if (peek(p) == ',')
		p->pos++;
	else if (peek(p) != end)
		return fault_wanted(p, wanted);
	*more = peek(p) != end;
	return *more || close_bracket(p);
}

static bool list(struct parse *p)
{
	bool more, hashable;

	if (!open_bracket(p))
		return false;
	more = peek(p) != ']';
	if (!more)
		return close_bracket(p);
	while (more)
		if (!literal(p, &hashable) ||
		    !next_or_close(p, ']', "',' or ']'", &more))
			return false;
	return true;
}

/* A tuple, or one literal in parentheses. */
static bool tuple(struct parse *p, bool *hashable)
{
	bool more, element;

	*hashable = true;
	if (!open_bracket(p))
		return false;
	more = peek(p) != ')';
	if (!more)
		return close_bracket(p);
	while (more) {
		if (!literal(p, &element) ||
		    !next_or_close(p, ')', "',' or ')'", &more))
			return false;
		*hashable = *hashable && element;
	}
	return true;
}

/* "key: value", or one element of a set; the first decides which. */
static bool pair(struct parse *p, bool first, bool *dict)
{
	bool hashable;
	size_t start;

	peek(p);
	start = p->pos;
	if (!literal(p, &hashable))
		return false;
	if (!hashable)
		return fault(p, start,
			     "a list, dict or set as a key or in a set");
	if (first)
		*dict = peek(p) == ':';
	if (!*dict)
		return true;
	return expect(p, ':', "':'") && literal(p, &hashable);
}

static bool dict_or_set(struct parse *p)
{
	bool more, dict = false, first = true;

	if (!open_bracket(p))
		return false;
	more = peek(p) != '}';
	if (!more)
		return close_bracket(p);
	while (more) {
		if (!pair(p, first, &dict) ||
		    !next_or_close(p, '}', dict ? "',' or '}'" :
				   "':', ',' or '}'", &more))
			return false;
		first = false;
	}
	return true;
}

/* None, True, False, or set(), the only call that is a literal. */
static bool word(struct parse *p, size_t len, bool *hashable)
{
	const char *name = p->text + p->pos;
	size_t start = p->pos;

	p->pos += len;
	*hashable = true;
	if (name_is(name, len, "None") || name_is(name, len, "True") ||
	    name_is(name, len, "False"))
		return true;
	*hashable = false;
	if (name_is(name, len, "set") && peek(p) == '(') {
		if (!open_bracket(p))
			return false;
		return peek(p) == ')' ? close_bracket(p) :
		       fault_wanted(p, "')'");
	}
	if (is_reserved(name, len))
		return fault(p, start, "a word where a literal must stand");
	return fault(p, start, peek(p) == '(' ?
		     "a call where a literal must stand" :
		     "a name where a literal must stand");
}

static bool signed_number(struct parse *p)
{
	p->pos++;
	peek(p);
	if (!is_digit(byte_at(p, p->pos)) &&
	    !(byte_at(p, p->pos) == '.' && is_digit(byte_at(p, p->pos + 1))))
		return fault_wanted(p, "a number");
	return number(p);
}

static bool literal(struct parse *p, bool *hashable)
{
	struct string_style style;
	char c = peek(p);

	*hashable = c != '[' && c != '{';
	if (c == '[')
		return list(p);
	if (c == '{')
		return dict_or_set(p);
	if (c == '(')
		return tuple(p, hashable);
	if (c == '-' || c == '+')
		return signed_number(p);
	if (is_digit(c) || (c == '.' && is_digit(byte_at(p, p->pos + 1))))
		return number(p);
	if (string_starts(p, &style))
		return strings(p);
	if (is_letter(c))
		return word(p, name_length(p), hashable);
	if (p->len - p->pos >= 3 && memcmp(p->text + p->pos, "...", 3) == 0) {
		p->pos += 3;
		return true;
	}
	return fault_wanted(p, "a literal");
}

static bool keyword(struct parse *p)
{
	void *grown = p->a->keywords;
	struct architecture_keyword *k;
	size_t len, start;
	bool hashable;

	peek(p);
	start = p->pos;
	if (!plain_name(p, "a keyword", &len))
		return false;
	if (peek(p) != '=' || byte_at(p, p->pos + 1) == '=')
		return fault(p, start, "an argument without a keyword");
	p->pos++;
	if (!memory_grow(&grown, &p->capacity, p->a->count + 1, sizeof(*k),
			 p->err))
		return false;
	p->a->keywords = grown;
	k = &p->a->keywords[p->a->count++];
	k->name = p->text + start;
	k->name_len = len;
	peek(p);
	start = p->pos;
	k->value = p->text + start;
	if (!literal(p, &hashable))
		return false;
	k->value_len = p->pos - start;
	return true;
}

static bool arguments(struct parse *p)
{
	bool more;

	if (!open_bracket(p))
		return false;
	more = peek(p) != ')';
	if (!more)
		return close_bracket(p);
	while (more)
		if (!keyword(p) ||
		    !next_or_close(p, ')', "',' or ')'", &more))
			return false;
	return true;
}

static bool class_name(struct parse *p)
{
	size_t dots = 0, len;

	p->a->class_name = p->text;
	for (;; dots++) {
		if (!plain_name(p, dots ? "a name" : "a class", &len))
			return false;
		p->a->class_name_len = p->pos;
		if (peek(p) != '.')
			break;
		p->pos++;
	}
	return dots > 0 || fault(p, 0, "a class without a module");
}

/* Behind the expression only blanks, line ends and comments may stand. */
static bool check_end(struct parse *p)
{
	p->depth++;
	peek(p);
	p->depth--;
	return p->pos >= p->len || fault_wanted(p, "the end");
}

static int by_name(const void *a, const void *b)
{
	const struct architecture_keyword *x =
		*(const struct architecture_keyword *const *)a;
	const struct architecture_keyword *y =
		*(const struct architecture_keyword *const *)b;
	size_t len = x->name_len < y->name_len ? x->name_len : y->name_len;
	int order = memcmp(x->name, y->name, len);

	if (order != 0)
		return order;
	if (x->name_len != y->name_len)
		return x->name_len < y->name_len ? -1 : 1;
	return x->name < y->name ? -1 : x->name > y->name;
}

static bool check_keywords(struct parse *p)
{
	const struct architecture *a = p->a;
	const struct architecture_keyword **sorted, *worst = NULL;

	sorted = memory_array(a->count, sizeof(*sorted), p->err);
	if (!sorted)
		return false;
	for (size_t i = 0; i < a->count; i++)
		sorted[i] = &a->keywords[i];
	qsort(sorted, a->count, sizeof(*sorted), by_name);
	for (size_t i = 1; i < a->count; i++)
		if (sorted[i]->name_len == sorted[i - 1]->name_len &&
		    memcmp(sorted[i]->name, sorted[i - 1]->name,
			   sorted[i]->name_len) == 0 &&
		    (!worst || sorted[i]->name < worst->name))
			worst = sorted[i];
	free(sorted);
	if (worst)
		return fault(p, (size_t)(worst->name - p->text),
			     "a keyword that stood before");
	return true;
}

static bool parse(struct parse *p)
{
	const char *nul;

	if (p->len == 0)
		return fault(p, 0, "the text is empty");
	nul = memchr(p->text, '\0', p->len);
	if (nul)
		return fault(p, (size_t)(nul - p->text), "a NUL");
	if (!class_name(p))
		return false;
	if (peek(p) == '(' && !arguments(p))
		return false;
	return check_end(p) && check_keywords(p);
}

/* The code point whose last byte is text[len - 1]; *n its bytes. */
static uint32_t last_character(const char *text, size_t len, size_t *n)
{
	uint32_t code = 0;
	unsigned char byte;

	for (*n = 1; *n < len && *n < 4; ++*n)
		if (((unsigned char)text[len - *n] & 0xc0) != 0x80)
			break;
	byte = (unsigned char)text[len - *n];
	if (byte < 0x80)
		return byte;
	code = *n == 2 ? byte & 0x1f : *n == 3 ? byte & 0x0f : byte & 0x07;
	for (size_t i = *n - 1; i > 0; i--)
		code = code << 6 | ((unsigned char)text[len - i] & 0x3f);
	return code;
}

/* The bytes of the character at the start of text. */
static size_t first_length(const char *text, size_t len)
{
	size_t n = 1;

	while (n < len && n < 4 && ((unsigned char)text[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* str.isspace() of Python 3.11. */
static bool is_space(uint32_t c)
{
	return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) ||
	       c == 0x85 || c == 0xa0 || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
	       c == 0x202f || c == 0x205f || c == 0x3000;
}

void architecture_strip(const char **text, size_t *len)
{
	size_t n;

	while (*len > 0 && is_space(last_character(*text, *len, &n)))
		*len -= n;
	while (*len > 0) {
		size_t first = first_length(*text, *len);

		if (!is_space(last_character(*text, first, &n)))
			break;
		*text += first;
		*len -= first;
	}
}

bool architecture_parse(struct architecture *a, const char *text, size_t len,
			struct error *err)
{
	struct parse p = { .whole = text, .text = text, .len = len, .a = a,
			   .err = err };
	size_t valid;

	*a = (struct architecture){ 0 };
	if (len > ARCHITECTURE_LIMIT)
		return error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
				 "architecture: %zu bytes, over the limit of "
				 "%u", len, ARCHITECTURE_LIMIT);
	valid = text_utf8_span(text, len);
	if (valid < len)
		return fault(&p, valid, "not UTF-8");
	architecture_strip(&p.text, &p.len);
	a->text = p.text;
	a->len = p.len;
	if (parse(&p))
		return true;
	architecture_free(a);
	return false;
}

void architecture_free(struct architecture *a)
{
	free(a->keywords);
	*a = (struct architecture){ 0 };
}

const struct architecture_keyword *
architecture_find(const struct architecture *a, const char *name)
{
	for (size_t i = 0; i < a->count; i++)
		if (name_is(a->keywords[i].name, a->keywords[i].name_len,
			    name))
			return &a->keywords[i];
	return NULL;
}
