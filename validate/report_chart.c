/* report_chart.c - lines over epochs, bars over powers of two */
#include "validate/report_chart.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

const struct chart_size chart_large = { 760, 220, 1000 };
const struct chart_size chart_small = { 260, 110, 120 };

enum { OCTAVES = 24 };		/* most powers of two of a distribution */

/* What lies around the plot. */
static const double left = 48, right = 10, top = 8, bottom = 20;

/* Numbers from low to high go from one edge of the plot to the other. */
struct scale {
	double low, high, from, to;
};

static double place(const struct scale *s, double value)
{
	double share = (value - s->low) / (s->high - s->low);

	return s->from + share * (s->to - s->from);
}

static void open_svg(struct report_text *t, const struct chart_size *size)
{
	report_print(t, "<svg viewBox=\"0 0 %.0f %.0f\" class=\"chart\" "
		     "role=\"img\" aria-label=\"", size->width, size->height);
}

static void put_line(struct report_text *t, const char *class, double x1,
		     double y1, double x2, double y2)
{
	report_print(t, "<path class=\"%s\" d=\"M%.1f %.1fL%.1f %.1f\"/>",
		     class, x1, y1, x2, y2);
}

static void put_label(struct report_text *t, const char *anchor, double x,
		      double y, const char *text)
{
	report_print(t, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s"
		     "</text>", x, y, anchor, text);
}

/* ---- lines ---- */

/* A step of 1, 2 or 5 times a power of ten that is at least this. */
static double round_step(double least)
{
	double power = pow(10, floor(log10(least)));
	double share = least / power;

	return power * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10);
}

static struct scale scale_of_values(const struct chart_size *size,
				    const struct chart_point *points,
				    size_t count)
{
	struct scale s = { (double)INFINITY, -(double)INFINITY,
			   size->height - bottom, top };
	double around;

	for (size_t i = 0; i < count; i++) {
		if (points[i].missing)
			continue;
		s.low = fmin(s.low, points[i].value);
		s.high = fmax(s.high, points[i].value);
	}
	around = (s.high - s.low) * 0.06;
	if (!(around > fmax(fabs(s.high), fabs(s.low)) * 1e-9))
		around = fmax(fabs(s.high), fabs(s.low)) * 0.05;
	if (!(around > DBL_MIN * 1e6))
		around = 1;
	/* Near the end of the doubles there is no room around. */
	s.low = fmax(s.low - around, -DBL_MAX / 4);
	s.high = fmin(s.high + around, DBL_MAX / 4);
	return s;
}

static void put_value_axis(struct report_text *t,
			   const struct chart_size *size,
			   const struct scale *s)
{
	double step = round_step((s->high - s->low) / 4);
	double first = ceil(s->low / step);
	char text[32];

	for (int i = 0; i < 6 && (first + i) * step <= s->high; i++) {
		double value = (first + i) * step, y = place(s, value);

		/* 0 without the sign and the dust that sums leave. */
		if (fabs(value) < step / 2)
			value = 0;
		put_line(t, "grid", left, y, size->width - right, y);
		snprintf(text, sizeof(text), "%.4g", value);
		put_label(t, "end", left - 5, y + 3.5, text);
	}
}

static void put_epoch_axis(struct report_text *t,
			   const struct chart_size *size,
			   const struct chart_point *points, size_t count)
{
	double y = size->height - 6;
	char text[32];

	put_line(t, "axis", left, size->height - bottom,
		 size->width - right, size->height - bottom);
	snprintf(text, sizeof(text), "v%" PRIu64, points[0].epoch);
	put_label(t, "start", left, y, text);
	snprintf(text, sizeof(text), "v%" PRIu64, points[count - 1].epoch);
	put_label(t, "end", size->width - right, y, text);
}

/* Every so many points are enough to see the line. */
static bool is_drawn(const struct chart_point *points, size_t count,
		     size_t most, size_t i)
{
	size_t every = (count + most - 1) / most;

	return i % every == 0 || i + 1 == count || points[i].marked;
}

static void put_mark(struct report_text *t, double x, double y,
		     const struct chart_point *p)
{
	report_print(t, "<path class=\"marked\" d=\"M%.1f %.1fl8 8m0 -8l-8 8"
		     "\"><title>v%" PRIu64 ": %s</title></path>", x - 4, y - 4,
		     p->epoch, p->missing ? "could not be read" :
		     "not finite");
}

/* The line has a gap where a value is missing. */
static void put_path(struct report_text *t, const struct chart_size *size,
		     const struct chart_point *points, size_t count,
		     const struct scale *x, const struct scale *y)
{
	char move = 'M';

	report_print(t, "<path class=\"line\" d=\"");
	for (size_t i = 0; i < count; i++) {
		if (points[i].missing) {
			move = 'M';
		} else if (is_drawn(points, count, size->most, i)) {
			report_print(t, "%c%.1f %.1f", move,
				     place(x, (double)points[i].epoch),
				     place(y, points[i].value));
			move = 'L';
		}
	}
	report_print(t, "\"/>");
}

