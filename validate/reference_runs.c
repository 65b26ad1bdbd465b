/* reference_runs.c - which keys most epochs of a run have */
#include "validate/reference_runs.h"

#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/memory.h"

static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < len; i++)	/* FNV-1a */
		hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static uint64_t mix_number(uint64_t hash, uint64_t number)
{
	return mix(hash, &number, sizeof(number));
}

/*
 * A number that equal keys, dtypes and shapes share, in any order.  Others may
 * share it, too: it only groups, and rules compare.
 */
static uint64_t sign(const struct state_dict *sd)
{
	uint64_t sum = sd->count;

	for (size_t i = 0; i < sd->count; i++) {
		const struct tensor *t = &sd->tensors[i];
		uint64_t hash = UINT64_C(0xcbf29ce484222325);

		hash = mix(hash, t->key, t->key_len);
		hash = mix_number(hash, t->dtype);
		hash = mix(hash, t->shape, t->rank * sizeof(*t->shape));
		sum += mix_number(hash, t->rank);
	}
	return sum;
}

static bool same_run(const struct place *a, const struct place *b)
{
	return a->run && b->run && strcmp(a->folder, b->folder) == 0 &&
	       a->run_len == b->run_len &&
	       memcmp(a->run, b->run, a->run_len) == 0;
}

/* Behind the last place of the run that 'first' is of. */
static size_t end_of_run(const struct place *places, size_t count,
			 size_t first)
{
	size_t end = first + 1;

	while (end < count && same_run(&places[first], &places[end]))
		end++;
	return end;
}

static void set_fault(struct place *p, const struct error *fault)
{
	p->fault = fault->kind;
	if (fault->kind != ERROR_IO)
		return;
	p->reason = strdup(fault->reason);
	if (!p->reason)
		p->fault = ERROR_MEMORY;
}

static void sign_places(struct place *places, size_t count,
			const struct candidates *candidates, unsigned threads)
{
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
	for (size_t i = 0; i < count; i++) {
		struct place *p = &places[i];
		struct state_dict keys;
		struct error fault = { 0 };

		if (!p->run || interrupt_signal())
			continue;
		p->readable = reference_read(&keys,
					     candidates->items[p->index].path,
					     &fault);
		if (p->readable) {
			p->signature = sign(&keys);
			state_dict_free(&keys);
		} else {
			set_fault(p, &fault);
		}
	}
}

/* How many of the run have the keys of this place. */
static size_t count_equal(const struct place *places, size_t first, size_t end,
			  const struct place *p)
{
	size_t n = 0;

	for (size_t i = first; i < end; i++)
		n += places[i].readable && places[i].signature == p->signature;
	return n;
}

static int by_signature(const void *a, const void *b)
{
	const struct place *x = *(const struct place *const *)a;
	const struct place *y = *(const struct place *const *)b;

	if (x->readable != y->readable)
		return x->readable ? -1 : 1;
	if (x->signature != y->signature)
		return x->signature < y->signature ? -1 : 1;
	return x < y ? -1 : x > y;
}

/*
 * The place whose keys most epochs have; of several such the one with the last
 * epoch.  NULL if less than two can be read, or there is no memory.
 */
static const struct place *choose(const struct place *places, size_t first,
				  size_t end, size_t *of, struct error *err)
{
	const struct place **sorted = memory_array(end - first,
						   sizeof(*sorted), err);
	const struct place *best = NULL;
	size_t most = 0, n = 0;

	*of = 0;
	if (!sorted)
		return NULL;
	for (size_t i = first; i < end; i++)
		sorted[i - first] = &places[i];
	qsort(sorted, end - first, sizeof(*sorted), by_signature);
	for (size_t i = 0; i < end - first && sorted[i]->readable; i++) {
		bool same = i > 0 && sorted[i]->signature ==
			    sorted[i - 1]->signature;

		n = same ? n + 1 : 1;
		if (n > most || (n == most && sorted[i] > best)) {
			most = n;
			best = sorted[i];
		}
		(*of)++;
	}
	free(sorted);
	return *of > 1 ? best : NULL;
}

/* Load the keys that p has from it, or from the first other that has them. */
static bool load_keys(struct references *refs, struct place *places,
		      size_t first, size_t end, const struct place *best,
		      const struct candidates *candidates, struct error *err)
{
	struct reference *r = NULL;

	for (size_t n = 0; n <= end - first; n++) {
		struct place *p = &places[n == 0 ? (size_t)(best - places) :
					  first + n - 1];
		const struct candidate *c = &candidates->items[p->index];

		if (!p->readable || p->signature != best->signature)
			continue;
		if (!r)
			r = reference_add(refs, c->name, err);
		if (!r)
			return false;
		r->error = (struct error){ 0 };
		if (!reference_load(r, c->path, err))
			return false;
		if (r->error.kind == ERROR_NONE)
			break;
		set_fault(p, &r->error);
		p->readable = false;
	}
	return true;
}

static bool find_run(struct references *refs, struct place *places,
		     size_t first, size_t end,
		     const struct candidates *candidates, size_t *numbers,
		     struct error *err)
{
	size_t of, agree;
	const struct place *best = choose(places, first, end, &of, err);

	if (!best)
		return err->kind == ERROR_NONE;
	agree = count_equal(places, first, end, best);
	if (!load_keys(refs, places, first, end, best, candidates, err))
		return false;
	refs->items[refs->count - 1].of = of;
	refs->items[refs->count - 1].agree = agree;
	for (size_t i = first; i < end; i++)
		numbers[places[i].index] = refs->count;
	return true;
}

/*
 * What is wrong with a bundle is found again when it is judged.  What the
 * system could not do now, it may do then: so it is kept.
 */
static bool keep_fault(struct references *refs, const struct place *p,
		       const struct candidate *c, size_t *numbers,
		       struct error *err)
{
	struct reference *r;

	if (p->fault == ERROR_MEMORY)
		return error_set(err, ERROR_MEMORY, ERROR_NO_OFFSET,
				 "out of memory for the keys of \"%.200s\"",
				 c->path);
	if (p->fault != ERROR_IO)
		return true;
	r = reference_add(refs, c->name, err);
	if (!r)
		return false;
	error_set(&r->error, ERROR_IO, ERROR_NO_OFFSET,
		  "its keys could not be compared with those of its run: "
		  "%.200s", p->reason);
	numbers[p->index] = refs->count;
	return true;
}

bool reference_find_runs(struct references *refs, struct place *places,
			 size_t count, const struct candidates *candidates,
			 size_t *numbers, unsigned threads, struct error *err)
{
	sign_places(places, count, candidates, threads);
	for (size_t first = 0, end; first < count; first = end) {
		end = end_of_run(places, count, first);
		if (end - first > 1 &&
		    !find_run(refs, places, first, end, candidates, numbers,
			      err))
			return false;
	}
	for (size_t i = 0; i < count; i++)
		if (!keep_fault(refs, &places[i],
				&candidates->items[places[i].index], numbers,
				err))
			return false;
	return interrupt_check(err);
}
