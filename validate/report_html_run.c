/* report_html_run.c - a run: its bundles by epoch, its norms, its tensors */
#include "validate/report_html.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "validate/report_chart.h"

static int compare_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int by_epoch(const void *a, const void *b)
{
	const struct html_row *x = a, *y = b;

	return x->epoch != y->epoch ? compare_u64(x->epoch, y->epoch) :
	       compare_u64(x->order, y->order);
}

static int by_key(const void *a, const void *b)
{
	const struct html_point *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	if (order == 0)
		order = compare_u64(x->epoch, y->epoch);
	return order != 0 ? order : compare_u64(x->order, y->order);
}

void html_run_sort(struct html_run *run)
{
	if (run->row_count > 1)
		qsort(run->rows, run->row_count, sizeof(*run->rows),
		      by_epoch);
	if (run->point_count > 1)
		qsort(run->points, run->point_count, sizeof(*run->points),
		      by_key);
}

void html_put_text(struct report_text *t, const char *text)
{
	report_print(t, "<bdi>");
	report_markup(t, text);
	report_print(t, "</bdi>");
}

void html_put_verdict(struct report_text *t, enum verdict verdict)
{
	const char *word = report_verdict_word(verdict);

	report_print(t, "<span class=\"word %s\">%s</span>", word, word);
}

void html_open_row(struct report_text *t, size_t run, enum verdict verdict,
		   bool found)
{
	report_print(t, "<tr%s data-of=\"%zu\" data-verdict=\"%s\" "
		     "data-found=\"%d\">", verdict == VERDICT_BAD ?
		     " class=\"is-bad\"" : "", run,
		     report_verdict_word(verdict), found);
}

/* ---- norms of whole bundles ---- */

/* A norm may be infinite, if its squares are; charts end somewhere. */
static double charted(double norm)
{
	return norm < 1e300 ? norm : 1e300;
}

static void put_norms(struct report_text *t, const struct html_run *run)
{
	struct chart_point *points = memory_array(run->row_count,
						  sizeof(*points), &t->fault);
	size_t measured = 0;

	for (size_t i = 0; points && i < run->row_count; i++) {
		const struct html_row *row = &run->rows[i];

		points[i] = (struct chart_point){ row->epoch,
						  charted(row->norm),
						  row->nonfinite > 0,
						  !row->measured };
		measured += row->measured;
	}
	if (points && measured > 1) {
		report_print(t, "<h3>Norm of all parameters</h3>"
			     "<div class=\"norms\">");
		chart_lines(t, &chart_large, points, run->row_count,
			    "norm of all parameters");
		report_print(t, "</div>");
	}
	free(points);
}

/* ---- tensors ---- */

