/* report.c - lines for people, JSON for programs */
#include "validate/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/console.h"
#include "base/text.h"
#include "formats/bundle.h"
#include "formats/json.h"

static const struct look {
	const char *word, *color;
} looks[] = {
	[VERDICT_NONE] = { "not begun", "" },
	[VERDICT_OK] = { "ok", "\033[32m" },
	[VERDICT_BAD] = { "bad", "\033[31m" },
	[VERDICT_SKIPPED] = { "skipped", "\033[33m" },
};

/*
 * Print r->line and empty it.  One that could not be built whole is not
 * printed: half of it would say something else.
 */
static void flush_line(struct report *r, FILE *stream)
{
	bool standard = stream == stdout;

	if (r->fault.kind != ERROR_NONE) {
		if (r->error.kind == ERROR_NONE)
			r->error = r->fault;
		r->fault = (struct error){ 0 };
		r->line.len = 0;
	}
	if (r->line.len > 0 && (!standard || r->shared))
		progress_bar_hide(&r->bar);
	if (!(standard && r->broken) && r->line.len > 0 &&
	    fwrite(r->line.data, 1, r->line.len, stream) != r->line.len &&
	    standard) {
		error_set_errno(&r->error, "cannot write standard output");
		r->broken = true;
	}
	r->line.len = 0;
}

static void flush(struct report *r)
{
	if (!r->broken && fflush(stdout) != 0) {
		error_set_errno(&r->error, "cannot write standard output");
		r->broken = true;
	}
}

/* ---- for people ---- */

static void add_escaped(struct report *r, const char *text)
{
	size_t len = strlen(text), size = 4 * len + 1;
	char *copy = memory_array(size, 1, &r->fault);

	if (copy)
		buffer_append(&r->line, copy,
			      text_escape(copy, size, text, len), &r->fault);
	free(copy);
}

static void begin_line(struct report *r, enum verdict verdict,
		       const char *path)
{
	const struct look *look = &looks[verdict];

	buffer_print(&r->line, &r->fault, "%s%s%s ",
		     r->color ? look->color : "", look->word,
		     r->color ? "\033[0m" : "");
	add_escaped(r, path);
}

static void add_finding(struct report *r, const struct finding *f)
{
	struct error error = rules_error(f);
	char reason[4 * sizeof(error)];

	error_format_reason(&error, reason, sizeof(reason));
	buffer_print(&r->line, &r->fault, "%s [%s]\n", reason, f->rule->id);
}

static void print_bad(struct report *r, const char *path,
		      const struct result *result)
{
	if (result->count == 0) {
		begin_line(r, VERDICT_BAD, path);
		buffer_print(&r->line, &r->fault, ": out of memory\n");
	}
	for (size_t i = 0; i < result->count; i++) {
		if (!rules_is_error(&result->findings[i]))
			continue;
		begin_line(r, VERDICT_BAD, path);
		buffer_print(&r->line, &r->fault, ": ");
		add_finding(r, &result->findings[i]);
	}
}

static void print_verdict(struct report *r, const char *path,
			  const struct result *result)
{
	const struct settings *s = r->settings;

	if (result->verdict == VERDICT_BAD) {
		print_bad(r, path, result);
	} else if (result->verdict == VERDICT_OK && !s->quiet) {
		begin_line(r, VERDICT_OK, path);
		buffer_print(&r->line, &r->fault,
			     ": %zu tensors, %" PRIu64 " bytes\n",
			     result->tensor_count, result->nbytes);
	} else if (result->verdict == VERDICT_SKIPPED && s->verbose) {
		begin_line(r, VERDICT_SKIPPED, path);
		buffer_print(&r->line, &r->fault, ": %s\n", result->skip);
	}
	flush_line(r, stdout);
}

static void print_notes(struct report *r, const char *path,
			const struct result *result)
{
	for (size_t i = 0; i < result->count; i++) {
		if (rules_is_error(&result->findings[i]))
			continue;
		buffer_print(&r->line, &r->fault, "mpt-validate: ");
		add_escaped(r, path);
		buffer_print(&r->line, &r->fault, ": %s: ",
			     rules_severity_name(result->findings[i].severity));
		add_finding(r, &result->findings[i]);
	}
	flush_line(r, stderr);
}

/* ---- for programs ---- */

static void put_finding(struct json_writer *w, const struct finding *f)
{
	json_open(w, NULL, '{');
	json_put_string(w, "rule", f->rule->id);
	json_put_string(w, "severity", rules_severity_name(f->severity));
	json_put_string(w, "kind", error_kind_name(f->kind));
	if (f->member)
		json_put_string(w, "member", f->member);
	if (f->offset != ERROR_NO_OFFSET)
		json_put_u64(w, "offset", f->offset);
	json_put_string(w, "reason", f->reason);
	json_close(w, '}');
}

