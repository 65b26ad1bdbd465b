/* answer.c - text that grows, with one sticky failure */
#include "inspect/answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

void answer_print(struct answer *a, const char *fmt, ...)
{
	char line[1024];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(line))
		len = sizeof(line) - 1;
	buffer_append(&a->text, line, (size_t)len, &a->fault);
}

/* text_escape() into memory of its own; NULL and a->fault if there is none. */
static char *escape(struct answer *a, const char *text, size_t len,
		    size_t *escaped)
{
	/* The longest escape, \uNNNN, stands for three bytes. */
	size_t size = 4 * len + 1;
	char *copy = memory_array(size, 1, &a->fault);

	if (copy)
		*escaped = text_escape(copy, size, text, len);
	return copy;
}

void answer_escape(struct answer *a, const char *text, size_t len)
{
	answer_escape_padded(a, text, len, 0);
}

void answer_escape_padded(struct answer *a, const char *text, size_t len,
			  size_t columns)
{
	size_t escaped = 0, used;
	char *copy = escape(a, text, len, &escaped);

	if (!copy)
		return;
	buffer_append(&a->text, copy, escaped, &a->fault);
	used = text_columns(copy, escaped);
	free(copy);
	for (; used < columns; used++)
		buffer_append(&a->text, " ", 1, &a->fault);
}

void answer_spell(struct answer *a, const char *text, size_t len)
{
	while (len > 0) {
		const char *slash = memchr(text, '\\', len);
		size_t n = slash ? (size_t)(slash - text) : len;

		answer_escape(a, text, n);
		if (slash)
			buffer_append(&a->text, "\\", 1, &a->fault);
		n += slash != NULL;
		text += n;
		len -= n;
	}
}

size_t answer_columns(struct answer *a, const char *text, size_t len)
{
	size_t escaped = 0, columns = 0;
	char *copy = escape(a, text, len, &escaped);

	if (copy)
		columns = text_columns(copy, escaped);
	free(copy);
	return columns;
}

void answer_remark(struct answer *a, const struct error *fault)
{
	char line[4 * sizeof(*fault)];

	error_format(fault, line, sizeof(line));
	buffer_append(&a->remarks, line, strlen(line), &a->fault);
	buffer_append(&a->remarks, "\n", 1, &a->fault);
}

struct json_writer answer_json(struct answer *a)
{
	return (struct json_writer){ .out = &a->text, .err = &a->fault };
}

bool answer_is_whole(const struct answer *a, struct error *err)
{
	if (a->fault.kind == ERROR_NONE)
		return true;
	*err = a->fault;
	return false;
}

void answer_free(struct answer *a)
{
	buffer_free(&a->text);
	buffer_free(&a->remarks);
	*a = (struct answer){ 0 };
}
