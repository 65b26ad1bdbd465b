/* json_write.c - JSON text, byte by byte */
#include "formats/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const char replacement[] = "\xef\xbf\xbd";	/* U+FFFD */

/* The escape of one byte below 0x20, a quote or a backslash. */
static size_t print_escape(char out[8], unsigned char byte)
{
	static const char bytes[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	const char *found = byte ? strchr(bytes, byte) : NULL;

	if (found)
		return (size_t)snprintf(out, 8, "\\%c",
					letters[found - bytes]);
	return (size_t)snprintf(out, 8, "\\u%04x", byte);
}

static bool is_plain(unsigned char byte)
{
	return byte >= 0x20 && byte != '"' && byte != '\\';
}

bool json_append_string(struct buffer *out, const char *text, size_t len,
			struct error *err)
{
	size_t valid = text_utf8_span(text, len), pos = 0;
	char escape[8];

	if (valid < len)
		return error_set(err, ERROR_UNSUPPORTED, valid,
				 "a string that is not UTF-8");
	if (!buffer_append(out, "\"", 1, err))
		return false;
	while (pos < len) {
		size_t start = pos, n = 0;

		while (pos < len && is_plain((unsigned char)text[pos]))
			pos++;
		if (!buffer_append(out, text + start, pos - start, err))
			return false;
		if (pos < len)
			n = print_escape(escape, (unsigned char)text[pos++]);
		if (!buffer_append(out, escape, n, err))
			return false;
	}
	return buffer_append(out, "\"", 1, err);
}

static void append(struct json_writer *w, const char *text, size_t len)
{
	if (!w->failed && !buffer_append(w->out, text, len, w->err))
		w->failed = true;
}

static void append_text(struct json_writer *w, const char *text)
{
	append(w, text, strlen(text));
}

/* What stands before a value: a comma, and in an object its key. */
static void begin(struct json_writer *w, const char *key, const char *suffix)
{
	if (w->comma)
		append(w, ",", 1);
	w->comma = true;
	if (!key)
		return;
	append(w, "\"", 1);
	append_text(w, key);
	append_text(w, suffix);
	append(w, "\":", 2);
}

void json_open(struct json_writer *w, const char *key, char bracket)
{
	begin(w, key, "");
	append(w, &bracket, 1);
	w->comma = false;
}

void json_close(struct json_writer *w, char bracket)
{
	append(w, &bracket, 1);
	w->comma = true;
}

void json_put_null(struct json_writer *w, const char *key)
{
	begin(w, key, "");
	append_text(w, "null");
}

void json_put_bool(struct json_writer *w, const char *key, bool value)
{
	begin(w, key, "");
	append_text(w, value ? "true" : "false");
}

void json_put_u64(struct json_writer *w, const char *key, uint64_t value)
{
	char digits[24];

	begin(w, key, "");
	snprintf(digits, sizeof(digits), "%" PRIu64, value);
	append_text(w, digits);
}

void json_put_real(struct json_writer *w, const char *key, double value)
{
	char digits[40];
	int precision = 15;

	if (!isfinite(value)) {
		json_put_null(w, key);
		return;
	}
	do
		snprintf(digits, sizeof(digits), "%.*g", precision, value);
	while (strtod(digits, NULL) != value && precision++ < 17);
	begin(w, key, "");
	append_text(w, digits);
}

/* One character of a report's string; n is 0 for a byte that is not UTF-8. */
static void append_character(struct json_writer *w, const char *p, size_t n)
{
	unsigned char byte = (unsigned char)p[0];
	char escape[8];

	if (n == 0)
		append_text(w, replacement);
	else if (n == 1 && (!is_plain(byte) || byte == 0x7f))
		append(w, escape, print_escape(escape, byte));
	else if (n == 3 && text_is_line_separator(p, n))
		append_text(w, p[2] == '\xa8' ? "\\u2028" : "\\u2029");
	else if (n == 2 && byte == 0xc2 && (unsigned char)p[1] < 0xa0)
		append(w, escape, print_escape(escape, (unsigned char)p[1]));
	else
		append(w, p, n);
}

/* How many bytes from pos on are ASCII that stands for itself. */
static size_t plain_ascii(const char *text, size_t len, size_t pos)
{
	size_t end = pos;

	while (end < len && is_plain((unsigned char)text[end]) &&
	       (unsigned char)text[end] < 0x7f)
		end++;
	return end - pos;
}

void json_put_text(struct json_writer *w, const char *key, const char *text,
		   size_t len)
{
	size_t pos = 0, n;

	begin(w, key, "");
	append(w, "\"", 1);
	while (pos < len) {
		n = plain_ascii(text, len, pos);
		if (n > 0) {
			append(w, text + pos, n);
		} else {
			n = text_character(text + pos, len - pos);
			append_character(w, text + pos, n);
		}
		pos += n ? n : 1;
	}
	append(w, "\"", 1);
}

void json_put_string(struct json_writer *w, const char *key,
		     const char *text)
{
	json_put_text(w, key, text, strlen(text));
}

void json_put_key(struct json_writer *w, const char *key)
{
	json_put_string(w, NULL, key);
	append(w, ":", 1);
	w->comma = false;
}

void json_put_path(struct json_writer *w, const char *key, const char *path)
{
	size_t len = strlen(path);
	char hex[3];

	json_put_text(w, key, path, len);
	if (text_is_utf8(path, len))
		return;
	begin(w, key, "_hex");
	append(w, "\"", 1);
	for (size_t i = 0; i < len; i++) {
		snprintf(hex, sizeof(hex), "%02x", (unsigned char)path[i]);
		append(w, hex, 2);
	}
	append(w, "\"", 1);
}
