/* report_text.c - words and escapes for reports */
#include "validate/report_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

static const char *const verdict_words[] = {
	[VERDICT_NONE] = "not begun",
	[VERDICT_OK] = "ok",
	[VERDICT_BAD] = "bad",
	[VERDICT_SKIPPED] = "skipped",
};

const char *report_severity(const struct finding *f)
{
	return rules_severity_name(f ? f->severity : SEVERITY_ERROR);
}

const char *report_verdict_word(enum verdict verdict)
{
	return verdict_words[verdict];
}

size_t report_count(const struct result *result, enum severity severity)
{
	size_t count = 0;

	for (size_t i = 0; i < result->count; i++)
		count += result->findings[i].severity == severity;
	return count;
}

const char *report_reason(const struct finding *f,
			  char buf[REPORT_REASON_SIZE])
{
	char offset[40] = "";

	if (!f)
		return "out of memory";
	if (f->offset != ERROR_NO_OFFSET)
		snprintf(offset, sizeof(offset), "offset %" PRIu64 ": ",
			 f->offset);
	snprintf(buf, REPORT_REASON_SIZE, "%s%s%s%s",
		 f->member ? f->member : "", f->member ? ": " : "", offset,
		 f->reason);
	return buf;
}

char *report_file_of(const struct candidate *c, const struct finding *f,
		     struct error *err)
{
	const char *path = c->path;

	while (path[0] == '.' && path[1] == '/' && path[2] != '\0')
		path += 2;
	if (c->folder && f && f->member)
		return file_join(strcmp(path, ".") == 0 ? NULL : path,
				 f->member, err);
	return file_join(NULL, path, err);
}

void report_print(struct report_text *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	buffer_vprint(&t->bytes, &t->fault, fmt, args);
	va_end(args);
}

void report_put(struct report_text *t, const char *text, size_t len)
{
	buffer_append(&t->bytes, text, len, &t->fault);
}

/* malloc'ed, or NULL; *len is its length. */
static char *escape(struct report_text *t, const char *text, size_t *len)
{
	size_t given = strlen(text), size = 4 * given + 4;
	char *copy = memory_array(size, 1, &t->fault);

	if (copy)
		*len = text_escape(copy, size, text, given);
	return copy;
}

void report_escaped(struct report_text *t, const char *text)
{
	size_t len = 0;
	char *copy = escape(t, text, &len);

	if (copy)
		report_put(t, copy, len);
	free(copy);
}

/* What stands for the character at p, and how many bytes it has; or NULL. */
static const char *reference(const char *p, size_t left, size_t *n)
{
	static const struct {
		const char *character, *reference;
	} rows[] = {
		{ "&", "&amp;" }, { "<", "&lt;" }, { ">", "&gt;" },
		{ "\"", "&quot;" }, { "'", "&#39;" },
		{ "\xef\xbf\xbe", "\xef\xbf\xbd" },
		{ "\xef\xbf\xbf", "\xef\xbf\xbd" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		*n = strlen(rows[i].character);
		if (*n <= left && memcmp(p, rows[i].character, *n) == 0)
			return rows[i].reference;
	}
	*n = 1;
	return NULL;
}

void report_markup(struct report_text *t, const char *text)
{
	size_t len = 0, n;
	char *copy = escape(t, text, &len);

	for (size_t i = 0; copy && i < len; i += n) {
		const char *to = reference(copy + i, len - i, &n);

		report_put(t, to ? to : copy + i, to ? strlen(to) : n);
	}
	free(copy);
}

void report_headline(struct report_text *t, const struct totals *totals)
{
	size_t all = totals->ok + totals->bad;

	if (totals->bad > 0)
		report_print(t, "%zu of %zu bundles %s bad", totals->bad, all,
			     totals->bad == 1 ? "is" : "are");
	else if (all == 1)
		report_print(t, "the bundle is sound");
	else
		report_print(t, "all %zu bundles are sound", all);
}

void report_move(struct report_text *t, struct report_text *other)
{
	report_put(t, other->bytes.data, other->bytes.len);
	if (t->fault.kind == ERROR_NONE)
		t->fault = other->fault;
	buffer_free(&other->bytes);
	other->fault = (struct error){ 0 };
}
