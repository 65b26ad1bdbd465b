/* gather.c - strided to row-major, in bounded memory */
#include "convert/gather.h"

#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"

enum {
	BOX_SIZE = 8 << 20,	/* bytes of output made at once */
	SPAN_SIZE = 1 << 20,	/* bytes of input read at once */
	/*
	 * A read may carry this many times the bytes that are wanted of it,
	 * or a page, before several smaller reads are cheaper.
	 */
	WASTE = 4, PAGE = 4096
};

/* A part of the tensor: all in bytes but the sizes.  Arrays are [rank]. */
struct box {
	size_t rank;
	uint64_t *size, *source, *dest;
	size_t item;
};

/* The fixed things of one gather_box() and its recursion. */
struct work {
	const struct reader *storage;
	uint8_t *out, *span;
	struct error *err;
};

void gather_free(struct gather *g)
{
	free(g->box);
	free(g->span);
	*g = (struct gather){ 0 };
}

static bool prepare(struct gather *g, struct error *err)
{
	if (!g->box)
		g->box = malloc(BOX_SIZE);
	if (!g->span)
		g->span = malloc(SPAN_SIZE);
	if (g->box && g->span)
		return true;
	return error_set_memory(err, g->box ? SPAN_SIZE : BOX_SIZE);
}

static uint64_t box_elements(const struct box *b)
{
	uint64_t n = 1;

	for (size_t i = 0; i < b->rank; i++)
		n *= b->size[i];
	return n;
}

static uint64_t box_span(const struct box *b)
{
	uint64_t last = 0;

	for (size_t i = 0; i < b->rank; i++)
		last += (b->size[i] - 1) * b->source[i];
	return last + b->item;
}

/* Elements one source step apart, to places one dest step apart. */
static void copy_row(uint8_t *to, uint64_t to_step, const uint8_t *from,
		     uint64_t from_step, uint64_t count, size_t item)
{
	for (uint64_t i = 0; i < count; i++)
		memcpy(to + i * to_step, from + i * from_step, item);
}

/* The same with the size known to the compiler, which is far faster. */
static void copy_items(uint8_t *to, uint64_t to_step, const uint8_t *from,
		       uint64_t from_step, uint64_t count, size_t item)
{
	switch (item) {
	case 1:
		copy_row(to, to_step, from, from_step, count, 1);
		break;
	case 2:
		copy_row(to, to_step, from, from_step, count, 2);
		break;
	case 4:
		copy_row(to, to_step, from, from_step, count, 4);
		break;
	case 8:
		copy_row(to, to_step, from, from_step, count, 8);
		break;
	default:
		copy_row(to, to_step, from, from_step, count, item);
	}
}

/* Spread what was read into the span over its places in the output. */
static void scatter(const struct box *b, uint8_t *out, const uint8_t *in)
{
	size_t rank = b->rank, inner = rank - 1;
	uint64_t rows = box_elements(b) / b->size[inner];

	for (uint64_t row = 0; row < rows; row++) {
		uint64_t left = row, from = 0, to = 0;

		for (size_t n = inner; n > 0; n--) {
			size_t i = n - 1;
			uint64_t index = left % b->size[i];

			left /= b->size[i];
			from += index * b->source[i];
			to += index * b->dest[i];
		}
		copy_items(out + to, b->dest[inner], in + from,
			   b->source[inner], b->size[inner], b->item);
	}
}

/* The dimension of more than one element that lies widest in the source. */
static size_t widest(const struct box *b)
{
	size_t found = 0;

	for (size_t i = 0; i < b->rank; i++)
		if (b->size[i] > 1 && (b->size[found] == 1 ||
				       b->source[i] > b->source[found]))
			found = i;
	return found;
}

/*
 * Read a box whose first element is at 'at'; it belongs at work->out + to.
 * Halving the widest dimension ends at single elements, so the depth is at
 * most the bits of the number of elements: below 64.
 */
static bool gather_box(const struct work *w, struct box *b, uint64_t at,
		       uint64_t to)
{
	uint64_t span = box_span(b), wanted = box_elements(b) * b->item;
	uint64_t whole, half;
	size_t cut;
	bool ok;

	if (span <= SPAN_SIZE && (span / WASTE <= wanted || span <= PAGE)) {
		if (!reader_read(w->storage, at, w->span, (size_t)span,
				 w->err))
			return false;
		scatter(b, w->out + to, w->span);
		return true;
	}
	cut = widest(b);
	whole = b->size[cut];
	half = whole / 2;
	b->size[cut] = half;
	ok = gather_box(w, b, at, to);
	b->size[cut] = whole - half;
	ok = ok && gather_box(w, b, at + half * b->source[cut],
			      to + half * b->dest[cut]);
	b->size[cut] = whole;
	return ok;
}

/* Flip the sign of every 'each'-th part from 'first' on. */
static void negate_floats(uint8_t *p, size_t nbytes, size_t part,
			  size_t first, size_t each)
{
	for (size_t i = first; i < nbytes / part; i += each)
		p[i * part + part - 1] ^= 0x80;
}

/* Two's complement, little-endian, for integers of any width. */
static void negate_integers(uint8_t *p, size_t nbytes, size_t part)
{
	for (size_t i = 0; i < nbytes; i += part) {
		unsigned carry = 1;

		for (size_t j = 0; j < part; j++) {
			unsigned v = (uint8_t)~p[i + j] + carry;

			p[i + j] = (uint8_t)v;
			carry = v >> 8;
		}
	}
}

