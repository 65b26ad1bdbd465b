/* report.c - lines for people, JSON for programs */
#include "convert/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/console.h"
#include "base/text.h"
#include "formats/json.h"

static const char *const colors[] = {
	[STATUS_NONE] = "", [STATUS_CONVERTED] = "\033[32m",
	[STATUS_KEPT] = "\033[32m",
	[STATUS_SKIPPED] = "\033[33m", [STATUS_FAILED] = "\033[31m",
	[STATUS_SAME] = "\033[32m", [STATUS_DIFFERS] = "\033[31m",
	[STATUS_MISSING] = "\033[31m",
};

/* ---- small things ---- */

/* Append text to the line so that it is safe on a terminal. */
static bool add_escaped(struct report *r, const char *text)
{
	size_t len = strlen(text), most = 4 * len + 1;
	void *grown = r->line.data;

	if (!memory_grow(&grown, &r->line.capacity, r->line.len + most, 1,
			 &r->error))
		return false;
	r->line.data = grown;
	r->line.len += text_escape(r->line.data + r->line.len, most, text,
				   len);
	return true;
}

static void out(struct report *r, const char *text, size_t len)
{
	if (r->shared)
		progress_bar_hide(&r->bar);
	if (!r->broken && fwrite(text, 1, len, stdout) != len) {
		error_set_errno(&r->error, "cannot write standard output");
		r->broken = true;
	}
}

static void flush(struct report *r)
{
	if (!r->broken && fflush(stdout) != 0) {
		error_set_errno(&r->error, "cannot write standard output");
		r->broken = true;
	}
}

/* Standard error, with the bar out of the way. */
static FILE *diagnostics(struct report *r)
{
	progress_bar_hide(&r->bar);
	return stderr;
}

/*
 * Empty the line, and print it if all of it could be built: r->error says why
 * if not, and half of it would say something else.
 */
static void end_line(struct report *r, bool whole, FILE *stream)
{
	if (whole && stream == stdout)
		out(r, r->line.data, r->line.len);
	else if (whole)
		fwrite(r->line.data, 1, r->line.len, diagnostics(r));
	r->line.len = 0;
}

/* ---- one source, for people ---- */

/* "converted SOURCE -> BUNDLE (2 tensors, 385 B)" */
static void print_verdict(struct report *r, const struct job *job,
			  const struct result *result)
{
	bool listing = r->settings->list_converted;
	bool color = r->color && !listing;
	const char *verdict = result_status_name(result->status);
	char amount[32];
	bool ok;

	if (result->status == STATUS_CONVERTED && r->settings->dry_run)
		verdict = "would convert";
	ok = buffer_print(&r->line, &r->error, "%s%s%s%s ",
			  listing ? "mpt-convert: " : "",
			  color ? colors[result->status] : "", verdict,
			  color ? "\033[0m" : "") &&
	     add_escaped(r, job->source->path);
	if (ok && (result->status >= STATUS_SAME ||
		   result_has_bundle(result->status)))
		ok = buffer_print(&r->line, &r->error, " -> ") &&
		     add_escaped(r, job->dest ? job->dest : "");
	if (ok && result_has_bundle(result->status))
		ok = buffer_print(&r->line, &r->error, " (%zu tensors, %s)",
				  result->tensor_count,
				  console_bytes(amount,
						result->bundle_nbytes));
	if (ok && result->status == STATUS_SKIPPED)
		ok = buffer_print(&r->line, &r->error, ": %s", result->reason);
	ok = ok && buffer_print(&r->line, &r->error, "\n");
	end_line(r, ok, listing ? stderr : stdout);
}

/* "mpt-convert: path: kind: text" */
static void print_note(struct report *r, const char *path, const char *kind,
		       const char *text)
{
	bool ok = buffer_print(&r->line, &r->error, "mpt-convert: ") &&
		  add_escaped(r, path) &&
		  buffer_print(&r->line, &r->error, ": %s: ", kind) &&
		  add_escaped(r, text) &&
		  buffer_print(&r->line, &r->error, "\n");

	end_line(r, ok, stderr);
}

/* What it was read as, and where the architecture is from. */
static void print_origin(struct report *r, const char *path,
			 const struct result *result)
{
	const char *origin = result->architecture_origin;
	bool ok = buffer_print(&r->line, &r->error, "mpt-convert: ") &&
		  add_escaped(r, path) &&
		  buffer_print(&r->line, &r->error,
			       ": %s, architecture from %s\n", result->era,
			       origin ? origin : "nowhere");

	end_line(r, ok, stderr);
}

