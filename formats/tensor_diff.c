/* tensor_diff.c - two blocks of values, side by side */
#include "formats/tensor_diff.h"

#include <math.h>
#include <string.h>

#include "formats/tensor_values.h"

enum { BLOCK = VALUES_BLOCK / 8 };	/* values, of the widest dtype */

/* A block of one of the two. */
struct side {
	const uint8_t *bytes;
	size_t width;		/* of a value */
	double values[BLOCK];
};

size_t tensor_diff_width(enum dtype dtype)
{
	size_t width = values_width(dtype);

	return width ? width : 1;
}

uint64_t tensor_diff_values(const struct tensor *t)
{
	return t->nbytes / tensor_diff_width(t->dtype);
}

bool tensor_diff_can(const struct tensor *a, const struct tensor *b)
{
	bool judged = values_width(a->dtype) && values_width(b->dtype);

	if (a->rank != b->rank ||
	    (a->rank > 0 && memcmp(a->shape, b->shape, a->rank *
				   sizeof(*a->shape)) != 0))
		return false;
	return (judged || a->dtype == b->dtype) &&
	       tensor_diff_values(a) == tensor_diff_values(b);
}

void tensor_diff_begin(struct tensor_diff *d, enum dtype a, enum dtype b)
{
	*d = (struct tensor_diff){ .a = a, .b = b };
	d->numeric = values_width(a) && values_width(b);
}

static void decode(struct side *s, enum dtype dtype, size_t n)
{
	values_decode(s->values, dtype, s->bytes, n);
}

/* Sums of a block are added up by themselves first: that is more exact. */
struct sums {
	double sum, aa, bb, ab;
};

static void add_sums(struct tensor_diff *d, const struct sums *s)
{
	d->sum += s->sum;
	d->aa += s->aa;
	d->bb += s->bb;
	d->ab += s->ab;
}

/* Both have the same bits. */
static void add_same(struct tensor_diff *d, struct side *a, size_t n)
{
	struct sums s = { 0 };

	decode(a, d->a, n);
	for (size_t i = 0; i < n; i++) {
		double x = a->values[i];

		if (!isfinite(x))
			continue;
		d->finite++;
		s.aa += x * x;
	}
	s.bb = s.ab = s.aa;
	add_sums(d, &s);
}

static uint64_t integer(const struct side *s, size_t i)
{
	uint64_t v = 0;

	for (size_t k = 8; k > 0; k--)
		v = v << 8 | s->bytes[8 * i + k - 1];
	return v;
}

/* Of 64-bit integers, which as doubles may be equal and are not. */
static double exact_distance(const struct tensor_diff *d,
			     const struct side *a, const struct side *b,
			     size_t i)
{
	uint64_t sign = d->a == DTYPE_I64 ? UINT64_C(1) << 63 : 0;
	uint64_t x = integer(a, i) ^ sign, y = integer(b, i) ^ sign;

	return (double)(x > y ? x - y : y - x);
}

static void add_pair(struct tensor_diff *d, struct sums *s,
		     const struct side *a, const struct side *b, size_t i)
{
	bool exact = d->a == d->b &&
		     (d->a == DTYPE_I64 || d->a == DTYPE_U64);
	double x = a->values[i], y = b->values[i], distance;
	bool finite = isfinite(x) && isfinite(y);
	bool same = x == y || (isnan(x) && isnan(y));

	if (finite) {
		distance = exact ? exact_distance(d, a, b, i) : fabs(x - y);
		same = distance == 0;
		d->finite++;
		d->max = distance > d->max ? distance : d->max;
		s->sum += distance;
		s->aa += x * x;
		s->bb += y * y;
		s->ab += x * y;
	}
	if (!same) {
		d->differing++;
		d->nonfinite += !finite;
	} else if (d->a == d->b && memcmp(a->bytes + i * a->width,
					  b->bytes + i * b->width,
					  a->width) != 0) {
		d->bits_only++;
	}
}

static void add_block(struct tensor_diff *d, struct side *a, struct side *b,
		      size_t n)
{
	struct sums s = { 0 };

	if (d->a == d->b && memcmp(a->bytes, b->bytes, n * a->width) == 0) {
		if (d->numeric)
			add_same(d, a, n);
		return;
	}
	if (!d->numeric) {
		for (size_t i = 0; i < n; i++)
			d->differing += a->bytes[i] != b->bytes[i];
		return;
	}
	decode(a, d->a, n);
	decode(b, d->b, n);
	for (size_t i = 0; i < n; i++)
		add_pair(d, &s, a, b, i);
	add_sums(d, &s);
}

void tensor_diff_add(struct tensor_diff *d, const void *a, const void *b,
		     size_t nvalues)
{
	struct side x = { .bytes = a, .width = tensor_diff_width(d->a) };
	struct side y = { .bytes = b, .width = tensor_diff_width(d->b) };

	d->nvalues += nvalues;
	while (nvalues > 0) {
		size_t n = nvalues < BLOCK ? nvalues : BLOCK;

		add_block(d, &x, &y, n);
		x.bytes += n * x.width;
		y.bytes += n * y.width;
		nvalues -= n;
	}
}

double tensor_diff_mean(const struct tensor_diff *d)
{
	return d->finite ? d->sum / (double)d->finite : (double)NAN;
}

double tensor_diff_cosine(const struct tensor_diff *d)
{
	/* The product of two equal roots is not always the square. */
	double length = d->aa == d->bb ? d->aa : sqrt(d->aa) * sqrt(d->bb);
	double cosine = d->ab / length;

	/* What rounding took beyond. */
	return cosine > 1 ? 1 : cosine < -1 ? -1 : cosine;
}