static bool is_complex(enum dtype dtype)
{
	return dtype == DTYPE_C64 || dtype == DTYPE_COMPLEX32 ||
	       dtype == DTYPE_COMPLEX128;
}

static bool is_integer(enum dtype dtype)
{
	return dtype == DTYPE_U8 || dtype == DTYPE_I8 || dtype == DTYPE_I16 ||
	       dtype == DTYPE_U16 || dtype == DTYPE_I32 ||
	       dtype == DTYPE_U32 || dtype == DTYPE_I64 || dtype == DTYPE_U64;
}

static bool is_float(enum dtype dtype)
{
	return dtype == DTYPE_F16 || dtype == DTYPE_BF16 ||
	       dtype == DTYPE_F32 || dtype == DTYPE_F64;
}

static bool check_bits(const struct tensor *t, struct error *err)
{
	if (t->conj && !is_complex(t->dtype))
		return tensor_error(t, err, ERROR_CORRUPT,
				    "%s cannot be a conjugated view",
				    dtype_info(t->dtype)->torch);
	if (t->neg && !is_complex(t->dtype) && !is_integer(t->dtype) &&
	    !is_float(t->dtype))
		return tensor_error(t, err, ERROR_UNSUPPORTED,
				    "a negated view of %s",
				    dtype_info(t->dtype)->torch);
	return true;
}

/* Turn the bytes of each part around. */
static void swap_parts(uint8_t *p, size_t nbytes, size_t part)
{
	for (size_t i = 0; i < nbytes; i += part)
		for (size_t j = 0; j < part / 2; j++) {
			uint8_t kept = p[i + j];

			p[i + j] = p[i + part - 1 - j];
			p[i + part - 1 - j] = kept;
		}
}

/* Make of the bytes in the source the values they stand for. */
static void resolve(const struct tensor *t, uint8_t *p, size_t nbytes)
{
	size_t part = dtype_info(t->dtype)->part;

	if (t->big_endian)
		swap_parts(p, nbytes, part);
	if (t->conj)
		negate_floats(p, nbytes, part, 1, 2);
	if (t->neg && is_integer(t->dtype))
		negate_integers(p, nbytes, part);
	else if (t->neg)
		negate_floats(p, nbytes, part, 0, 1);
}

/* Fill in the box's steps, as if it were the whole tensor. */
static void box_whole(struct box *b, const struct tensor *t)
{
	uint64_t dense = b->item;

	for (size_t n = b->rank; n > 0; n--) {
		size_t i = n - 1;

		b->size[i] = t->shape[i];
		b->source[i] = t->stride ? t->stride[i] * b->item : dense;
		b->dest[i] = dense;
		dense *= t->shape[i];
	}
}

/*
 * The outermost dimension of which a box takes a part: all inside it fits into
 * the box together, and *rows of it do.
 */
static size_t choose_split(const struct box *b, uint64_t *rows)
{
	size_t k = 0;

	while (k + 1 < b->rank && b->dest[k] > BOX_SIZE)
		k++;
	*rows = BOX_SIZE / b->dest[k];
	return k;
}

static bool gather_boxes(const struct work *w, const struct tensor *t,
			 struct box *b, struct sink *sink)
{
	uint64_t rows, outer = 1, at;
	size_t k = choose_split(b, &rows), nbytes;

	for (size_t i = 0; i < k; i++) {
		outer *= b->size[i];
		b->size[i] = 1;
	}
	for (uint64_t o = 0; o < outer; o++) {
		uint64_t left = o, start = t->start;

		for (size_t n = k; n > 0; n--) {
			start += left % t->shape[n - 1] * b->source[n - 1];
			left /= t->shape[n - 1];
		}
		for (uint64_t row = 0; row < t->shape[k]; row += rows) {
			b->size[k] = t->shape[k] - row < rows ?
				     t->shape[k] - row : rows;
			at = start + row * b->source[k];
			nbytes = (size_t)(box_elements(b) * b->item);
			if (!interrupt_check(w->err) ||
			    !gather_box(w, b, at, 0))
				return false;
			resolve(t, w->out, nbytes);
			if (!sink_write(sink, w->out, nbytes, w->err))
				return false;
		}
	}
	return true;
}

bool gather_tensor(struct gather *g, const struct tensor *t,
		   const struct reader *storage, struct sink *sink,
		   struct error *err)
{
	size_t rank = t->rank ? t->rank : 1;
	struct work w = { .storage = storage, .err = err };
	struct tensor scalar = *t;
	uint64_t one = 1, *steps = NULL;
	struct box b;
	bool ok;

	if (!check_bits(t, err))
		return false;
	if (t->nelements == 0)
		return true;
	if (!prepare(g, err))
		return false;
	steps = memory_array(rank, 3 * sizeof(*steps), err);
	if (!steps)
		return false;
	if (t->rank == 0) {	/* a row of one element */
		scalar.rank = 1;
		scalar.shape = &one;
		scalar.stride = NULL;
	}
	b = (struct box){ .rank = rank, .size = steps,
			  .source = steps + rank, .dest = steps + 2 * rank,
			  .item = dtype_info(t->dtype)->item };
	w.out = g->box;
	w.span = g->span;
	box_whole(&b, &scalar);
	ok = gather_boxes(&w, &scalar, &b, sink);
	free(steps);
	return ok;
}
