/* report_junit.c - JUnit XML: a test case a bundle */
#include "validate/report_form.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "formats/bundle.h"

/*
 * The numbers stand in front of the test cases, so these wait here.  There is
 * no standard, only what Jenkins and others read: attributes and elements
 * beyond that are left out.
 */
struct cases {
	struct report_text text;
	size_t tests, failures, errors, skipped;
};

static void begin(struct report_output *o)
{
	o->state = memory_array(1, sizeof(struct cases), &o->text.fault);
}

/* Tools group by it: the run, or else the folder. */
static void put_class(struct report_text *t, const struct candidate *c)
{
	const char *base = file_base_name(c->path), *from = c->path;
	size_t len = base > c->path ? (size_t)(base - c->path - 1) : 0;
	struct bundle_name name;
	struct error ignored = { 0 };
	char *text;

	if (bundle_parse_name(&name, c->name, c->folder, &ignored) &&
	    name.has_epoch) {
		from = name.run;
		len = name.run_len;
	}
	text = memory_copy(from, len, &t->fault);
	if (text)
		report_markup(t, len > 0 ? text : ".");
	free(text);
}

static void put_findings(struct report_text *t, const struct result *result,
			 bool errors)
{
	char reason[REPORT_REASON_SIZE];

	for (size_t i = 0; i < result->count; i++) {
		const struct finding *f = &result->findings[i];

		if ((f->severity == SEVERITY_ERROR) != errors)
			continue;
		report_print(t, "%s: ", report_severity(f));
		report_markup(t, report_reason(f, reason));
		report_print(t, " [%s]\n", f->rule->id);
	}
}

static const struct finding *first_error(const struct result *result)
{
	for (size_t i = 0; i < result->count; i++)
		if (result->findings[i].severity == SEVERITY_ERROR)
			return &result->findings[i];
	return NULL;
}

/* A bundle that could not be read is an error, one that is wrong a failure. */
static void put_bad(struct cases *cases, const struct result *result)
{
	struct report_text *t = &cases->text;
	const struct finding *f = first_error(result);
	bool unread = !f || f->kind == ERROR_IO || f->kind == ERROR_MEMORY;
	const char *element = unread ? "error" : "failure";
	char reason[REPORT_REASON_SIZE];

	cases->errors += unread;
	cases->failures += !unread;
	report_print(t, "<%s type=\"%s\" message=\"", element,
		     f ? f->rule->id : "memory");
	report_markup(t, report_reason(f, reason));
	report_print(t, "\">");
	put_findings(t, result, true);
	report_print(t, "</%s>\n", element);
}

static void bundle(struct report_output *o, const struct candidate *c,
		   const struct result *result)
{
	struct cases *cases = o->state;
	struct report_text *t = &cases->text;

	cases->tests++;
	report_print(t, "<testcase classname=\"");
	put_class(t, c);
	report_print(t, "\" name=\"");
	report_markup(t, c->path);
	report_print(t, "\">\n");
	if (result->verdict == VERDICT_BAD) {
		put_bad(cases, result);
	} else if (result->verdict != VERDICT_OK) {
		cases->skipped++;
		report_print(t, "<skipped message=\"");
		report_markup(t, result->skip ? result->skip : "not begun");
		report_print(t, "\"/>\n");
	}
	if (result->count > report_count(result, SEVERITY_ERROR)) {
		report_print(t, "<system-out>");
		put_findings(t, result, false);
		report_print(t, "</system-out>\n");
	}
	report_print(t, "</testcase>\n");
}

static void put_numbers(struct report_text *t, const char *element,
			const struct cases *cases, double seconds)
{
	report_print(t, "<%s name=\"mpt-validate\" tests=\"%zu\" "
		     "failures=\"%zu\" errors=\"%zu\"", element, cases->tests,
		     cases->failures, cases->errors);
	if (strcmp(element, "testsuite") == 0)
		report_print(t, " skipped=\"%zu\"", cases->skipped);
	report_print(t, " time=\"%.3f\">\n", seconds);
}

static void end(struct report_output *o, const struct totals *totals)
{
	struct cases *cases = o->state;
	struct report_text *t = &o->text;

	report_print(t, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	put_numbers(t, "testsuites", cases, totals->seconds);
	put_numbers(t, "testsuite", cases, totals->seconds);
	report_move(t, &cases->text);
	report_print(t, "</testsuite>\n</testsuites>\n");
}

static void free_cases(struct report_output *o)
{
	struct cases *cases = o->state;

	if (cases)
		buffer_free(&cases->text.bytes);
	free(cases);
}

const struct report_form report_junit = {
	.name = "junit", .begin = begin, .bundle = bundle, .end = end,
	.free = free_cases,
};
