/* zip_names.c - safe names, unique names, look-up by name */
#include "formats/zip_names.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { NAME_LIMIT = 1024 };

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool check_components(const char *name, size_t len, uint64_t offset,
			     struct error *err)
{
	size_t start = 0;

	for (size_t i = 0; i <= len; i++) {
		size_t n = i - start;

		if (i < len && name[i] != '/')
			continue;
		if (n == 0 && i < len)
			return error_set(err, ERROR_UNSAFE, offset,
					 "member name with an empty folder");
		if ((n == 1 && name[start] == '.') ||
		    (n == 2 && name[start] == '.' && name[start + 1] == '.'))
			return error_set(err, ERROR_UNSAFE, offset,
					 "member name with the component "
					 "\"%.*s\"", (int)n, name + start);
		start = i + 1;
	}
	return true;
}

bool zip_check_name(const char *name, size_t len, bool utf8_flag,
		    uint64_t offset, struct error *err)
{
	if (len == 0 || len > NAME_LIMIT)
		return error_set(err, ERROR_UNSAFE, offset,
				 "member name of %zu bytes, 1 to %d are "
				 "allowed", len, NAME_LIMIT);
	if (!text_is_utf8(name, len))
		return error_set(err, ERROR_UNSAFE, offset,
				 "member name is not UTF-8");
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)name[i];

		if (c < 0x20 || c == 0x7f || c == '\\')
			return error_set(err, ERROR_UNSAFE, offset,
					 "member name holds byte 0x%02x", c);
		if (c >= 0x80 && !utf8_flag)
			return error_set(err, ERROR_UNSAFE, offset,
					 "member name has bytes above 0x7f and "
					 "does not say that it is UTF-8");
	}
	if (name[0] == '/')
		return error_set(err, ERROR_UNSAFE, offset,
				 "member name is an absolute path");
	/* Without a slash behind it, it is a run of one letter: "r:v1/". */
	if (len >= 3 && name[1] == ':' && name[2] == '/' && is_letter(name[0]))
		return error_set(err, ERROR_UNSAFE, offset,
				 "member name starts with a drive letter");
	return check_components(name, len, offset, err);
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static int by_folded_name(const void *a, const void *b)
{
	const char *x = (*(const struct zip_member *const *)a)->name;
	const char *y = (*(const struct zip_member *const *)b)->name;

	while (*x && (*x == *y || lower(*x) == lower(*y))) {
		x++;
		y++;
	}
	return (unsigned char)lower(*x) - (unsigned char)lower(*y);
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct zip_member *const *)a)->name,
		      (*(const struct zip_member *const *)b)->name);
}

bool zip_index_names(struct zip *zip, struct error *err)
{
	zip->by_name = arena_array(&zip->arena, zip->count,
				   sizeof(*zip->by_name), err);
	if (!zip->by_name)
		return false;
	for (size_t i = 0; i < zip->count; i++)
		zip->by_name[i] = &zip->members[i];
	qsort(zip->by_name, zip->count, sizeof(*zip->by_name), by_folded_name);
	for (size_t i = 1; i < zip->count; i++) {
		const struct zip_member *m = zip->by_name[i];

		if (by_folded_name(&zip->by_name[i - 1], &m) != 0)
			continue;
		error_set(err, ERROR_UNSAFE, m->header,
			  "two members have this name, or names that differ "
			  "only in case");
		return error_in(err, NULL, m->name);
	}
	qsort(zip->by_name, zip->count, sizeof(*zip->by_name), by_name);
	return true;
}

const struct zip_member *zip_find_member(const struct zip *zip,
					 const char *name, size_t name_len)
{
	size_t low = 0, high = zip->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct zip_member *m = zip->by_name[mid];
		size_t shorter = m->name_len < name_len ? m->name_len
							: name_len;
		int order = memcmp(m->name, name, shorter);

		if (order == 0 && m->name_len == name_len)
			return m->folder ? NULL : m;
		if (order < 0 || (order == 0 && m->name_len < name_len))
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}
