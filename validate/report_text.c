/* report_text.c - words and escapes for reports */
#include "validate/report_text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const char *const level_words[] = {
	[REPORT_ERROR] = "error",
	[REPORT_WARNING] = "warning",
	[REPORT_NOTE] = "note",
};

static const char *const verdict_words[] = {
	[VERDICT_NONE] = "not begun",
	[VERDICT_OK] = "ok",
	[VERDICT_BAD] = "bad",
	[VERDICT_SKIPPED] = "skipped",
};

static enum report_level level_of(const struct rule *rule)
{
	if (rule->severity == SEVERITY_ERROR)
		return REPORT_ERROR;
	return rule->severity == SEVERITY_NOTE ? REPORT_NOTE : REPORT_WARNING;
}

enum report_level report_level(const struct finding *f)
{
	return rules_is_error(f) ? REPORT_ERROR : level_of(f->rule);
}

const char *report_level_word(const struct finding *f)
{
	return level_words[report_level(f)];
}

const char *report_rule_level(const struct rule *rule)
{
	return level_words[level_of(rule)];
}

const char *report_verdict_word(enum verdict verdict)
{
	return verdict_words[verdict];
}

size_t report_count_level(const struct result *result,
			  enum report_level level)
{
	size_t count = 0;

	for (size_t i = 0; i < result->count; i++)
		count += report_level(&result->findings[i]) == level;
	return count;
}

const char *report_reason(const struct finding *f,
			  char buf[REPORT_REASON_SIZE])
{
	struct error error = rules_error(f);

	error_format_reason(&error, buf, REPORT_REASON_SIZE);
	return buf;
}

void report_print(struct report_output *o, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	buffer_vprint(&o->text, &o->fault, fmt, args);
	va_end(args);
}

void report_put(struct report_output *o, const char *text, size_t len)
{
	buffer_append(&o->text, text, len, &o->fault);
}

void report_escaped(struct report_output *o, const char *text)
{
	size_t len = strlen(text), size = 4 * len + 4;
	char *copy = memory_array(size, 1, &o->fault);

	if (copy)
		report_put(o, copy, text_escape(copy, size, text, len));
	free(copy);
}
