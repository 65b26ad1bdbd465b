/*
 * report_form.h - what a report looks like: a table of forms
 *
 * A form turns verdicts into text of one format, and knows neither where that
 * goes nor any other form: it appends to a buffer.  It is called for the
 * bundles in the order of their paths, by one thread at a time.  What it is
 * told is borrowed for the call.  Names and reasons are hostile text; each form
 * escapes them for its format (validate/report_text.h).
 *
 * Only memory can fail, and is sticky: a form may go on and look at nothing.
 */
#ifndef VALIDATE_REPORT_FORM_H
#define VALIDATE_REPORT_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "validate/find.h"
#include "validate/report_text.h"
#include "validate/rules.h"

/* Where a form puts its text. */
struct report_output {
	const struct report_form *form;
	bool color, quiet, verbose;	/* for people */
	size_t limit;		/* bytes the text may have, or 0 */
	struct report_text text;	/* emptied when it is written */
	size_t count;		/* of the bundles before this one */
	void *state;		/* the form's own, or NULL */
};

struct report_form {
	const char *name;
	/* What it says of a bundle stands alone, and is wanted at once. */
	bool lines;
	/* It wants to know what the tensors are like: result->statistics. */
	bool statistics;
	/* A second form, for the file that an environment variable names. */
	const struct report_form *companion;
	const char *companion_variable;
	size_t companion_limit;	/* of that file */

	/* Each but bundle may be NULL. */
	void (*begin)(struct report_output *o);
	void (*bundle)(struct report_output *o, const struct candidate *c,
		       const struct result *result);
	void (*end)(struct report_output *o, const struct totals *totals);
	void (*free)(struct report_output *o);	/* the state */
};

/*
 * Is a bundle to be listed for people?  If it is bad or has warnings; notes
 * alone, and what was skipped, only if they want it verbose.
 */
bool report_is_listed(const struct report_output *o,
		      const struct result *result);

/* The forms, in the order of the words of --format; NULL: no more. */
const struct report_form *report_form_at(size_t index);

/* Take "FORMAT=FILE" apart; NULL if there is no such form, or no file. */
const struct report_form *report_form_of(const char *value, const char **file);

extern const struct report_form report_human, report_json, report_jsonl,
	report_junit, report_sarif, report_github, report_markdown,
	report_html;

#endif
