/*
 * tensor_diff.c - differences of many pairs of buffers, to be compared with
 * torch's
 *
 * stdin: the pairs (see texts.h), each
 *
 *	u8   dtype of the first, as number in the order of the format
 *	u8   that of the second
 *	u32  values of each
 *	u32  values to feed at once
 *	...  the bytes of the first, and of the second
 *
 * stdout: for each a line, "ok VALUES DIFFERING NONFINITE BITS FINITE MAX MEAN
 * COSINE".
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "formats/tensor_diff.h"
#include "tests/drivers/texts.h"

static void judge(const char *text, size_t len)
{
	struct cursor c = cursor_over(text, len), second;
	enum dtype a = (enum dtype)cursor_u8(&c);
	enum dtype b = (enum dtype)cursor_u8(&c);
	size_t left = cursor_u32(&c), step = cursor_u32(&c);
	size_t a_width = tensor_diff_width(a), b_width = tensor_diff_width(b);
	struct tensor_diff d;

	second = c;
	cursor_take(&second, left * a_width);
	tensor_diff_begin(&d, a, b);
	while (left > 0) {
		size_t n = left < step ? left : step;

		tensor_diff_add(&d, cursor_take(&c, n * a_width),
				cursor_take(&second, n * b_width), n);
		left -= n;
	}
	printf("ok %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
	       " %.17g %.17g %.17g\n", d.nvalues, d.differing, d.nonfinite,
	       d.bits_only, d.finite, d.max, tensor_diff_mean(&d),
	       tensor_diff_cosine(&d));
}

int main(void)
{
	return texts_each(stdin, judge) ? EXIT_SUCCESS : EXIT_FAILURE;
}
