/*
 * report_chart.h - small charts as inline SVG, drawn by the page's own style
 *
 * No text of a bundle is in them.  Classes: axis, grid, line, dot, marked, bar.
 */
#ifndef VALIDATE_REPORT_CHART_H
#define VALIDATE_REPORT_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "validate/report_text.h"
#include "validate/statistics.h"

struct chart_point {
	uint64_t epoch;
	double value;		/* finite */
	bool marked;		/* some of it is not finite */
	bool missing;		/* there is no value: nothing could be read */
};

struct chart_size {
	double width, height;
	size_t most;		/* points to draw; the others are left out,
				   but for marked ones and the last */
};

extern const struct chart_size chart_large, chart_small;

/* Values over epochs, which rise; what: what they are, for those who listen. */
void chart_lines(struct report_text *t, const struct chart_size *size,
		 const struct chart_point *points, size_t count,
		 const char *what);

/* How the values of a tensor are distributed, by sign and power of two. */
void chart_distribution(struct report_text *t, const struct chart_size *size,
			const struct tensor_summary *tensor);

#endif
