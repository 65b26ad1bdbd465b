/* report_html.c - one page that holds all: verdicts, runs, tensors */
#include "validate/report_html.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/console.h"
#include "base/file.h"
#include "base/memory.h"
#include "formats/bundle.h"

struct page {
	struct html_run *runs;
	size_t count, capacity;
	struct report_text skipped;	/* rows of what is no bundle */
	size_t skipped_count;
};

enum {
	OPEN_RUNS = 3,		/* of so few, the tensors are shown at once */
	LINES = 100,		/* of what was found in a bundle */
	ALL_CARDS = 6000	/* more make a page that no browser likes */
};

static void begin(struct report_output *o)
{
	o->state = memory_array(1, sizeof(struct page), &o->text.fault);
}

/* ---- collect ---- */

/* The path without the epoch and what follows; malloc'ed. */
static char *label_of(const struct candidate *c, const struct bundle_name *n,
		      struct error *err)
{
	size_t folder = (size_t)(file_base_name(c->path) - c->path);
	char *label;

	if (!n->has_epoch)
		return file_join(NULL, c->path, err);
	/* "." has another name than its path says. */
	folder = strcmp(c->path + folder, ".") == 0 ? 0 : folder;
	label = memory_array(folder + n->run_len + 1, 1, err);
	if (label) {
		memcpy(label, c->path, folder);
		memcpy(label + folder, n->run, n->run_len);
	}
	return label;
}

/* The run of this label, added if it is new; takes the label over. */
static struct html_run *find_run(struct page *page, char *label,
				 bool has_epochs, struct error *err)
{
	void *grown = page->runs;

	/* By path the bundles of a run mostly follow each other. */
	for (size_t i = page->count; label && i-- > 0; )
		if (page->runs[i].has_epochs == has_epochs &&
		    strcmp(page->runs[i].label, label) == 0) {
			free(label);
			return &page->runs[i];
		}
	if (!label || !memory_grow(&grown, &page->capacity, page->count + 1,
				   sizeof(*page->runs), err)) {
		free(label);
		return NULL;
	}
	page->runs = grown;
	page->runs[page->count] = (struct html_run){
		.label = label, .has_epochs = has_epochs
	};
	return &page->runs[page->count++];
}

static void put_findings(struct report_text *t, const struct result *result)
{
	size_t count = result->count < LINES ? result->count : LINES;
	char reason[REPORT_REASON_SIZE];

	report_print(t, "<td><ul class=\"found\">");
	for (size_t i = 0; i < count; i++) {
		const struct finding *f = &result->findings[i];
		const char *word = report_severity(f);

		report_print(t, "<li><b class=\"%s\">%s</b> ", word, word);
		html_put_text(t, report_reason(f, reason));
		report_print(t, " <span class=\"mute\">[%s]</span></li>",
			     f->rule->id);
	}
	if (result->count > count)
		report_print(t, "<li>%zu more</li>", result->count - count);
	if (result->verdict == VERDICT_BAD && result->count == 0)
		report_print(t, "<li><b class=\"error\">error</b> %s</li>",
			     report_reason(NULL, NULL));
	report_print(t, "</ul></td>");
}

/* The cells of a bundle's row that follow its epoch. */
static void put_cells(struct report_text *t, const struct candidate *c,
		      const struct result *result)
{
	const struct statistics *s = result->statistics;
	char nbytes[32];

	report_print(t, "<td>");
	html_put_verdict(t, result->verdict);
	report_print(t, "</td><td class=\"name\" title=\"");
	report_markup(t, c->path);
	report_print(t, "\">");
	html_put_text(t, c->name);
	report_print(t, "</td>");
	if (result->tensor_count > 0 || result->verdict == VERDICT_OK)
		report_print(t, "<td class=\"number\">%zu</td>"
			     "<td class=\"number\">%s</td>",
			     result->tensor_count,
			     console_bytes(nbytes, result->nbytes));
	else
		report_print(t, "<td></td><td></td>");
	report_print(t, "<td class=\"number\">");
	if (s)
		report_print(t, "%.5g", s->norm);
	if (s && s->nonfinite > 0)
		report_print(t, " <br><span class=\"word bad\">%" PRIu64
			     " not finite</span>", s->nonfinite);
	report_print(t, "</td>");
	put_findings(t, result);
}

/* Keys mostly stand where they stood in the bundle before. */
static const char *keep_key(struct html_run *run, size_t before, size_t i,
			    const char *key, struct error *err)
{
	if (before + i < run->point_count &&
	    strcmp(run->points[before + i].key, key) == 0)
		return run->points[before + i].key;
	return arena_copy(&run->arena, key, strlen(key), err);
}

