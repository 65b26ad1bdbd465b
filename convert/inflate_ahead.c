/* inflate_ahead.c - one part at a time, and how it is handed over */
#include "convert/inflate_ahead.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "formats/deflate_block.h"
#include "formats/inflate.h"

enum {
	PART_SIZE = 4 << 20,	/* bytes, inflated */
	LEAD = 6 << 20,		/* compressed bytes to where a part is begun */
	STEPS_MOST = PART_SIZE / ZIP_STEP,
	/* What one step can become in a part that is of use. */
	STEP_MOST = 4 * ZIP_STEP,
	MISSES_MOST = 4		/* in a row; then these are no such bytes */
};

enum state {
	PART_NONE,
	PART_MADE,		/* can grow, and be met */
	PART_AWAITED,		/* by the reader, as it is worked on */
	PART_DROPPED,		/* as it is worked on */
	PART_TAKEN		/* the reader copies it */
};

struct inflate_ahead {
	struct zip_stream *stream;
	const struct zip_member *member;	/* which it reads */
	const struct reader *reader;
	pthread_mutex_t lock;	/* of all below */
	pthread_cond_t changed;
	uint64_t at;		/* compressed bytes that the reader has taken */
	uint64_t sought;	/* up to there no block was found */
	enum state state;
	bool working;		/* on inflate, bytes and input, without lock */
	bool met;		/* the reader was where this part begins */
	unsigned misses;
	unsigned bits;		/* with which it begins, before first */
	uint64_t first;		/* offset of the compressed bytes after them */
	uint64_t given;		/* by the reader, up to there */
	size_t steps;		/* that were inflated since */
	size_t reached[STEPS_MOST + 1];	/* bytes after each number of steps */
	struct inflate *inflate;
	uint8_t *bytes;		/* [PART_SIZE] */
	size_t copied;		/* of them, when they are taken */
	uint8_t input[ZIP_STEP];
};

static void free_ahead(struct inflate_ahead *a)
{
	inflate_free(a->inflate);
	free(a->bytes);
	free(a);
}

static struct inflate_ahead *new_ahead(const struct zip_input *input)
{
	struct error none = { 0 };
	struct inflate_ahead *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->member = input->member;
	a->reader = input->reader;
	a->bytes = malloc(PART_SIZE);
	a->inflate = inflate_new(INFLATE_FAST, &none);
	if (a->bytes && a->inflate && inflate_begin_inside(a->inflate, 0, 0))
		return a;
	free_ahead(a);
	return NULL;
}

/* ---- the thread that works ahead ---- */

static bool read_input(struct inflate_ahead *a, uint64_t offset)
{
	struct error fault = { 0 };

	return reader_read(a->reader, a->member->data + offset, a->input,
			   ZIP_STEP, &fault);
}

/* Find a block in the step from this offset on. */
static bool find(struct inflate_ahead *a, uint64_t offset, uint64_t *bit)
{
	return read_input(a, offset) &&
	       deflate_find_block(a->input, ZIP_STEP, bit) &&
	       inflate_begin_inside(a->inflate, a->input[*bit / 8],
				    (unsigned)(*bit % 8));
}

static bool step(struct inflate_ahead *a, uint64_t offset, size_t from,
		 size_t *to)
{
	struct error fault = { 0 };
	struct inflate_io io = { .in = a->input, .in_len = ZIP_STEP,
				 .out = a->bytes + from,
				 .out_len = PART_SIZE - from };
	bool ended;

	if (!read_input(a, offset) ||
	    !inflate_run(a->inflate, &io, 0, &ended, &fault) || ended)
		return false;
	*to = PART_SIZE - io.out_len;
	return io.in_len == 0 && io.out_len > 0;
}

/* A miss is the fault of the bytes, not that of the other thread's speed. */
static void drop(struct inflate_ahead *a, bool miss)
{
	a->state = a->working ? PART_DROPPED : PART_NONE;
	a->misses += miss;
}

static void begin_part(struct inflate_ahead *a)
{
	uint64_t offset = a->at + LEAD, bit = 0;
	bool ok;

	a->working = true;
	pthread_mutex_unlock(&a->lock);
	ok = find(a, offset, &bit);
	pthread_mutex_lock(&a->lock);
	a->working = false;
	if (!ok || a->at > offset) {	/* the reader is past it already */
		a->sought = offset + ZIP_STEP;
		drop(a, !ok);
		return;
	}
	a->first = offset + bit / 8 + 1;
	a->bits = 8 - (unsigned)(bit % 8);
	a->steps = 0;
	a->reached[0] = 0;
	a->met = false;
	a->state = PART_MADE;
}

static void grow_part(struct inflate_ahead *a)
{
	uint64_t offset = a->first + a->steps * ZIP_STEP;
	size_t from = a->reached[a->steps], to = 0;
	bool ok;

	a->working = true;
	pthread_mutex_unlock(&a->lock);
	ok = step(a, offset, from, &to);
	pthread_mutex_lock(&a->lock);
	a->working = false;
	if (a->state == PART_DROPPED)
		a->state = PART_NONE;
	else if (!ok)
		drop(a, true);
	else
		a->reached[++a->steps] = to;
	pthread_cond_signal(&a->changed);
}

