/* sources.c - a list of sources, and what names say */
#include "convert/sources.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "formats/bundle.h"

bool sources_set_fault(struct sources *sources, struct source *source,
		       const struct error *fault, struct error *err)
{
	struct error *kept = arena_array(&sources->arena, 1, sizeof(*kept),
					 err);

	if (!kept)
		return false;
	*kept = *fault;
	source->error = kept;
	return true;
}

/* Where the path ends in this text, as it does for all but few; or NULL. */
static const char *end_of(const char *path, const char *text)
{
	size_t path_len = strlen(path), len = strlen(text);

	return len <= path_len && strcmp(path + path_len - len, text) == 0 ?
	       path + path_len - len : NULL;
}

struct source *sources_add(struct sources *sources, const char *path,
			   const char *relative, struct error *err)
{
	void *grown = sources->items;
	struct source *source;

	if (!memory_grow(&grown, &sources->capacity, sources->count + 1,
			 sizeof(*source), err))
		return NULL;
	sources->items = grown;
	source = &sources->items[sources->count];
	*source = (struct source){ 0 };
	source->path = arena_copy(&sources->arena, path, strlen(path), err);
	if (!source->path)
		return NULL;
	source->relative = end_of(source->path, relative);
	if (!source->relative)
		source->relative = arena_copy(&sources->arena, relative,
					      strlen(relative), err);
	if (!source->relative)
		return NULL;
	sources->count++;
	return source;
}

bool sources_add_fault(struct sources *sources, const char *root,
		       const struct error *fault, struct error *err)
{
	struct source *source;

	if (fault->kind == ERROR_MEMORY || fault->kind == ERROR_INTERRUPTED) {
		*err = *fault;
		return false;
	}
	source = sources_add(sources, root, file_base_name(root), err);
	if (!source)
		return false;
	source->named = true;
	return sources_set_fault(sources, source, fault, err);
}

/* A pattern with a slash is for the relative path, one without for the name. */
static bool matches(const struct option_list *patterns, const char *relative)
{
	for (size_t i = 0; i < patterns->count; i++) {
		const char *pattern = patterns->values[i];
		const char *text = strchr(pattern, '/') ?
				   relative : file_base_name(relative);

		if (fnmatch(pattern, text, 0) == 0)
			return true;
	}
	return false;
}

bool sources_is_excluded(const struct source_filter *filter,
			 const char *relative)
{
	return matches(filter->exclude, relative);
}

bool sources_is_candidate(const struct source_filter *filter,
			  const char *relative)
{
	const char *name = file_base_name(relative);

	if (matches(filter->exclude, relative))
		return false;
	if (filter->include->count > 0)
		return matches(filter->include, relative);
	return fnmatch("*.mpt", name, 0) == 0 || fnmatch("*.pt", name, 0) == 0;
}

const char *sources_known_name(const char *name)
{
	if (strcmp(name, "trainer_state.pt") == 0)
		return "the trainer's state, no policy";
	if (bundle_is_leftover(name))
		return "a temporary file that a crash left";
	if (fnmatch("*-submission.zip", name, 0) == 0)
		return "a pointer to a checkpoint, no checkpoint";
	return NULL;
}

static int by_relative(const void *a, const void *b)
{
	const struct source *x = a, *y = b;
	int order = strcmp(x->relative, y->relative);

	return order ? order : strcmp(x->path, y->path);
}

void sources_sort(struct sources *sources)
{
	if (sources->count > 0)
		qsort(sources->items, sources->count, sizeof(*sources->items),
		      by_relative);
}

void sources_free(struct sources *sources)
{
	free(sources->items);
	arena_free(&sources->arena);
	*sources = (struct sources){ 0 };
}