static void put_name(struct json_writer *w, const struct candidate *c)
{
	struct bundle_name name;
	struct error ignored = { 0 };

	if (!bundle_parse_name(&name, c->name, c->folder, &ignored) ||
	    !name.has_epoch)
		return;
	json_put_text(w, "run", name.run, name.run_len);
	json_put_u64(w, "epoch", name.epoch);
}

static void print_json(struct report *r, const struct candidate *c,
		       const struct result *result)
{
	struct json_writer w = { .out = &r->line, .err = &r->fault };

	if (r->settings->json && r->next > 0)
		buffer_append(&r->line, ",\n", 2, &r->fault);
	json_open(&w, NULL, '{');
	json_put_path(&w, "bundle", c->path);
	json_put_string(&w, "verdict", looks[result->verdict].word);
	put_name(&w, c);
	if (result->verdict == VERDICT_OK) {
		json_put_u64(&w, "tensors", result->tensor_count);
		json_put_u64(&w, "bytes", result->nbytes);
	}
	if (result->skip)
		json_put_string(&w, "reason", result->skip);
	json_open(&w, "findings", '[');
	for (size_t i = 0; i < result->count; i++)
		put_finding(&w, &result->findings[i]);
	json_close(&w, ']');
	json_close(&w, '}');
	if (r->settings->jsonl)
		buffer_append(&r->line, "\n", 1, &r->fault);
	flush_line(r, stdout);
	if (r->settings->jsonl)
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
}

bool report_begin(struct report *r, const struct settings *settings,
		  const struct candidates *candidates, struct result *results,
		  struct error *err)
{
	*r = (struct report){ .settings = settings, .candidates = candidates,
			      .results = results };
	r->done = memory_array(candidates->count, sizeof(*r->done), err);
	if (!r->done)
		return false;
	r->color = console_want_color(settings->color);
	r->shared = isatty(STDOUT_FILENO);
	clock_gettime(CLOCK_MONOTONIC, &r->start);
	r->bar.progress.noun = "bundles";
	r->bar.progress.total = candidates->count;
	for (size_t i = 0; i < candidates->count; i++)
		r->bar.progress.nbytes_total += candidates->items[i].nbytes;
	progress_bar_start(&r->bar, "mpt-validate", stderr,
			   console_progress(settings->progress,
					    settings->quiet));
	if (settings->json)
		fputs("{\"bundles\":[\n", stdout);
	return true;
}

void report_done(struct report *r, size_t index)
{
	progress_bar_lock(&r->bar);
	r->done[index] = true;
	count(&r->totals, &r->results[index]);
	r->bar.progress.done++;
	r->bar.progress.failed = r->totals.bad;
	for (; r->next < r->candidates->count && r->done[r->next]; r->next++) {
		const struct candidate *c = &r->candidates->items[r->next];
		struct result *result = &r->results[r->next];

		if (r->settings->json || r->settings->jsonl) {
			print_json(r, c, result);
		} else {
			print_verdict(r, c->path, result);
			if (!r->settings->quiet)
				print_notes(r, c->path, result);
		}
		rules_free_result(result);
	}
	if (r->bar.hidden)
		flush(r);	/* before it is drawn again */
	progress_bar_unlock(&r->bar);
}

static void print_summary(const struct report *r)
{
	const struct totals *t = &r->totals;
	bool listed = r->settings->verbose || r->settings->json ||
		      r->settings->jsonl || t->skipped == 0;
	char rest[64] = "";

	if (r->settings->quiet && t->bad + t->not_begun == 0)
		return;
	if (t->not_begun > 0)
		snprintf(rest, sizeof(rest), ", %zu not begun", t->not_begun);
	fprintf(stderr, "mpt-validate: %zu ok, %zu bad, %zu skipped%s%s; %"
		PRIu64 " bytes in %.2f s\n", t->ok, t->bad, t->skipped,
		listed ? "" : " (-v lists them)", rest, t->nbytes,
		console_seconds_since(&r->start));
}

static void print_json_summary(struct report *r)
{
	struct json_writer w = { .out = &r->line, .err = &r->fault };

	buffer_print(&r->line, &r->fault, "\n],\"summary\":");
	json_open(&w, NULL, '{');
	json_put_u64(&w, "ok", r->totals.ok);
	json_put_u64(&w, "bad", r->totals.bad);
	json_put_u64(&w, "skipped", r->totals.skipped);
	json_put_u64(&w, "not_begun", r->totals.not_begun);
	json_put_u64(&w, "bytes", r->totals.nbytes);
	json_put_real(&w, "seconds", console_seconds_since(&r->start));
	json_close(&w, '}');
	buffer_print(&r->line, &r->fault, "}\n");
	flush_line(r, stdout);
}

bool report_end(struct report *r, struct error *err)
{
	progress_bar_stop(&r->bar);
	if (r->settings->json)
		print_json_summary(r);
	flush(r);
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
	free(r->done);
	buffer_free(&r->line);
}