/* Is there room for another step, and is it not the last of the stream? */
static bool can_grow(const struct inflate_ahead *a)
{
	uint64_t offset = a->first + a->steps * ZIP_STEP;

	return a->steps < STEPS_MOST &&
	       PART_SIZE - a->reached[a->steps] > STEP_MOST &&
	       a->member->csize - offset > ZIP_STEP;
}

static bool work(void *with)
{
	struct inflate_ahead *a = with;
	bool works = true;

	pthread_mutex_lock(&a->lock);
	if (a->state == PART_NONE && a->misses < MISSES_MOST &&
	    a->at + LEAD >= a->sought &&
	    a->member->csize - a->at > LEAD + PART_SIZE)
		begin_part(a);
	else if (a->state == PART_MADE && can_grow(a))
		grow_part(a);
	else
		works = false;
	pthread_mutex_unlock(&a->lock);
	return works;
}

/* ---- the thread that reads ---- */

static size_t limit(void *with, uint64_t taken, size_t n)
{
	struct inflate_ahead *a = with;

	pthread_mutex_lock(&a->lock);
	if (a->state == PART_MADE && taken < a->first && a->first - taken < n)
		n = (size_t)(a->first - taken);
	a->at = taken + n;
	pthread_mutex_unlock(&a->lock);
	return n;
}

/* Have both come to the same after this number of steps? */
static bool same(const struct inflate_ahead *a, size_t steps,
		 const struct zip_place *place)
{
	size_t reached = a->reached[steps];

	return place->given - a->given == reached &&
	       reached >= INFLATE_WINDOW && place->last_len >= INFLATE_WINDOW &&
	       memcmp(place->last + place->last_len - INFLATE_WINDOW,
		      a->bytes + reached - INFLATE_WINDOW,
		      INFLATE_WINDOW) == 0;
}

static void hand_over(struct inflate_ahead *a, size_t steps,
		      struct zip_place *place)
{
	struct inflate *theirs = place->inflate;

	a->state = PART_AWAITED;
	while (a->state == PART_AWAITED && a->working)
		pthread_cond_wait(&a->changed, &a->lock);
	if (a->state != PART_AWAITED)	/* its last step failed */
		return;
	place->inflate = a->inflate;
	place->taken = a->at = a->first + a->steps * ZIP_STEP;
	a->inflate = theirs;
	a->copied = a->reached[steps];
	a->state = PART_TAKEN;
	a->misses = 0;
}

static void meet(struct inflate_ahead *a, struct zip_place *place)
{
	uint64_t steps = (place->taken - a->first) / ZIP_STEP;

	if (!a->met) {
		a->met = place->taken == a->first &&
			 inflate_is_at_block(place->inflate, a->bits);
		a->given = place->given;
		if (!a->met)
			drop(a, true);
	} else if (steps >= a->steps) {	/* nothing there to be had */
		drop(a, !can_grow(a));
	} else if (same(a, (size_t)steps, place)) {
		hand_over(a, (size_t)steps, place);
	}
}

static size_t copy_part(struct inflate_ahead *a, uint8_t *to, size_t len)
{
	size_t left = a->reached[a->steps] - a->copied;

	if (len > left)
		len = left;
	memcpy(to, a->bytes + a->copied, len);
	a->copied += len;
	if (len == left)
		a->state = PART_NONE;
	return len;
}

static size_t read_part(void *with, struct zip_place *place, uint8_t *to,
			size_t len)
{
	struct inflate_ahead *a = with;
	size_t copied = 0;

	pthread_mutex_lock(&a->lock);
	if (a->state == PART_MADE && place->taken >= a->first)
		meet(a, place);
	if (a->state == PART_TAKEN)
		copied = copy_part(a, to, len);
	pthread_mutex_unlock(&a->lock);
	return copied;
}

/* ---- both ---- */

struct inflate_ahead *inflate_ahead_begin(struct zip_stream *stream)
{
	struct zip_input input;
	struct inflate_ahead *a;

	if (!stream)
		return NULL;
	input = zip_stream_input(stream);
	if (input.member->method != ZIP_DEFLATED ||
	    input.way != INFLATE_FAST ||
	    input.member->csize <= LEAD + PART_SIZE)
		return NULL;
	a = new_ahead(&input);
	if (!a)
		return NULL;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->changed, NULL);
	a->stream = stream;
	zip_stream_follow(stream, (struct zip_ahead){ limit, read_part, a });
	return a;
}

struct relay_idle inflate_ahead_idle(struct inflate_ahead *ahead)
{
	return (struct relay_idle){ ahead ? work : NULL, ahead };
}

void inflate_ahead_end(struct inflate_ahead *a)
{
	if (!a)
		return;
	zip_stream_follow(a->stream, (struct zip_ahead){ 0 });
	pthread_cond_destroy(&a->changed);
	pthread_mutex_destroy(&a->lock);
	free_ahead(a);
}
