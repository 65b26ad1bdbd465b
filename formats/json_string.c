/* json_string.c - escapes of JSON strings (RFC 8259, 7) */
#include "formats/json_string.h"

#include <stdint.h>
#include <string.h>

struct cut {
	struct buffer *out;
	const char *text;
	size_t len, pos;
	const char *reason;
	struct error *err;
};

static bool fault(struct cut *c, size_t pos, const char *reason)
{
	c->pos = pos;
	c->reason = reason;
	return false;
}

static bool hex4(struct cut *c, uint32_t *value)
{
	*value = 0;
	for (int i = 0; i < 4; i++) {
		char digit = c->pos < c->len ? c->text[c->pos] : '\0';

		if (digit >= '0' && digit <= '9')
			*value = *value << 4 | (uint32_t)(digit - '0');
		else if (digit >= 'a' && digit <= 'f')
			*value = *value << 4 | (uint32_t)(digit - 'a' + 10);
		else if (digit >= 'A' && digit <= 'F')
			*value = *value << 4 | (uint32_t)(digit - 'A' + 10);
		else
			return fault(c, c->pos,
				     "\\u must be followed by four hex digits");
		c->pos++;
	}
	return true;
}

static bool append_utf8(struct cut *c, uint32_t code)
{
	/* First byte and bits left by the number of bytes that follow. */
	static const uint8_t marks[] = { 0x00, 0xc0, 0xe0, 0xf0 };
	unsigned more = code < 0x80 ? 0 : code < 0x800 ? 1 :
			code < 0x10000 ? 2 : 3;
	char out[4];

	out[0] = (char)(marks[more] | (uint8_t)(code >> 6 * more));
	for (unsigned i = 1; i <= more; i++)
		out[i] = (char)(0x80 | (code >> 6 * (more - i) & 0x3f));
	return buffer_append(c->out, out, more + 1, c->err);
}

/* Behind "\u": one code unit, or the two of a surrogate pair. */
static bool unicode_escape(struct cut *c)
{
	static const char lone[] = "a surrogate without its partner";
	size_t start = c->pos - 2;
	uint32_t high, low;

	if (!hex4(c, &high))
		return false;
	if (high < 0xd800 || high > 0xdfff)
		return append_utf8(c, high);
	if (high > 0xdbff || c->len - c->pos < 2 ||
	    memcmp(c->text + c->pos, "\\u", 2) != 0)
		return fault(c, start, lone);
	c->pos += 2;
	if (!hex4(c, &low))
		return false;
	if (low < 0xdc00 || low > 0xdfff)
		return fault(c, start, lone);
	return append_utf8(c, 0x10000 + ((high - 0xd800) << 10) +
			      (low - 0xdc00));
}

static bool escape(struct cut *c)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char values[] = "\"\\/\b\f\n\r\t";
	char letter = c->pos < c->len ? c->text[c->pos] : '\0';
	const char *found;

	if (c->pos >= c->len)
		return fault(c, c->pos, "the text ends inside a string");
	c->pos++;
	if (letter == 'u')
		return unicode_escape(c);
	found = letter ? strchr(letters, letter) : NULL;
	if (!found)
		return fault(c, c->pos - 1, "an unknown escape in a string");
	return buffer_append(c->out, values + (found - letters), 1, c->err);
}

static bool is_plain(char byte)
{
	return byte != '"' && byte != '\\' && (unsigned char)byte >= 0x20;
}

static bool cut_string(struct cut *c)
{
	for (;;) {
		size_t start = c->pos;

		while (c->pos < c->len && is_plain(c->text[c->pos]))
			c->pos++;
		if (!buffer_append(c->out, c->text + start, c->pos - start,
				   c->err))
			return false;
		if (c->pos >= c->len)
			return fault(c, c->pos,
				     "the text ends inside a string");
		if (c->text[c->pos] == '"') {
			c->pos++;
			return true;
		}
		if (c->text[c->pos] != '\\')
			return fault(c, c->pos, "a control byte in a string");
		c->pos++;
		if (!escape(c))
			return false;
	}
}

bool json_string_read(struct buffer *out, const char *text, size_t len,
		      size_t *pos, const char **reason, struct error *err)
{
	struct cut c = { .out = out, .text = text, .len = len, .pos = *pos,
			 .err = err };
	bool ok = cut_string(&c);

	*pos = c.pos;
	*reason = c.reason;
	return ok;
}