/* The name as it is: a program will take it for that of a file. */
static void list_name(struct report *r, const char *path)
{
	bool null = r->settings->null_separated;

	if (!null && strchr(path, '\n')) {
		print_note(r, path, "left out", "a name with a newline can "
			   "only be listed with --null");
		r->totals.unlisted++;
		return;
	}
	out(r, path, strlen(path));
	out(r, null ? "" : "\n", 1);
}

static void print_people(struct report *r, const struct job *job,
			 const struct result *result)
{
	const char *path = job->source->path;
	struct error room;

	if (r->settings->list_converted && result->status == STATUS_SAME)
		list_name(r, path);
	else if (!r->settings->quiet || result_is_bad(result->status))
		print_verdict(r, job, result);
	if (result_is_bad(result->status)) {
		flush(r);
		error_print(diagnostics(r), "mpt-convert",
			    result_fault(result, job, &room));
	}
	if (r->settings->quiet)
		return;
	if ((r->settings->verbose || r->settings->dry_run) && result->era)
		print_origin(r, path, result);
	for (size_t i = 0; i < result->notes.count; i++)
		print_note(r, path, "note", result->notes.texts[i]);
	for (size_t i = 0; i < result->repairs.count; i++)
		print_note(r, path, "note", result->repairs.texts[i]);
	for (size_t i = 0; r->settings->verbose && i < result->globals.count;
	     i++)
		print_note(r, path, "its pickle names",
			   result->globals.texts[i]);
}

/* ---- one source, for programs ---- */

static void put_result(struct json_writer *w, const struct job *job,
		       const struct result *result)
{
	json_open(w, NULL, '{');
	json_put_path(w, "source", job->source->path);
	json_put_string(w, "status", result_status_name(result->status));
	if (job->dest && result->status != STATUS_FAILED)
		json_put_path(w, "bundle", job->dest);
	else
		json_put_null(w, "bundle");
	result_put_facts(w, job, result);
	result_put_reason(w, job, result);
	result_put_notes(w, result);
	result_put_globals(w, result);
	json_close(w, '}');
}

static void print_json(struct report *r, const struct job *job,
		       const struct result *result)
{
	struct json_writer w = { .out = &r->line, .err = &r->error };
	bool ok = true;

	if (r->settings->json && r->next > 0)
		ok = buffer_append(&r->line, ",", 1, &r->error);
	put_result(&w, job, result);
	ok = ok && !w.failed && buffer_append(&r->line, "\n", 1, &r->error);
	end_line(r, ok, stdout);
	if (r->settings->jsonl)
		flush(r);
}

/* ---- the whole ---- */

static void count(struct totals *t, const struct result *result)
{
	t->converted += result->status == STATUS_CONVERTED;
	t->kept += result->status == STATUS_KEPT;
	t->skipped += result->status == STATUS_SKIPPED;
	t->failed += result->status == STATUS_FAILED;
	t->not_begun += result->status == STATUS_NONE;
	t->same += result->status == STATUS_SAME;
	t->different += result->status == STATUS_DIFFERS;
	t->missing += result->status == STATUS_MISSING;
	if (result->status == STATUS_CONVERTED ||
	    result->status == STATUS_SAME) {
		t->source_nbytes += result->source_nbytes;
		t->bundle_nbytes += result->bundle_nbytes;
	}
}

bool report_begin(struct report *r, const struct settings *settings,
		  const struct plan *plan, struct error *err)
{
	*r = (struct report){ .settings = settings, .plan = plan };
	r->results = memory_array(plan->count, sizeof(*r->results), err);
	r->done = memory_array(plan->count, sizeof(*r->done), err);
	r->used = memory_array(settings->architecture_map.count,
			       sizeof(*r->used), err);
	if (!r->results || !r->done || !r->used)
		return false;
	r->color = console_want_color(settings->color);
	r->shared = isatty(STDOUT_FILENO);
	clock_gettime(CLOCK_MONOTONIC, &r->start);
	r->bar.progress.noun = "files";
	r->bar.progress.total = plan->count;
	for (size_t i = 0; i < plan->count; i++)
		r->bar.progress.nbytes_total += plan->jobs[i].source->nbytes;
	progress_bar_start(&r->bar, "mpt-convert", stderr,
			   console_progress(settings->progress,
					    settings->quiet));
	if (settings->json)
		out(r, "{\"sources\":[\n", 13);
	return true;
}

/* Print a result, and forget it: there may be hundreds of thousands. */
static void print_next(struct report *r)
{
	const struct job *job = &r->plan->jobs[r->next];
	struct result *kept = r->results[r->next];
	const struct result *result = result_or_failure(kept);

	if (r->settings->json || r->settings->jsonl)
		print_json(r, job, result);
	else
		print_people(r, job, result);
	result_free(kept);
	r->results[r->next++] = NULL;
}