/* Note the norms of a bundle's tensors; before: where the last one's are. */
static bool add_points(struct html_run *run, const struct html_row *row,
		       const struct statistics *s, size_t before,
		       struct error *err)
{
	size_t first = run->point_count;
	void *grown = run->points;

	if (!memory_grow(&grown, &run->point_capacity, first + s->count,
			 sizeof(*run->points), err))
		return false;
	run->points = grown;
	for (size_t i = 0; i < s->count; i++) {
		const struct tensor_summary *tensor = &s->tensors[i];
		struct html_point *p = &run->points[first + i];

		*p = (struct html_point){
			.key = keep_key(run, before, i, tensor->key, err),
			.epoch = row->epoch,
			.order = row->order,
			.norm = tensor->norm,
			.nonfinite = statistics_nonfinite(tensor),
		};
		if (!p->key)
			return false;
		run->point_count++;
	}
	run->last_points = s->count;
	return true;
}

static void add_statistics(struct html_run *run, struct html_row *row,
			   struct statistics *s, struct error *err)
{
	size_t before = run->point_count - run->last_points;

	row->measured = true;
	row->norm = s->norm;
	row->nonfinite = s->nonfinite;
	if (add_points(run, row, s, before, err) &&
	    (!run->latest || row->epoch >= run->latest_epoch)) {
		statistics_drop(run->latest);
		run->latest = statistics_hold(s);
		run->latest_epoch = row->epoch;
	}
}

static void add_row(struct report_output *o, const struct candidate *c,
		    const struct result *result)
{
	struct page *page = o->state;
	struct error *err = &o->text.fault, ignored = { 0 };
	struct bundle_name name;
	struct html_run *run;
	struct html_row *row;
	void *grown;

	if (!bundle_parse_name(&name, c->name, c->folder, &ignored))
		name.has_epoch = false;
	run = find_run(page, label_of(c, &name, err), name.has_epoch, err);
	grown = run ? run->rows : NULL;
	if (!run || !memory_grow(&grown, &run->row_capacity,
				 run->row_count + 1, sizeof(*run->rows), err))
		return;
	run->rows = grown;
	row = &run->rows[run->row_count++];
	*row = (struct html_row){
		.epoch = name.has_epoch ? name.epoch : 0,
		.order = o->count,
		.verdict = result->verdict,
		.found = result->verdict == VERDICT_BAD ||
			 report_count(result, SEVERITY_WARNING) > 0,
	};
	run->verdicts[result->verdict]++;
	put_cells(&row->cells, c, result);
	if (row->cells.fault.kind != ERROR_NONE)
		*err = row->cells.fault;
	if (result->statistics)
		add_statistics(run, row, result->statistics, err);
}

static void add_skipped(struct page *page, const struct candidate *c,
			const struct result *result)
{
	struct report_text *t = &page->skipped;

	page->skipped_count++;
	report_print(t, "<tr data-of=\"skipped\" data-verdict=\"skipped\" "
		     "data-found=\"0\"><td>");
	html_put_text(t, c->path);
	report_print(t, "</td><td>%s</td></tr>\n",
		     result->skip ? result->skip : "not begun");
}

static void bundle(struct report_output *o, const struct candidate *c,
		   const struct result *result)
{
	struct page *page = o->state;

	if (result->verdict == VERDICT_OK || result->verdict == VERDICT_BAD)
		add_row(o, c, result);
	else
		add_skipped(page, c, result);
}

/* ---- the page ---- */

static void put_head(struct report_text *t)
{
	report_print(t, "<!DOCTYPE html>\n<html lang=\"en\"><head>"
		     "<meta charset=\"utf-8\">\n<meta http-equiv=\""
		     "Content-Security-Policy\" content=\"default-src 'none';"
		     " style-src 'unsafe-inline'; script-src 'sha256-%s'; "
		     "base-uri 'none'; form-action 'none'\">\n"
		     "<meta name=\"viewport\" content=\"width=device-width, "
		     "initial-scale=1\">\n<title>mpt-validate</title>\n"
		     "<style>\n", html_script_hash);
	report_put(t, html_style, strlen(html_style));
	report_print(t, "</style></head>\n<body>\n");
}

static void put_share(struct report_text *t, const struct totals *totals)
{
	const size_t counts[] = { totals->bad, totals->ok, totals->skipped };
	static const char *const words[] = { "bad", "ok", "skipped" };
	double all = 0, at = 0;

	for (size_t i = 0; i < 3; i++)
		all += (double)counts[i];
	report_print(t, "<svg class=\"share\" viewBox=\"0 0 100 1\" "
		     "preserveAspectRatio=\"none\" aria-hidden=\"true\">");
	for (size_t i = 0; i < 3 && all > 0; i++) {
		double width = 100 * (double)counts[i] / all;

		report_print(t, "<rect class=\"fill-%s\" x=\"%.3f\" "
			     "width=\"%.3f\" height=\"1\"/>", words[i], at,
			     width);
		at += width;
	}
	report_print(t, "</svg>\n");
}

