/*
 * tensor_stats.c - statistics of many buffers, to be compared with torch's
 *
 * stdin: the buffers (see texts.h), each
 *
 *	u8   dtype, as number in the order of the format
 *	u32  bytes to feed at once, little-endian
 *	...  the bytes
 *
 * stdout: for each a line, "ok VALUES NAN +INF -INF ZERO DENORMAL ODD CONSTANT
 * MIN MAX MEAN NORM" and, for each sign, positive first, the bins.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "formats/tensor_stats.h"
#include "tests/drivers/texts.h"

static void print_bins(const uint64_t bins[TENSOR_STATS_BINS])
{
	for (size_t i = 0; i < TENSOR_STATS_BINS; i++)
		printf(" %" PRIu64, bins[i]);
}

static void judge(const char *text, size_t len)
{
	struct cursor c = cursor_over(text, len);
	enum dtype dtype = (enum dtype)cursor_u8(&c);
	size_t step = cursor_u32(&c);
	struct tensor_stats s;

	tensor_stats_begin(&s, dtype, TENSOR_STATS_FULL);
	while (cursor_left(&c) > 0) {
		size_t n = cursor_left(&c) < step ? cursor_left(&c) : step;

		tensor_stats_add(&s, cursor_take(&c, n), n);
	}
	printf("ok %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
	       " %" PRIu64 " %" PRIu64 " %d %.17g %.17g %.17g %.17g",
	       s.nvalues, s.nan, s.positive_inf, s.negative_inf, s.zero,
	       s.denormal, s.odd_bool, s.constant, s.min, s.max,
	       tensor_stats_mean(&s), tensor_stats_norm(&s));
	print_bins(s.positive);
	print_bins(s.negative);
	putchar('\n');
}

int main(void)
{
	return texts_each(stdin, judge) ? EXIT_SUCCESS : EXIT_FAILURE;
}
