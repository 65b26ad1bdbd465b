/*
 * report_html.h - the parts of the HTML report
 *
 * What the page says of a run is known when its last bundle was judged, so all
 * is kept until then: texts, the norm of each tensor at each epoch, and of the
 * latest bundle of a run its whole statistics.  The page is one file, and asks
 * for nothing from elsewhere.
 */
#ifndef VALIDATE_REPORT_HTML_H
#define VALIDATE_REPORT_HTML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "validate/report_form.h"
#include "validate/statistics.h"

/* A bundle: a row of its run's table. */
struct html_row {
	uint64_t epoch;
	size_t order;		/* among all bundles: by path */
	enum verdict verdict;
	bool measured;		/* norm and nonfinite are known */
	double norm;
	uint64_t nonfinite;
	bool found;		/* an error or a warning was */
	struct report_text cells;	/* those of the table behind epoch */
};

/* A tensor at an epoch. */
struct html_point {
	const char *key;	/* in the run's arena */
	uint64_t epoch;
	size_t order;
	double norm;
	uint64_t nonfinite;
};

struct html_run {
	char *label;		/* its folder and name; owned */
	bool has_epochs;	/* false: one bundle, without an epoch */
	size_t verdicts[VERDICT_SKIPPED + 1];
	struct html_row *rows;
	size_t row_count, row_capacity;
	struct html_point *points;
	size_t point_count, point_capacity;
	size_t last_points;	/* so many are of the last bundle */
	struct statistics *latest;	/* of the highest epoch that has some */
	uint64_t latest_epoch;
	struct arena arena;
};

/* Put rows and points in order: by epoch, and points by key first. */
void html_run_sort(struct html_run *run);

/*
 * A line of the table of runs, and the section of one; number is its id.  So
 * many tensors get a card of their own.
 */
void html_put_summary(struct report_text *t, const struct html_run *run,
		      size_t number);
void html_put_run(struct report_text *t, const struct html_run *run,
		  size_t number, bool open, size_t cards);

/* The beginning of a table's row: what the filter goes by. */
void html_open_row(struct report_text *t, size_t run, enum verdict verdict,
		   bool found);

/* Hostile text, which cannot turn round what stands beside it. */
void html_put_text(struct report_text *t, const char *text);

/* A verdict in its colour. */
void html_put_verdict(struct report_text *t, enum verdict verdict);

/* The page's own style and script, and the script's SHA-256 in base64. */
extern const char html_style[], html_script[], html_script_hash[];

#endif