/* The points of one key: they follow each other. */
static const struct html_point *find_points(const struct html_run *run,
					    const char *key, size_t *count)
{
	size_t low = 0, high = run->point_count, end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(run->points[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	end = low;
	while (end < run->point_count &&
	       strcmp(run->points[end].key, key) == 0)
		end++;
	*count = end - low;
	return run->points + low;
}

static void put_history(struct report_text *t, const struct html_run *run,
			const char *key)
{
	size_t count;
	const struct html_point *from = find_points(run, key, &count);
	struct chart_point *points;

	if (count < 2)
		return;
	points = memory_array(count, sizeof(*points), &t->fault);
	for (size_t i = 0; points && i < count; i++)
		points[i] = (struct chart_point){ from[i].epoch,
						  charted(from[i].norm),
						  from[i].nonfinite > 0,
						  false };
	if (points)
		chart_lines(t, &chart_small, points, count, "norm");
	free(points);
}

static void put_nonfinite(struct report_text *t,
			  const struct tensor_summary *s)
{
	static const char between[] = ", ";
	size_t skip = 2;

	report_print(t, "<p class=\"bad\"><b>not finite:</b> ");
	if (s->nan > 0) {
		report_print(t, "%" PRIu64 " NaN", s->nan);
		skip = 0;
	}
	if (s->positive_inf > 0) {
		report_print(t, "%s%" PRIu64 " +Inf", between + skip,
			     s->positive_inf);
		skip = 0;
	}
	if (s->negative_inf > 0)
		report_print(t, "%s%" PRIu64 " \xe2\x88\x92Inf",
			     between + skip, s->negative_inf);
	report_print(t, "</p>");
}

static void put_figures(struct report_text *t, const struct tensor_summary *s)
{
	if (s->finite == 0) {
		report_print(t, "<p class=\"mute\">%s</p>", s->nvalues > 0 ?
			     "no finite values" :
			     "no values that can be judged");
		return;
	}
	report_print(t, "<p>norm %.5g \xc2\xb7 mean %.4g \xc2\xb7 from %.4g "
		     "to %.4g", s->norm, s->mean, s->min, s->max);
	if (s->zero > 0)
		report_print(t, " \xc2\xb7 %.3g %% zeros",
			     100.0 * (double)s->zero / (double)s->nvalues);
	report_print(t, "</p>");
}

static void put_card(struct report_text *t, const struct html_run *run,
		     const struct tensor_summary *s)
{
	bool bad = statistics_nonfinite(s) > 0;

	report_print(t, "<div class=\"card%s\"><h4>", bad ? " is-bad" : "");
	html_put_text(t, s->key);
	report_print(t, "</h4><p class=\"mute\">%s, %s</p>",
		     dtype_info(s->dtype)->name, s->shape[0] ?
		     s->shape : "one value");
	if (bad)
		put_nonfinite(t, s);
	put_history(t, run, s->key);
	chart_distribution(t, &chart_small, s);
	put_figures(t, s);
	report_print(t, "</div>\n");
}

static void put_tensors(struct report_text *t, const struct html_run *run,
			bool open, size_t cards)
{
	const struct statistics *s = run->latest;
	size_t shown = s->count < cards ? s->count : cards;

	report_print(t, "<details%s><summary>%zu tensors", open ||
		     s->nonfinite > 0 ? " open" : "",
		     s->count + s->left_out);
	if (run->has_epochs)
		report_print(t, " at epoch %" PRIu64, run->latest_epoch);
	report_print(t, ": norms over epochs, and how the values are "
		     "distributed by sign and power of two</summary>"
		     "<div class=\"cards\">\n");
	for (size_t i = 0; i < shown; i++)
		put_card(t, run, &s->tensors[i]);
	report_print(t, "</div>");
	if (s->count + s->left_out > shown)
		report_print(t, "<p class=\"mute\">%zu more are not shown."
			     "</p>", s->count + s->left_out - shown);
	report_print(t, "</details>\n");
}

/* ---- the whole ---- */

static void put_rows(struct report_text *t, const struct html_run *run,
		     size_t number)
{
	report_print(t, "<div class=\"wide epochs\"><table><thead><tr>"
		     "<th class=\"number\">Epoch</th><th>Verdict</th>"
		     "<th>Bundle</th><th class=\"number\">Tensors</th>"
		     "<th class=\"number\">Bytes</th>"
		     "<th class=\"number\">Norm</th><th>Found</th></tr>"
		     "</thead><tbody>\n");
	for (size_t i = 0; i < run->row_count; i++) {
		const struct html_row *row = &run->rows[i];

		html_open_row(t, number, row->verdict, row->found);
		if (run->has_epochs)
			report_print(t, "<td class=\"number\">%" PRIu64
				     "</td>", row->epoch);
		else
			report_print(t, "<td class=\"number\">\xe2\x80\x93"
				     "</td>");
		report_put(t, row->cells.bytes.data, row->cells.bytes.len);
		report_print(t, "</tr>\n");
	}
	report_print(t, "</tbody></table></div>\n");
}

void html_put_run(struct report_text *t, const struct html_run *run,
		  size_t number, bool open, size_t cards)
{
	report_print(t, "<section data-run=\"%zu\" id=\"run-%zu\"><h2>",
		     number, number);
	html_put_text(t, run->label);
	report_print(t, "</h2>\n");
	put_norms(t, run);
	put_rows(t, run, number);
	if (run->latest)
		put_tensors(t, run, open, cards);
	report_print(t, "</section>\n");
}

void html_put_summary(struct report_text *t, const struct html_run *run,
		      size_t number)
{
	const struct html_row *last = &run->rows[run->row_count - 1];

	report_print(t, "<tr data-run=\"%zu\"%s><td><a href=\"#run-%zu\">",
		     number, run->verdicts[VERDICT_BAD] > 0 ?
		     " class=\"is-bad\"" : "", number);
	html_put_text(t, run->label);
	report_print(t, "</a></td><td class=\"number\">%zu</td>"
		     "<td class=\"number\">%zu</td>",
		     run->verdicts[VERDICT_OK], run->verdicts[VERDICT_BAD]);
	if (run->has_epochs)
		report_print(t, "<td class=\"number\">%" PRIu64 "</td><td>",
			     last->epoch);
	else
		report_print(t, "<td class=\"number\">\xe2\x80\x93</td><td>");
	html_put_verdict(t, last->verdict);
	report_print(t, "</td></tr>\n");
}
