/* reference.c - who is held to what */
#include "validate/reference.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "formats/bundle.h"

static bool is_judged(const struct candidate *c)
{
	return !c->skip && !c->error;
}

/* The folder that a candidate lies in, in the arena. */
static const char *folder_of(struct references *refs,
			     const struct candidate *c, struct error *err)
{
	const char *base = file_base_name(c->path);
	size_t len = (size_t)(base - c->path);

	if (strcmp(base, c->name) != 0) {	/* "." and the like */
		char *up = file_join(c->path, "..", err);
		const char *kept = up ? arena_copy(&refs->arena, up, strlen(up),
						   err) : NULL;

		free(up);
		return kept;
	}
	return arena_copy(&refs->arena, c->path, len > 1 ? len - 1 : len, err);
}

static struct reference *add(struct references *refs, const char *name,
			     struct error *err)
{
	void *grown = refs->items;
	struct reference *r;

	if (!memory_grow(&grown, &refs->capacity, refs->count + 1, sizeof(*r),
			 err))
		return NULL;
	refs->items = grown;
	r = &refs->items[refs->count];
	*r = (struct reference){ 0 };
	r->name = arena_copy(&refs->arena, name, strlen(name), err);
	if (!r->name)
		return NULL;
	refs->count++;
	return r;
}

/* A fault of the reference itself is kept; others are the program's. */
static bool load(struct reference *r, const char *path, struct error *err)
{
	if (reference_read(&r->keys, path, &r->error))
		return true;
	if (r->error.kind != ERROR_MEMORY && r->error.kind != ERROR_INTERRUPTED)
		return true;
	*err = r->error;
	return false;
}

/* ---- one reference by name in each folder ---- */

/*
 * Where each judged candidate is: sorted by folder, then run, then epoch.  For
 * those without an epoch the run is NULL.
 */
struct place {
	const char *folder;
	const char *run;
	size_t run_len;
	uint64_t epoch;
	size_t index;		/* of the candidate */
	uint64_t signature;	/* of its keys */
	bool readable;
	enum error_kind fault;	/* why it is not */
	char *reason;		/* malloc'ed: what the system said, or NULL */
};

static int by_folder_and_run(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	size_t shorter = x->run_len < y->run_len ? x->run_len : y->run_len;
	int order = strcmp(x->folder, y->folder);

	if (order == 0 && shorter > 0)
		order = memcmp(x->run, y->run, shorter);
	if (order != 0)
		return order;
	if (x->run_len != y->run_len)
		return x->run_len < y->run_len ? -1 : 1;
	if (x->epoch != y->epoch)
		return x->epoch < y->epoch ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static bool find_places(struct references *refs, struct place *places,
			size_t *count, const struct candidates *candidates,
			struct error *err)
{
	for (size_t i = 0; i < candidates->count; i++) {
		const struct candidate *c = &candidates->items[i];
		struct error ignored = { 0 };
		struct bundle_name name;
		struct place *p = &places[*count];

		if (!is_judged(c))
			continue;
		*p = (struct place){ .index = i };
		p->folder = folder_of(refs, c, err);
		if (!p->folder)
			return false;
		if (bundle_parse_name(&name, c->name, c->folder, &ignored) &&
		    name.has_epoch) {
			p->run = name.run;
			p->run_len = name.run_len;
			p->epoch = name.epoch;
		}
		(*count)++;
	}
	if (*count > 0)
		qsort(places, *count, sizeof(*places), by_folder_and_run);
	return true;
}

static bool is_there(char **path, const char *folder, const char *name,
		     const char *suffix, struct error *err)
{
	struct buffer whole = { 0 };
	struct stat st;
	bool there;

	*path = NULL;
	if (!buffer_print(&whole, err, "%s%s%s%s", folder,
			  folder[0] && strcmp(folder, "/") != 0 ? "/" : "",
			  name, suffix) ||
	    !buffer_terminate(&whole, err)) {
		buffer_free(&whole);
		return false;
	}
	there = stat(whole.data, &st) == 0;
	if (there)
		*path = whole.data;
	else
		buffer_free(&whole);
	return there;
}

/* The first place that has something of this name; NULL if none has. */
static char *look_for(const char *folder, const char *name, struct error *err)
{
	char *path = NULL;

	if (is_there(&path, folder, name, "", err) ||
	    is_there(&path, folder, name, BUNDLE_ZIP_SUFFIX, err) ||
	    is_there(&path, "", name, "", err) ||
	    is_there(&path, "", name, BUNDLE_ZIP_SUFFIX, err))
		return path;
	return NULL;
}

static bool add_beside(struct references *refs, const char *folder,
		       const char *name, struct error *err)
{
	struct reference *r = add(refs, name, err);
	char *path = r ? look_for(folder, name, err) : NULL;
	bool ok = r && err->kind == ERROR_NONE;

	if (ok && path)
		ok = load(r, path, err);
	else if (ok)
		error_set(&r->error, ERROR_CORRUPT, ERROR_NO_OFFSET,
			  "\"%.200s\" is not there, beside the bundle or where "
			  "the program was started", name);
	free(path);
	return ok;
}

/* Items move while they are added: numbers first, pointers at the end. */
static bool find_beside(struct references *refs, const struct place *places,
			size_t count, const char *name, size_t *numbers,
			struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		if ((i == 0 ||
		     strcmp(places[i].folder, places[i - 1].folder) != 0) &&
		    !add_beside(refs, places[i].folder, name, err))
			return false;
		numbers[places[i].index] = refs->count;
	}
	return true;
}

