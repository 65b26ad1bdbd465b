/* report_github.c - annotations: commands to the runner of GitHub Actions */
#include "validate/report_form.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

/*
 * The runner shows so many of a step for each level and drops the others
 * without a word.  The last notice says how many there were.
 */
enum { SHOWN = 10, SUMMARY_BYTES = 1 << 20 };

static const char *const commands[SEVERITY_NOTE + 1] = {
	[SEVERITY_ERROR] = "error",
	[SEVERITY_WARNING] = "warning",
	[SEVERITY_NOTE] = "notice",
};

struct counts {
	size_t found[SEVERITY_NOTE + 1];
};

static const size_t limits[SEVERITY_NOTE + 1] = { SHOWN, SHOWN, SHOWN - 1 };

static void begin(struct report_output *o)
{
	o->state = memory_array(1, sizeof(struct counts), &o->text.fault);
}

/* Is this what ends a message, a property, or all of the command? */
static bool is_special(char c, bool property)
{
	return c == '%' || c == '\r' || c == '\n' ||
	       (property && (c == ':' || c == ','));
}

/* The runner undoes %XX; what a terminal minds becomes U+FFFD. */
static void put_value(struct report_text *t, const char *text, bool property)
{
	size_t len = strlen(text), n;

	for (size_t i = 0; i < len; i += n) {
		n = text_character(text + i, len - i);
		if (is_special(text[i], property))
			report_print(t, "%%%02X", (unsigned char)text[i]);
		else if (n == 0 || text_is_control(text + i, n))
			report_print(t, "\xef\xbf\xbd");
		else
			report_put(t, text + i, n);
		n = n ? n : 1;
	}
}

/* The runner knows files by their place in the repository. */
static const char *in_workspace(const char *path)
{
	const char *workspace = getenv("GITHUB_WORKSPACE");
	size_t len = workspace ? strlen(workspace) : 0;

	if (len > 0 && strncmp(path, workspace, len) == 0 && path[len] == '/')
		return path + len + 1;
	return path;
}

static void put_command(struct report_output *o, const struct candidate *c,
			const struct finding *f)
{
	enum severity severity = f ? f->severity : SEVERITY_ERROR;
	struct counts *counts = o->state;
	struct report_text *t = &o->text;
	char reason[REPORT_REASON_SIZE], *path;

	if (counts->found[severity]++ >= limits[severity])
		return;
	path = report_file_of(c, f, &t->fault);
	report_print(t, "::%s file=", commands[severity]);
	put_value(t, path ? in_workspace(path) : "", true);
	report_print(t, ",line=1,title=mpt-validate %s::",
		     f ? f->rule->id : "");
	put_value(t, c->path, false);
	report_print(t, ": ");
	put_value(t, report_reason(f, reason), false);
	report_print(t, "\n");
	free(path);
}

/* Nearly all bundles have notes: among annotations they would hide the rest. */
static bool is_wanted(const struct report_output *o, enum severity severity)
{
	return severity == SEVERITY_ERROR || o->verbose ||
	       (severity == SEVERITY_WARNING && !o->quiet);
}

static void bundle(struct report_output *o, const struct candidate *c,
		   const struct result *result)
{
	for (size_t i = 0; i < result->count; i++)
		if (is_wanted(o, result->findings[i].severity))
			put_command(o, c, &result->findings[i]);
	if (result->verdict == VERDICT_BAD && result->count == 0)
		put_command(o, c, NULL);
}

static void end(struct report_output *o, const struct totals *totals)
{
	const struct counts *counts = o->state;
	size_t more[SEVERITY_NOTE + 1], any = 0;

	(void)totals;
	for (size_t i = 0; i <= SEVERITY_NOTE; i++) {
		more[i] = counts->found[i] > limits[i] ?
			  counts->found[i] - limits[i] : 0;
		any |= more[i];
	}
	if (any)
		report_print(&o->text, "::notice title=mpt-validate::%zu "
			     "errors, %zu warnings and %zu notes more are "
			     "not shown here\n", more[SEVERITY_ERROR],
			     more[SEVERITY_WARNING], more[SEVERITY_NOTE]);
}

static void free_counts(struct report_output *o)
{
	free(o->state);
}

const struct report_form report_github = {
	.name = "github", .lines = true,
	.companion = &report_markdown,
	.companion_variable = "GITHUB_STEP_SUMMARY",
	.companion_limit = SUMMARY_BYTES,
	.begin = begin, .bundle = bundle, .end = end, .free = free_counts,
};
