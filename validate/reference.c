/* reference.c - who is held to what */
#include "validate/reference.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "formats/bundle.h"
#include "remote/object.h"
#include "remote/resolve.h"
#include "validate/reference_runs.h"

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

struct reference *reference_add(struct references *refs, const char *name,
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
static bool is_of_reference(const struct error *fault, struct error *err)
{
	if (fault->kind != ERROR_MEMORY && fault->kind != ERROR_INTERRUPTED)
		return true;
	*err = *fault;
	return false;
}

bool reference_load(struct reference *r, const char *path, struct error *err)
{
	return reference_read(&r->keys, path, &r->error) ||
	       is_of_reference(&r->error, err);
}

/* ---- one reference by name in each folder ---- */

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

/* *path is NULL if nothing has this name, or if that cannot be told. */
static bool look_at(char **path, const char *folder, const char *name,
		    const char *suffix, struct error *err)
{
	struct buffer whole = { 0 };
	mode_t mode = 0;
	bool ok = buffer_print(&whole, err, "%s%s%s%s", folder,
			       folder[0] && strcmp(folder, "/") != 0 ? "/" : "",
			       name, suffix) &&
		  buffer_terminate(&whole, err) &&
		  object_look_or_file(whole.data, &mode, err);

	*path = whole.data;
	if (mode == 0) {
		buffer_free(&whole);
		*path = NULL;
	}
	return ok;
}

/* The first place that has something of this name; NULL if none has. */
static bool look_for(char **path, const char *folder, const char *name,
		     struct error *err)
{
	const char *const places[] = { folder, "" };

	*path = NULL;
	for (size_t i = 0; i < 2 && !*path; i++)
		if (!look_at(path, places[i], name, "", err) ||
		    (!*path && !look_at(path, places[i], name,
					BUNDLE_ZIP_SUFFIX, err)))
			return false;
	return true;
}

static bool add_beside(struct references *refs, const char *folder,
		       const char *name, struct error *err)
{
	struct reference *r = reference_add(refs, name, err);
	char *path = NULL;
	bool ok = r != NULL;

	if (ok && !look_for(&path, folder, name, &r->error))
		ok = is_of_reference(&r->error, err);
	else if (ok && path)
		ok = reference_load(r, path, err);
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

static bool add_named(struct references *refs, const char *against,
		      struct error *err)
{
	struct reference *r = reference_add(refs, against, err);
	char *path = NULL;
	bool ok = r && resolve_operand(&path, against, err) &&
		  reference_load(r, path, err);

	if (ok && r->error.kind != ERROR_NONE) {
		*err = r->error;
		ok = false;
	}
	free(path);
	return ok;
}

static bool find_against(struct references *refs, const struct place *places,
			 size_t count, const char *against, size_t *numbers,
			 struct error *err)
{
	if (is_bundle_name(against))
		return find_beside(refs, places, count, against, numbers, err);
	if (!add_named(refs, against, err))
		return false;
	for (size_t i = 0; i < count; i++)
		numbers[places[i].index] = refs->count;
	return true;
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
	      reference_find_runs(refs, places, count, candidates, run,
				  threads, err));
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