static bool is_bundle_name(const char *text)
{
	struct error ignored = { 0 };
	struct bundle_name name;

	return !strchr(text, '/') &&
	       bundle_parse_name(&name, text, true, &ignored) &&
	       name.has_epoch;
}

static bool find_against(struct references *refs, const struct place *places,
			 size_t count, const char *against, size_t *numbers,
			 struct error *err)
{
	struct reference *r;

	if (is_bundle_name(against))
		return find_beside(refs, places, count, against, numbers, err);
	r = add(refs, against, err);
	if (!r || !load(r, against, err))
		return false;
	if (r->error.kind != ERROR_NONE) {
		*err = r->error;
		return false;
	}
	for (size_t i = 0; i < count; i++)
		numbers[places[i].index] = refs->count;
	return true;
}

/* ---- the epochs of a run ---- */

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
			r = add(refs, c->name, err);
		if (!r)
			return false;
		r->error = (struct error){ 0 };
		if (!load(r, c->path, err))
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
 * What is wrong with a bundle is found again when it is judged.  What the system
 * could not do now, it may do then: so it is kept.
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
	r = add(refs, c->name, err);
	if (!r)
		return false;
	error_set(&r->error, ERROR_IO, ERROR_NO_OFFSET,
		  "its keys could not be compared with those of its run: "
		  "%.200s", p->reason);
	numbers[p->index] = refs->count;
	return true;
}

static bool find_runs(struct references *refs, struct place *places,
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

/* ---- both ---- */

static const struct reference **point(const struct references *refs,
				      const size_t *numbers, size_t count,
				      struct error *err)
{
	const struct reference **list = memory_array(count, sizeof(*list),
						     err);

	for (size_t i = 0; list && i < count; i++)
		if (numbers[i] > 0)
			list[i] = &refs->items[numbers[i] - 1];
	return list;
}

bool references_find(struct references *refs,
		     const struct candidates *candidates, const char *against,
		     bool consistent, unsigned threads, struct error *err)
{
	size_t n = candidates->count, count = 0;
	struct place *places = memory_array(n, sizeof(*places), err);
	/* One more than the reference's place in the list; 0: none. */
	size_t *one = memory_array(n, sizeof(*one), err);
	size_t *run = memory_array(n, sizeof(*run), err);
	bool ok;

	*refs = (struct references){ 0 };
	ok = places && one && run &&
	     find_places(refs, places, &count, candidates, err) &&
	     (!against ||
	      find_against(refs, places, count, against, one, err)) &&
	     (!consistent ||
	      find_runs(refs, places, count, candidates, run, threads, err));
	if (ok) {
		refs->against = point(refs, one, n, err);
		refs->run = point(refs, run, n, err);
		ok = refs->against && refs->run;
	}
	for (size_t i = 0; places && i < count; i++)
		free(places[i].reason);
	free(places);
	free(one);
	free(run);
	if (!ok)
		references_free(refs);
	return ok;
}

void references_free(struct references *refs)
{
	for (size_t i = 0; i < refs->count; i++)
		state_dict_free(&refs->items[i].keys);
	free(refs->items);
	free(refs->against);
	free(refs->run);
	arena_free(&refs->arena);
	*refs = (struct references){ 0 };
}
