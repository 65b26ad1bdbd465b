/* percent.c - decode and encode parts of URIs */
#include "remote/percent.h"

#include <string.h>

static const char digits[] = "0123456789ABCDEF", lower[] = "abcdef";

static int hex_value(const char *p, const char *end)
{
	const char *found;

	if (p >= end || *p == '\0')
		return -1;
	found = strchr(digits, *p);
	if (found)
		return (int)(found - digits);
	found = strchr(lower, *p);
	return found ? (int)(found - lower) + 10 : -1;
}

bool percent_check(const char *text, size_t len, size_t offset,
		   struct error *err)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return error_set(err, ERROR_CORRUPT, offset + i,
					 "a control character in a URI");
		if (text[i] == '?' || text[i] == '#')
			return error_set(err, ERROR_CORRUPT, offset + i,
					 "a query or a fragment begins here, "
					 "which means nothing for a checkpoint;"
					 " in a path it is written %s",
					 text[i] == '?' ? "%3F" : "%23");
	}
	return true;
}

bool percent_decode(char **decoded, const char *text, size_t len,
		    size_t offset, struct error *err)
{
	size_t used = 0;

	*decoded = memory_array(len + 1, 1, err);
	if (!*decoded || !percent_check(text, len, offset, err))
		return false;
	for (size_t i = 0; i < len; i++) {
		int high, low;

		if (text[i] != '%') {
			(*decoded)[used++] = text[i];
			continue;
		}
		high = hex_value(text + i + 1, text + len);
		low = hex_value(text + i + 2, text + len);
		if (high < 0 || low < 0)
			return error_set(err, ERROR_CORRUPT, offset + i,
					 "a %% without two hex digits behind "
					 "it; it is written %%25 itself");
		if (high == 0 && low == 0)
			return error_set(err, ERROR_UNSAFE, offset + i,
					 "%%00: no name holds a NUL");
		(*decoded)[used++] = (char)(high << 4 | low);
		i += 2;
	}
	(*decoded)[used] = '\0';
	return true;
}

static bool stays(char c, const char *marks)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || strchr(marks, c);
}

static bool encode(struct buffer *out, const char *text, const char *marks,
		   struct error *err)
{
	for (const char *p = text; *p; p++) {
		unsigned byte = (unsigned char)*p;
		char encoded[3] = { '%', digits[byte >> 4], digits[byte & 15] };
		bool plain = stays(*p, marks);

		if (!buffer_append(out, plain ? p : encoded, plain ? 1 : 3,
				   err))
			return false;
	}
	return true;
}

bool percent_encode(struct buffer *out, const char *text, struct error *err)
{
	return encode(out, text, "-._~/", err);
}

bool percent_encode_value(struct buffer *out, const char *text,
			  struct error *err)
{
	return encode(out, text, "-._~", err);
}