void report_done(struct report *r, size_t index, struct result *result)
{
	const struct result *final = result_or_failure(result);
	const struct architecture_map *map = &r->settings->architecture_map;

	progress_bar_lock(&r->bar);
	r->results[index] = result;
	r->done[index] = true;
	if (final->map_line)
		r->used[final->map_line - map->lines] = true;
	count(&r->totals, final);
	r->bar.progress.done++;
	r->bar.progress.failed += result_is_bad(final->status);
	while (r->next < r->plan->count && r->done[r->next])
		print_next(r);
	if (r->bar.hidden)
		flush(r);	/* before it is drawn again */
	progress_bar_unlock(&r->bar);
}

static void print_summary(struct report *r)
{
	const struct totals *t = &r->totals;
	char from[32], to[32], kept[64] = "", rest[64] = "";

	if (t->not_begun > 0)
		snprintf(rest, sizeof(rest), ", %zu not begun", t->not_begun);
	if (r->settings->check) {
		fprintf(stderr, "mpt-convert: %zu same, %zu different, %zu "
			"missing, %zu skipped, %zu failed%s; %s compared in "
			"%.2f s\n", t->same, t->different, t->missing,
			t->skipped, t->failed, rest,
			console_bytes(to, t->bundle_nbytes),
			console_seconds_since(&r->start));
		return;
	}
	if (t->kept > 0)
		snprintf(kept, sizeof(kept), ", %zu kept", t->kept);
	fprintf(stderr, "mpt-convert: %zu %s%s, %zu skipped, %zu failed%s; "
		"%s to %s in %.2f s\n", t->converted,
		r->settings->dry_run ? "would be converted" : "converted",
		kept, t->skipped, t->failed, rest,
		console_bytes(from, t->source_nbytes),
		console_bytes(to, t->bundle_nbytes),
		console_seconds_since(&r->start));
}

/*
 * Lines of the map that no source needed are likely to be mistakes; of a shard
 * they are not.
 */
static void print_unused_lines(struct report *r)
{
	const struct architecture_map *map = &r->settings->architecture_map;
	char text[64];

	for (size_t i = 0; i < map->count; i++) {
		snprintf(text, sizeof(text), "line %zu was not used",
			 map->lines[i].number);
		if (!r->used[i])
			print_note(r, r->settings->architecture_map_option,
				   "note", text);
	}
}

static void print_json_summary(struct report *r)
{
	struct json_writer w = { .out = &r->line, .err = &r->error };

	bool ok = buffer_append(&r->line, "],\"summary\":", 12, &r->error);

	json_open(&w, NULL, '{');
	if (r->settings->shard.count > 1) {
		json_put_u64(&w, "shard", r->settings->shard.index);
		json_put_u64(&w, "shards", r->settings->shard.count);
	}
	if (r->settings->check) {
		json_put_u64(&w, "same", r->totals.same);
		json_put_u64(&w, "different", r->totals.different);
		json_put_u64(&w, "missing", r->totals.missing);
	} else {
		json_put_u64(&w, "converted", r->totals.converted);
		json_put_u64(&w, "kept", r->totals.kept);
	}
	json_put_u64(&w, "skipped", r->totals.skipped);
	json_put_u64(&w, "failed", r->totals.failed);
	json_put_u64(&w, "not_begun", r->totals.not_begun);
	json_put_u64(&w, "source_bytes", r->totals.source_nbytes);
	json_put_u64(&w, "bundle_bytes", r->totals.bundle_nbytes);
	json_put_real(&w, "seconds", console_seconds_since(&r->start));
	json_close(&w, '}');
	ok = ok && !w.failed && buffer_append(&r->line, "}\n", 2, &r->error);
	end_line(r, ok, stdout);
}

bool report_end(struct report *r, struct error *err)
{
	progress_bar_stop(&r->bar);
	if (r->settings->json)
		print_json_summary(r);
	if (!r->broken && fflush(stdout) != 0) {
		error_set_errno(&r->error, "cannot write standard output");
		r->broken = true;
	}
	if (r->settings->shard.count == 1)
		print_unused_lines(r);
	print_summary(r);
	if (r->error.kind == ERROR_NONE)
		return true;
	*err = r->error;
	return false;
}

bool report_is_good(const struct totals *t)
{
	return t->failed + t->different + t->missing + t->unlisted == 0;
}

void report_free(struct report *r)
{
	progress_bar_stop(&r->bar);
	free(r->results);	/* all that it held was printed */
	free(r->done);
	free(r->used);
	buffer_free(&r->line);
}