static void put_points(struct report_text *t, const struct chart_size *size,
		       const struct chart_point *points, size_t count)
{
	struct scale y = scale_of_values(size, points, count);
	struct scale x = { (double)points[0].epoch,
			   (double)points[count - 1].epoch, left + 4,
			   size->width - right - 4 };

	if (!(x.high > x.low))
		x.high = x.low + 1;
	put_value_axis(t, size, &y);
	put_path(t, size, points, count, &x, &y);
	for (size_t i = 0; i < count; i++) {
		const struct chart_point *p = &points[i];
		double px = place(&x, (double)p->epoch);
		double py = p->missing ? y.from : place(&y, p->value);

		if (p->marked || p->missing)
			put_mark(t, px, py, p);
		else if (count <= 60 || i + 1 == count)
			report_print(t, "<circle class=\"dot\" cx=\"%.1f\" "
				     "cy=\"%.1f\" r=\"2.5\"><title>v%" PRIu64
				     ": %.6g</title></circle>", px, py,
				     p->epoch, p->value);
	}
}

void chart_lines(struct report_text *t, const struct chart_size *size,
		 const struct chart_point *points, size_t count,
		 const char *what)
{
	size_t values = 0, last = 0;

	for (size_t i = 0; i < count; i++)
		if (!points[i].missing) {
			values++;
			last = i;
		}
	if (values == 0)
		return;
	open_svg(t, size);
	report_print(t, "%s over epochs, %zu values, the last %.4g\">", what,
		     values, points[last].value);
	put_points(t, size, points, count);
	put_epoch_axis(t, size, points, count);
	report_print(t, "</svg>");
}

/* ---- distributions ---- */

/* Bars from the left: negative ones, greatest first; zero; positive ones. */
struct bars {
	unsigned count[2 * OCTAVES + 1];	/* in proportion */
	int low, high;		/* bins; what is below low is in it */
	unsigned most;
};

static bool make_bars(struct bars *b, const struct tensor_summary *s)
{
	*b = (struct bars){ .low = TENSOR_STATS_BINS, .high = -1 };
	for (int i = 0; i < TENSOR_STATS_BINS; i++) {
		if (s->negative[i] + s->positive[i] == 0)
			continue;
		b->high = i;
		b->low = i < b->low ? i : b->low;
	}
	if (b->high < 0 && s->zeros == 0)
		return false;
	if (b->high < 0)
		b->high = b->low = -TENSOR_STATS_LOWEST;
	if (b->low < b->high - OCTAVES + 1)
		b->low = b->high - OCTAVES + 1;
	for (int i = 0; i < TENSOR_STATS_BINS && i <= b->high; i++) {
		int bin = (i < b->low ? b->low : i) - b->low;
		int middle = b->high - b->low + 1;

		b->count[middle - 1 - bin] += s->negative[i];
		b->count[middle + 1 + bin] += s->positive[i];
	}
	b->count[b->high - b->low + 1] = s->zeros;
	for (int i = 0; i < 2 * (b->high - b->low + 1) + 1; i++)
		b->most = b->count[i] > b->most ? b->count[i] : b->most;
	return true;
}

static void put_bars(struct report_text *t, const struct bars *b,
		     const struct scale *x, double floor_y)
{
	int n = 2 * (b->high - b->low + 1) + 1;
	double width = (x->to - x->from) / n;

	report_print(t, "<path class=\"bar\" d=\"");
	for (int i = 0; i < n; i++) {
		double height = (double)b->count[i] / (double)b->most *
				(floor_y - top);

		if (b->count[i] == 0)
			continue;
		/* What is there is seen. */
		height = fmax(height, 1);
		report_print(t, "M%.1f %.1fv%.1fh%.1fv%.1fz",
			     place(x, i) + width * 0.08, floor_y, -height,
			     width * 0.84, height);
	}
	report_print(t, "\"/>");
}

/* The value at the outer edges of a bin's two bars, under them. */
static void put_edges(struct report_text *t, const struct chart_size *size,
		      const struct scale *x, const struct bars *b, int bin)
{
	double value = ldexp(1, bin + 1 + TENSOR_STATS_LOWEST);
	double away = bin - b->low + 1.5, y = size->height - 6;
	bool last = bin == b->high;
	char text[32];

	snprintf(text, sizeof(text), "\xe2\x88\x92%.2g", value);
	put_label(t, last ? "start" : "middle",
		  place(x, x->high / 2 - away), y, text);
	put_label(t, last ? "end" : "middle",
		  place(x, x->high / 2 + away), y, text + 3);
}

void chart_distribution(struct report_text *t, const struct chart_size *size,
			const struct tensor_summary *tensor)
{
	struct bars b;
	struct scale x = { .from = right, .to = size->width - right };
	double floor_y = size->height - bottom;

	if (!make_bars(&b, tensor))
		return;
	x.high = 2 * (b.high - b.low + 1) + 1;
	open_svg(t, size);
	report_print(t, "distribution of values by power of two, from %.3g "
		     "to %.3g\">", tensor->min, tensor->max);
	put_bars(t, &b, &x, floor_y);
	put_line(t, "axis", right, floor_y, size->width - right, floor_y);
	put_label(t, "middle", place(&x, x.high / 2), size->height - 6, "0");
	if (b.high - b.low >= 8)
		put_edges(t, size, &x, &b, b.low + (b.high - b.low) / 2);
	put_edges(t, size, &x, &b, b.high);
	report_print(t, "</svg>");
}
