/* text.c - UTF-8 and escapes */
#include "base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* RFC 3629, section 4. */
size_t text_character(const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *)text;
	uint8_t low = 0x80, high = 0xbf;
	size_t n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (n > len)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;	/* shorter forms exist */
	else if (p[0] == 0xed)
		high = 0x9f;	/* surrogates */
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;	/* above U+10FFFF */
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return n;
}

/* Most text is ASCII, and that is seen eight bytes at a time. */
static size_t ascii_span(const char *text, size_t len)
{
	size_t pos = 0;
	uint64_t eight;

	for (; len - pos >= sizeof(eight); pos += sizeof(eight)) {
		memcpy(&eight, text + pos, sizeof(eight));
		if (eight & UINT64_C(0x8080808080808080))
			break;
	}
	return pos;
}

size_t text_utf8_span(const char *text, size_t len)
{
	size_t pos = ascii_span(text, len), n;

	while (pos < len && (n = text_character(text + pos, len - pos)) > 0)
		pos += n;
	return pos;
}

bool text_is_utf8(const char *text, size_t len)
{
	return text_utf8_span(text, len) == len;
}

bool text_ends_in(const char *text, const char *suffix)
{
	size_t len = strlen(text), n = strlen(suffix);

	return len >= n && strcmp(text + len - n, suffix) == 0;
}

bool text_is_line_separator(const char *character, size_t len)
{
	return len == 3 && (memcmp(character, "\xe2\x80\xa8", 3) == 0 ||
			    memcmp(character, "\xe2\x80\xa9", 3) == 0);
}

/* Of a character of 2 or 3 bytes; others have nothing to hide here: 0. */
static unsigned code_of(const char *character, size_t len)
{
	const uint8_t *p = (const uint8_t *)character;

	if (len == 2)
		return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
	return len == 3 ? (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 |
			  (p[2] & 0x3fu) : 0;
}

/* Of the Unicode Bidirectional Algorithm: text behind it may run backwards. */
static bool turns_direction(unsigned code)
{
	return code == 0x61c || code == 0x200e || code == 0x200f ||
	       (code >= 0x202a && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069);
}

bool text_is_control(const char *character, size_t len)
{
	uint8_t first = (uint8_t)character[0];

	if (len == 1)
		return first < 0x20 || first == 0x7f;
	return (len == 2 && first == 0xc2 && (uint8_t)character[1] < 0xa0) ||
	       text_is_line_separator(character, len) ||
	       turns_direction(code_of(character, len));
}

/* Of the character that starts here; 0 inside one. */
static size_t columns_of(const char *text, size_t left)
{
	uint8_t first = (uint8_t)text[0];
	bool wide = first > 0xe1 ||	/* above U+1FFF */
		    (first == 0xe1 && left > 1 && (uint8_t)text[1] >= 0x84);

	return first >= 0x80 && first < 0xc0 ? 0 : 1 + wide;
}

size_t text_columns(const char *text, size_t len)
{
	size_t columns = 0;

	for (size_t i = 0; i < len; i++)
		columns += columns_of(text + i, len - i);
	return columns;
}

const char *text_tail(const char *text, size_t len, size_t columns)
{
	size_t whole = text_columns(text, len), i = 0, n;

	for (; i < len; i++) {
		n = columns_of(text + i, len - i);
		if (whole <= columns && n > 0)
			break;
		whole -= n;
	}
	return text + i;
}

/* One character or stray byte, escaped, to out; returns its length there. */
static size_t escape_one(char out[8], const uint8_t *p, size_t n)
{
	static const char names[] = "\n\t\r\\", letters[] = "ntr\\";
	const char *found = p[0] ? strchr(names, p[0]) : NULL;
	unsigned code = code_of((const char *)p, n);

	if (n == 1 && found)
		return (size_t)snprintf(out, 8, "\\%c",
					letters[found - names]);
	if (n == 0 || (n == 1 && (p[0] < 0x20 || p[0] == 0x7f)))
		return (size_t)snprintf(out, 8, "\\x%02x", p[0]);
	if (n == 2 && code < 0xa0)
		return (size_t)snprintf(out, 8, "\\x%02x", code);
	if (n > 1 && text_is_control((const char *)p, n))
		return (size_t)snprintf(out, 8, "\\u%04x", code & 0xffff);
	memcpy(out, p, n);
	return n;
}

size_t text_escape(char *buf, size_t size, const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t pos = 0, used = 0, cut = 0;

	if (size == 0)
		return 0;
	while (pos < len) {
		char out[8];
		size_t n = text_character(text + pos, len - pos);
		size_t wide = escape_one(out, p + pos, n);

		if (used + wide + 1 > size) {
			used = cut;
			memcpy(buf + used, "...", size > 3 ? 3 : 0);
			used += size > 3 ? 3 : 0;
			break;
		}
		memcpy(buf + used, out, wide);
		used += wide;
		if (used + 4 <= size)
			cut = used;	/* "..." still fits behind this */
		pos += n ? n : 1;
	}
	buf[used] = '\0';
	return used;
}
