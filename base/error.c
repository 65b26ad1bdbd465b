/* error.c - record, locate and print one fault */
#include "base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/text.h"

static const char *const kind_names[] = {
	[ERROR_NONE] = "none",
	[ERROR_IO] = "io",
	[ERROR_MEMORY] = "memory",
	[ERROR_TRUNCATED] = "truncated",
	[ERROR_CORRUPT] = "corrupt",
	[ERROR_UNSAFE] = "unsafe",
	[ERROR_UNSUPPORTED] = "unsupported",
	[ERROR_LIMIT] = "limit",
	[ERROR_PYTHON] = "python",
	[ERROR_USAGE] = "usage",
	[ERROR_DIFFERENT] = "different",
	[ERROR_INTERRUPTED] = "interrupted",
};

const char *error_kind_name(enum error_kind kind)
{
	return kind_names[kind];
}

bool error_set(struct error *err, enum error_kind kind, uint64_t offset,
	       const char *fmt, ...)
{
	va_list args;

	if (err->kind != ERROR_NONE)
		return false;
	err->kind = kind;
	err->offset = offset;
	va_start(args, fmt);
	vsnprintf(err->reason, sizeof(err->reason), fmt, args);
	va_end(args);
	return false;
}

bool error_set_errno(struct error *err, const char *fmt, ...)
{
	int code = errno;
	size_t used;
	va_list args;

	if (err->kind != ERROR_NONE)
		return false;
	err->kind = ERROR_IO;
	err->offset = ERROR_NO_OFFSET;
	va_start(args, fmt);
	vsnprintf(err->reason, sizeof(err->reason), fmt, args);
	va_end(args);
	used = strlen(err->reason);
	snprintf(err->reason + used, sizeof(err->reason) - used, ": %s",
		 strerror(code));
	return false;
}

bool error_set_memory(struct error *err, size_t nbytes)
{
	return error_set(err, ERROR_MEMORY, ERROR_NO_OFFSET,
			 "out of memory: %zu bytes were asked for", nbytes);
}

/* Keep the end of a long name: the file name matters more than its folders. */
static void copy_end(char *dest, size_t size, const char *name)
{
	size_t len = strlen(name);

	if (dest[0] != '\0')
		return;
	if (len < size) {
		memcpy(dest, name, len + 1);
		return;
	}
	memcpy(dest, "...", 3);
	memcpy(dest + 3, name + len - (size - 4), size - 3);
}

bool error_in(struct error *err, const char *path, const char *member)
{
	if (path)
		copy_end(err->path, sizeof(err->path), path);
	if (member)
		copy_end(err->member, sizeof(err->member), member);
	return false;
}

bool error_for(struct error *err, const char *path)
{
	char named[sizeof(err->path)], other[sizeof(err->path)] = "";
	size_t len = strlen(err->reason), used;
	size_t room = sizeof(err->reason) - len;

	memcpy(named, err->path, sizeof(named));
	err->path[0] = '\0';
	copy_end(err->path, sizeof(err->path), path);
	if (named[0] == '\0' || strcmp(named, err->path) == 0 || room < 8)
		return false;
	copy_end(other, room - 2, named);
	used = strlen(other);
	memmove(err->reason + used + 2, err->reason, len + 1);
	memcpy(err->reason, other, used);
	memcpy(err->reason + used, ": ", 2);
	return false;
}

void error_format_reason(const struct error *err, char *buf, size_t len)
{
	char text[sizeof(err->member) + sizeof(err->reason) + 64];
	char offset[40] = "";

	if (err->offset != ERROR_NO_OFFSET)
		snprintf(offset, sizeof(offset), "offset %" PRIu64 ": ",
			 err->offset);
	snprintf(text, sizeof(text), "%s%s%s%s", err->member,
		 err->member[0] ? ": " : "", offset, err->reason);
	text_escape(buf, len, text, strlen(text));
}

void error_format(const struct error *err, char *buf, size_t len)
{
	size_t used;

	if (len == 0)
		return;
	text_escape(buf, len, err->path, strlen(err->path));
	used = strlen(buf);
	if (used > 0 && used + 2 < len) {
		memcpy(buf + used, ": ", 3);
		used += 2;
	}
	error_format_reason(err, buf + used, len - used);
}

void error_print(FILE *stream, const char *program, const struct error *err)
{
	char line[4 * sizeof(struct error)];

	error_format(err, line, sizeof(line));
	fprintf(stream, "%s: %s\n", program, line);
}