static void put_tile(struct report_text *t, const char *class, size_t count,
		     const char *word)
{
	report_print(t, "<li><b class=\"%s\">%zu</b>%s</li>",
		     count > 0 ? class : "", count, word);
}

static void put_totals(struct report_text *t, const struct totals *totals)
{
	char nbytes[32];

	report_print(t, "<h1>");
	report_headline(t, totals);
	report_print(t, "</h1><p class=\"mute\">mpt-validate %s read %s in "
		     "%.2f s.</p>\n<ul class=\"tiles\">", MPT_VERSION,
		     console_bytes(nbytes, totals->nbytes), totals->seconds);
	put_tile(t, "bad", totals->bad, "bad");
	put_tile(t, "ok", totals->ok, "ok");
	put_tile(t, "skipped", totals->skipped, "skipped");
	put_tile(t, "error", totals->found[SEVERITY_ERROR], "errors");
	put_tile(t, "warning", totals->found[SEVERITY_WARNING], "warnings");
	put_tile(t, "note", totals->found[SEVERITY_NOTE], "notes");
	report_print(t, "</ul>\n");
	put_share(t, totals);
}

static void put_filter(struct report_text *t, const struct page *page)
{
	report_print(t, "<form id=\"filter\" hidden><label>Run<select "
		     "name=\"run\"><option value=\"\">all runs</option>");
	for (size_t i = 0; i < page->count; i++) {
		report_print(t, "<option value=\"%zu\">", i);
		report_markup(t, page->runs[i].label);
		report_print(t, "</option>");
	}
	report_print(t, "</select></label><label>Verdict<select "
		     "name=\"verdict\"><option value=\"\">all</option>"
		     "<option>bad</option><option>ok</option>"
		     "<option>skipped</option><option value=\"found\">"
		     "with errors or warnings</option></select></label>"
		     "<label>Text<input name=\"text\" type=\"search\">"
		     "</label></form>\n<p id=\"none\" hidden>Nothing fits."
		     "</p>\n");
}

static void put_runs(struct report_text *t, const struct page *page)
{
	report_print(t, "<div class=\"wide\"><table><thead><tr><th>Run</th>"
		     "<th class=\"number\">ok</th><th class=\"number\">bad"
		     "</th><th class=\"number\">Latest epoch</th>"
		     "<th>Verdict</th></tr></thead><tbody>\n");
	for (size_t i = 0; i < page->count; i++)
		html_put_summary(t, &page->runs[i], i);
	report_print(t, "</tbody></table></div>\n");
	for (size_t i = 0; i < page->count; i++)
		html_put_run(t, &page->runs[i], i, page->count <= OPEN_RUNS,
			     ALL_CARDS / page->count + 1);
}

static void put_skipped(struct report_text *t, struct page *page)
{
	if (page->skipped_count == 0)
		return;
	report_print(t, "<section data-run=\"skipped\"><h2>Skipped</h2>"
		     "<details%s><summary>%zu files and folders that are no "
		     "bundles</summary><div class=\"wide\"><table><tbody>\n",
		     page->skipped_count <= 20 ? " open" : "",
		     page->skipped_count);
	report_move(t, &page->skipped);
	report_print(t, "</tbody></table></div></details></section>\n");
}

static void end(struct report_output *o, const struct totals *totals)
{
	struct page *page = o->state;
	struct report_text *t = &o->text;

	for (size_t i = 0; i < page->count; i++)
		html_run_sort(&page->runs[i]);
	put_head(t);
	put_totals(t, totals);
	put_filter(t, page);
	put_runs(t, page);
	put_skipped(t, page);
	report_print(t, "<script>");
	report_put(t, html_script, strlen(html_script));
	report_print(t, "</script>\n</body></html>\n");
}

static void free_run(struct html_run *run)
{
	for (size_t i = 0; i < run->row_count; i++)
		buffer_free(&run->rows[i].cells.bytes);
	free(run->rows);
	free(run->points);
	statistics_drop(run->latest);
	arena_free(&run->arena);
	free(run->label);
}

static void free_page(struct report_output *o)
{
	struct page *page = o->state;

	for (size_t i = 0; page && i < page->count; i++)
		free_run(&page->runs[i]);
	if (page) {
		free(page->runs);
		buffer_free(&page->skipped.bytes);
	}
	free(page);
}

const struct report_form report_html = {
	.name = "html", .statistics = true, .begin = begin,
	.bundle = bundle, .end = end, .free = free_page,
};
