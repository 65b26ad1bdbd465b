/* report_markdown.c - Markdown: counts, and a list of what was found */
#include "validate/report_form.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/console.h"
#include "base/memory.h"

/* What is bad comes first, whatever the paths are, so the rest waits here. */
struct lists {
	struct report_text bad, noted;
	size_t left_out;	/* over the limit */
};

enum {
	HEAD_BYTES = 1024,	/* what is not in the lists, at most */
	LINES = 20		/* for a bundle, where there is a limit */
};

static void begin(struct report_output *o)
{
	o->state = memory_array(1, sizeof(struct lists), &o->text.fault);
}

static size_t longest_run_of_ticks(const char *text)
{
	size_t longest = 0, run;

	for (; *text; text += run + (text[run] != '\0')) {
		run = strspn(text, "`");
		longest = run > longest ? run : longest;
	}
	return longest;
}

/*
 * Hostile text is code: nothing in it is markup, a link or somebody's name.
 * The fence is longer than any in the text; blanks keep the two apart.
 */
static void put_code(struct report_text *t, const char *text)
{
	struct report_text escaped = { 0 };
	size_t ticks;

	report_escaped(&escaped, text);
	report_put(&escaped, "", 1);
	ticks = escaped.bytes.data ?
		longest_run_of_ticks(escaped.bytes.data) + 1 : 0;
	if (escaped.bytes.len > 0)
		escaped.bytes.len--;
	for (size_t i = 0; i < ticks; i++)
		report_put(t, "`", 1);
	report_put(t, " ", ticks > 1);
	report_move(t, &escaped);
	report_put(t, " ", ticks > 1);
	for (size_t i = 0; i < ticks; i++)
		report_put(t, "`", 1);
}

static void put_entry(struct report_text *t, const struct candidate *c,
		      const struct result *result, size_t most)
{
	char reason[REPORT_REASON_SIZE];
	size_t count = result->count < most ? result->count : most;

	report_print(t, "- ");
	put_code(t, c->path);
	report_print(t, "\n");
	for (size_t i = 0; i < count; i++) {
		const struct finding *f = &result->findings[i];

		report_print(t, "  - **%s** (%s): ", report_severity(f),
			     f->rule->id);
		put_code(t, report_reason(f, reason));
		report_print(t, "\n");
	}
	if (result->count > count)
		report_print(t, "  - %zu more\n", result->count - count);
	if (result->verdict == VERDICT_BAD && result->count == 0)
		report_print(t, "  - **error**: %s\n",
			     report_reason(NULL, NULL));
}

static void bundle(struct report_output *o, const struct candidate *c,
		   const struct result *result)
{
	struct lists *lists = o->state;
	struct report_text entry = { 0 };
	bool bad = result->verdict == VERDICT_BAD;

	if (!report_is_listed(o, result) || (!bad && result->count == 0))
		return;
	put_entry(&entry, c, result, o->limit > 0 ? LINES : SIZE_MAX);
	if (o->limit > 0 && HEAD_BYTES + lists->bad.bytes.len +
	    lists->noted.bytes.len + entry.bytes.len > o->limit) {
		lists->left_out++;
		entry.bytes.len = 0;
	}
	report_move(bad ? &lists->bad : &lists->noted, &entry);
}

static void put_list(struct report_text *t, const char *heading,
		     struct report_text *list)
{
	if (list->bytes.len > 0)
		report_print(t, "\n### %s\n\n", heading);
	report_move(t, list);
}

static void end(struct report_output *o, const struct totals *totals)
{
	struct lists *lists = o->state;
	struct report_text *t = &o->text;
	char nbytes[32];

	if (o->limit > 0 && o->limit < HEAD_BYTES)
		return;
	report_print(t, "## mpt-validate: ");
	report_headline(t, totals);
	report_print(t, "\n\n| ok | bad | skipped | warnings | notes | read "
		     "|\n|---:|---:|---:|---:|---:|---:|\n"
		     "| %zu | %zu | %zu | %zu | %zu | %s |\n",
		     totals->ok, totals->bad, totals->skipped,
		     totals->found[SEVERITY_WARNING],
		     totals->found[SEVERITY_NOTE],
		     console_bytes(nbytes, totals->nbytes));
	put_list(t, "Bad", &lists->bad);
	put_list(t, "Worth a look", &lists->noted);
	if (lists->left_out > 0)
		report_print(t, "\n%zu bundles more are not listed here.\n",
			     lists->left_out);
}

static void free_lists(struct report_output *o)
{
	struct lists *lists = o->state;

	if (lists) {
		buffer_free(&lists->bad.bytes);
		buffer_free(&lists->noted.bytes);
	}
	free(lists);
}

const struct report_form report_markdown = {
	.name = "markdown", .begin = begin, .bundle = bundle, .end = end,
	.free = free_lists,
};
