/* report_human.c - a group of lines a bundle, for people */
#include "validate/report_form.h"

#include <inttypes.h>

#define PLAIN "\033[0m"

static const char *const verdict_colors[] = {
	[VERDICT_NONE] = "",
	[VERDICT_OK] = "\033[32m",
	[VERDICT_BAD] = "\033[31m",
	[VERDICT_SKIPPED] = "\033[33m",
};

static const char *const severity_colors[] = {
	[SEVERITY_ERROR] = "\033[31m",
	[SEVERITY_WARNING] = "\033[33m",
	[SEVERITY_NOTE] = "\033[36m",
};

static void put_word(struct report_output *o, const char *color,
		     const char *word)
{
	report_print(&o->text, "%s%s%s", o->color ? color : "", word,
		     o->color ? PLAIN : "");
}

static void put_heading(struct report_output *o, const char *path,
			const struct result *result)
{
	struct report_text *t = &o->text;

	put_word(o, verdict_colors[result->verdict],
		 report_verdict_word(result->verdict));
	report_print(t, " ");
	report_escaped(t, path);
	if (result->verdict == VERDICT_OK)
		report_print(t, ": %zu tensors, %" PRIu64 " bytes",
			     result->tensor_count, result->nbytes);
	else if (result->verdict == VERDICT_SKIPPED)
		report_print(t, ": %s", result->skip);
	else if (result->count == 0)
		report_print(t, ": %s", report_reason(NULL, NULL));
	report_print(t, "\n");
}

static void put_finding(struct report_output *o, const struct finding *f)
{
	char reason[REPORT_REASON_SIZE];

	report_print(&o->text, "  ");
	put_word(o, severity_colors[f->severity], report_severity(f));
	report_print(&o->text, ": ");
	report_escaped(&o->text, report_reason(f, reason));
	report_print(&o->text, " [%s]\n", f->rule->id);
}

static void bundle(struct report_output *o, const struct candidate *c,
		   const struct result *result)
{
	if (!report_is_listed(o, result))
		return;
	put_heading(o, c->path, result);
	for (size_t i = 0; i < result->count; i++)
		if (!o->quiet ||
		    result->findings[i].severity == SEVERITY_ERROR)
			put_finding(o, &result->findings[i]);
}

const struct report_form report_human = {
	.name = "human", .lines = true, .bundle = bundle,
};
