/* report.c - results in order, to standard output and to files */
#include "validate/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/console.h"
#include "base/memory.h"
#include "validate/report_file.h"

enum { DRAIN_AT = 64 << 10 };	/* bytes that wait for a file */

struct report_sink {
	struct report_output out;
	struct report_file file;	/* closed: standard output */
	bool prints;
	bool given_up;		/* nothing more comes of it */
};

static void note_error(struct report *r, const struct error *err)
{
	if (r->error.kind == ERROR_NONE)
		r->error = *err;
}

static void fault_stdout(struct report *r)
{
	error_set_errno(&r->error, "cannot write standard output");
	r->broken = true;
}

static void print(struct report *r, const struct buffer *text)
{
	if (r->shared)
		progress_bar_hide(&r->bar);
	if (!r->broken &&
	    fwrite(text->data, 1, text->len, stdout) != text->len)
		fault_stdout(r);
}

static void flush(struct report *r)
{
	if (!r->broken && fflush(stdout) != 0)
		fault_stdout(r);
}

/* Write what a form has made, and empty it. */
static void drain(struct report *r, struct report_sink *s)
{
	struct report_output *o = &s->out;
	struct error err = { 0 };

	if (s->prints) {
		print(r, &o->text.bytes);
		if (o->form->lines)
			flush(r);
	} else if (!report_file_write(&s->file, o->text.bytes.data,
				      o->text.bytes.len, &err)) {
		note_error(r, &err);
		s->given_up = true;
	}
	o->text.bytes.len = 0;
}

/*
 * Look at what a form has made.  What could not be built whole is not written:
 * half of it would say something else.
 */
static void take(struct report *r, struct report_sink *s, bool all)
{
	struct report_output *o = &s->out;

	if (o->text.fault.kind != ERROR_NONE) {
		note_error(r, &o->text.fault);
		o->text.fault = (struct error){ 0 };
		o->text.bytes.len = 0;
		s->given_up = !s->prints || !o->form->lines ||
			      o->form->begin;
	}
	if (o->text.bytes.len > 0 && !s->given_up &&
	    (all || s->prints || o->text.bytes.len >= DRAIN_AT))
		drain(r, s);
}

/* ---- sinks ---- */

static struct report_sink *add_sink(struct report *r,
				    const struct report_form *form)
{
	struct report_sink *s = &r->sinks[r->sink_count++];

	s->out.form = form;
	s->out.verbose = r->settings->verbose;
	s->out.quiet = r->settings->quiet;
	return s;
}

static bool has_companion(const struct report *r)
{
	for (size_t i = 0; i < r->sink_count; i++)
		if (r->sinks[i].file.appends)
			return true;
	return false;
}

/*
 * A form may bring another, for a file that the environment names; once is
 * enough.
 */
static bool add_companion(struct report *r, const struct report_form *form,
			  struct error *err)
{
	const char *path = form->companion_variable ?
			   getenv(form->companion_variable) : NULL;
	struct report_sink *s;

	if (!path || !*path || has_companion(r))
		return true;
	s = add_sink(r, form->companion);
	if (!report_file_append(&s->file, path, err))
		return false;
	s->out.limit = form->companion_limit > s->file.nbytes ?
		       form->companion_limit - (size_t)s->file.nbytes : 1;
	return true;
}

static bool open_sinks(struct report *r, struct error *err)
{
	const struct option_list *reports = &r->settings->reports;
	struct report_sink *s;

	/* With a companion for each. */
	r->sinks = memory_array(2 * (reports->count + 1), sizeof(*r->sinks),
				err);
	if (!r->sinks)
		return false;
	s = add_sink(r, report_form_at(r->settings->format));
	s->prints = true;
	s->out.color = console_want_color(r->settings->color);
	if (!add_companion(r, s->out.form, err))
		return false;
	for (size_t i = 0; i < reports->count; i++) {
		const char *path;
		const struct report_form *form;

		form = report_form_of(reports->values[i], &path);
		s = add_sink(r, form);
		if (!report_file_create(&s->file, path, err) ||
		    !add_companion(r, form, err))
			return false;
	}
	return true;
}

static void begin_sinks(struct report *r)
{
	for (size_t i = 0; i < r->sink_count; i++) {
		struct report_sink *s = &r->sinks[i];

		if (s->out.form->begin)
			s->out.form->begin(&s->out);
		take(r, s, false);
	}
}

static void tell_sinks(struct report *r, const struct candidate *c,
		       const struct result *result)
{
	for (size_t i = 0; i < r->sink_count; i++) {
		struct report_sink *s = &r->sinks[i];

		if (!s->given_up)
			s->out.form->bundle(&s->out, c, result);
		s->out.count++;
		take(r, s, false);
	}
}

static void end_sinks(struct report *r)
{
	const struct totals *t = &r->totals;
	bool whole = t->ok + t->bad > 0 && t->not_begun == 0;

	for (size_t i = 0; i < r->sink_count; i++) {
		struct report_sink *s = &r->sinks[i];
		struct error err = { 0 };

		if (s->given_up || (!s->prints && !whole))
			continue;
		if (s->out.form->end)
			s->out.form->end(&s->out, t);
		take(r, s, true);
		if (!s->prints && !s->given_up &&
		    !report_file_commit(&s->file, &err))
			note_error(r, &err);
	}
	flush(r);
}

/* ---- the whole ---- */

static void count(struct totals *t, const struct result *result)
{
	t->ok += result->verdict == VERDICT_OK;
	t->bad += result->verdict == VERDICT_BAD;
	t->skipped += result->verdict == VERDICT_SKIPPED;
	t->not_begun += result->verdict == VERDICT_NONE;
	t->nbytes += result->nbytes;
	for (size_t i = 0; i < result->count; i++)
		t->found[result->findings[i].severity]++;
}

bool report_begin(struct report *r, const struct settings *settings,
		  const struct candidates *candidates, struct result *results,
		  struct error *err)
{
	*r = (struct report){ .settings = settings, .candidates = candidates,
			      .results = results };
	r->done = memory_array(candidates->count, sizeof(*r->done), err);
	if (!r->done || !open_sinks(r, err)) {
		report_free(r);
		return false;
	}
	r->shared = isatty(STDOUT_FILENO);
	clock_gettime(CLOCK_MONOTONIC, &r->start);
	r->bar.progress.noun = "bundles";
	r->bar.progress.total = candidates->count;
	for (size_t i = 0; i < candidates->count; i++)
		r->bar.progress.nbytes_total += candidates->items[i].nbytes;
	progress_bar_start(&r->bar, "mpt-validate", stderr,
			   console_progress(settings->progress,
					    settings->quiet));
	progress_bar_lock(&r->bar);
	begin_sinks(r);
	progress_bar_unlock(&r->bar);
	return true;
}

bool report_wants_statistics(const struct report *r)
{
	for (size_t i = 0; i < r->sink_count; i++)
		if (r->sinks[i].out.form->statistics)
			return true;
	return false;
}

void report_done(struct report *r, size_t index)
{
	progress_bar_lock(&r->bar);
	r->done[index] = true;
	count(&r->totals, &r->results[index]);
	r->bar.progress.done++;
	r->bar.progress.failed = r->totals.bad;
	for (; r->next < r->candidates->count && r->done[r->next]; r->next++) {
		struct result *result = &r->results[r->next];

		tell_sinks(r, &r->candidates->items[r->next], result);
		rules_free_result(result);
	}
	if (r->bar.hidden)
		flush(r);	/* before it is drawn again */
	progress_bar_unlock(&r->bar);
}

static void print_count(size_t count, const char *what)
{
	if (count > 0)
		fprintf(stderr, ", %zu %s%s", count, what,
			count == 1 ? "" : "s");
}

static void print_summary(const struct report *r)
{
	const struct totals *t = &r->totals;
	bool listed = r->settings->verbose || r->settings->format != 0 ||
		      t->skipped + t->found[SEVERITY_NOTE] == 0;

	if (r->settings->quiet && t->bad + t->not_begun == 0)
		return;
	fprintf(stderr, "mpt-validate: %zu ok, %zu bad, %zu skipped", t->ok,
		t->bad, t->skipped);
	print_count(t->found[SEVERITY_WARNING], "warning");
	print_count(t->found[SEVERITY_NOTE], "note");
	fputs(listed ? "" : " (-v lists them)", stderr);
	if (t->not_begun > 0)
		fprintf(stderr, ", %zu not begun", t->not_begun);
	fprintf(stderr, "; %" PRIu64 " bytes in %.2f s\n", t->nbytes,
		t->seconds);
}

bool report_end(struct report *r, struct error *err)
{
	progress_bar_stop(&r->bar);
	r->shared = false;
	r->totals.seconds = console_seconds_since(&r->start);
	end_sinks(r);
	print_summary(r);
	if (r->error.kind == ERROR_NONE)
		return true;
	*err = r->error;
	return false;
}

void report_free(struct report *r)
{
	progress_bar_stop(&r->bar);
	for (size_t i = r->next; r->done && i < r->candidates->count; i++)
		rules_free_result(&r->results[i]);
	for (size_t i = 0; i < r->sink_count; i++) {
		struct report_sink *s = &r->sinks[i];

		if (s->out.form->free)
			s->out.form->free(&s->out);
		buffer_free(&s->out.text.bytes);
		report_file_discard(&s->file);
	}
	free(r->sinks);
	free(r->done);
	*r = (struct report){ 0 };
}
