/* plan.c - destinations, and what stands in their way */
#include "convert/plan.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "formats/bundle.h"
#include "remote/object.h"

static struct error *new_fault(struct plan *plan, struct job *job,
			       struct error *err)
{
	struct error *fault = arena_array(&plan->arena, 1, sizeof(*fault),
					  err);

	if (fault) {
		error_in(fault, job->source->path, NULL);
		job->error = fault;
	}
	return fault;
}

/* What a bundle's name lacks: a template may have said it. */
static const char *suffix_of(const char *bundle,
			     const struct settings *settings)
{
	if (settings->format != FORMAT_ZIP ||
	    (settings->name_template &&
	     text_ends_in(bundle, BUNDLE_ZIP_SUFFIX)))
		return "";
	return BUNDLE_ZIP_SUFFIX;
}

/* What the system would say when the bundle gets its name, or is read. */
static bool check_lengths(size_t name_len, size_t before,
			  const struct settings *settings, struct error *err)
{
	size_t longest = before + name_len;

	if (settings->format != FORMAT_ZIP)
		longest += strlen("/" BUNDLE_WEIGHTS);
	if (name_len > NAME_MAX)
		return error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
				 "its bundle would have a name of %zu bytes, "
				 "over the limit of %d", name_len, NAME_MAX);
	return longest < PATH_MAX ||
	       error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
			 "the paths in its bundle would have up to %zu bytes, "
			 "over the limit of %d", longest, PATH_MAX - 1);
}

/* A key can have what a path on this machine cannot. */
static bool check_folders(const char *from, size_t len, struct error *err)
{
	while (len > 0) {
		const char *slash = memchr(from, '/', len);
		size_t n = slash ? (size_t)(slash - from) : len;

		if ((n == 1 && from[0] == '.') ||
		    (n == 2 && from[0] == '.' && from[1] == '.'))
			return error_set(err, ERROR_UNSAFE, ERROR_NO_OFFSET,
					 "its key has \"%.*s\" between "
					 "slashes, which no folder can be "
					 "called", (int)n, from);
		from += n + (slash != NULL);
		len -= n + (slash != NULL);
	}
	return true;
}

/*
 * Append the folders of a key to the path of a folder; how many bytes that
 * are.  "a//b" and "a/b" are two keys, but one folder: it is called the same,
 * so that two bundles with one place are noticed.
 */
static size_t copy_folders(char *to, const char *from, size_t len)
{
	size_t used = 0;

	for (size_t i = 0; i < len; i++)
		if (from[i] != '/' || (used > 0 && to[used - 1] != '/'))
			to[used++] = from[i];
	return used;
}

/* Is it the path of an object that there can be? */
static bool check_key(const char *path, const struct settings *settings,
		      struct error *err)
{
	struct object_name name;
	size_t len;

	if (settings->format != FORMAT_ZIP)
		return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				 "a bundle on S3 is a zip archive: --format "
				 "zip");
	if (!object_split(&name, path, err))
		return false;
	len = strlen(name.place.key);
	if (len > S3_KEY_LIMIT)
		return error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
				 "its bundle would have a key of %zu bytes, "
				 "over the limit of %d", len, S3_KEY_LIMIT);
	return text_is_utf8(name.place.key, len) ||
	       error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
			 "its name is not UTF-8, and so cannot be the key of "
			 "an object");
}

/* The output folder, the source's folders below its root, the bundle. */
static bool set_dest(struct plan *plan, struct job *job, const char *bundle,
		     const struct settings *settings, struct error *err)
{
	const char *root = settings->in_place ? "" :
			   settings->output ? settings->output : "";
	const char *from = settings->in_place ? job->source->path
					      : job->source->relative;
	size_t folders = (size_t)(file_base_name(from) - from);
	const char *suffix = suffix_of(bundle, settings);
	size_t bundle_len = strlen(bundle), suffix_len = strlen(suffix);
	size_t root_len = strlen(root);
	size_t slash = root_len > 0 && root[root_len - 1] != '/';
	size_t used = root_len + slash;
	bool object = object_is_path(root_len > 0 ? root : from);
	char *dest;

	if (!object && (!check_lengths(bundle_len + suffix_len, used + folders,
				       settings, err) ||
			(job->source->etag &&
			 !check_folders(from, folders, err))))
		return false;
	dest = arena_array(&plan->arena, used + folders + bundle_len +
			   suffix_len + 1, 1, err);
	if (!dest)
		return false;
	memcpy(dest, root, root_len);
	memcpy(dest + root_len, "/", slash);
	job->root_len = used + strlen(from) - strlen(job->source->relative);
	if (job->source->etag && !object)
		folders = copy_folders(dest + used, from, folders);
	else
		memcpy(dest + used, from, folders);
	used += folders;
	memcpy(dest + used, bundle, bundle_len);
	memcpy(dest + used + bundle_len, suffix, suffix_len);
	if (object && !check_key(dest, settings, err))
		return false;
	job->dest = dest;
	return true;
}

static bool name_job(struct plan *plan, struct job *job,
		     const struct settings *settings, struct error *err)
{
	const char *bundle;

	if (!names_parse(&job->name, job->source->path, &plan->arena, err))
		return false;
	if (settings->run)
		job->name.run = settings->run;
	if (settings->epoch != SETTINGS_NO_EPOCH) {
		job->name.has_epoch = true;
		job->name.epoch = settings->epoch;
	}
	if (settings->run || settings->epoch != SETTINGS_NO_EPOCH)
		job->name.current = false;
	return names_print(&bundle, &job->name, settings->name_template,
			   &plan->arena, err) &&
	       set_dest(plan, job, bundle, settings, err);
}

static bool plan_job(struct plan *plan, struct job *job,
		     const struct settings *settings, struct error *err)
{
	struct error probe = { 0 }, *fault;

	if (job->source->skip || job->source->error) {
		job->error = job->source->error;
		return true;
	}
	if (name_job(plan, job, settings, &probe))
		return true;
	fault = new_fault(plan, job, err);
	if (!fault)
		return false;
	error_set(fault, probe.kind, probe.offset, "%s", probe.reason);
	return true;
}

static int by_dest(const void *a, const void *b)
{
	const struct job *x = *(const struct job *const *)a;
	const struct job *y = *(const struct job *const *)b;
	int order = strcmp(x->dest, y->dest);

	/* Of two for one bundle the first in report order is kept. */
	return order ? order : (x < y ? -1 : x > y);
}

static int dest_is(const void *key, const void *element)
{
	return strcmp(key, (*(struct job *const *)element)->dest);
}

/* A bundle whose folder another bundle would lie in. */
static bool check_inside(struct plan *plan, struct job **sorted, size_t count,
			 struct job *job, struct error *err)
{
	char *above = arena_copy(&plan->arena, job->dest, strlen(job->dest),
				 err);
	char *slash;

	if (!above)
		return false;
	while ((slash = strrchr(above, '/')) != NULL) {
		struct job **found;
		struct error *fault;

		*slash = '\0';
		found = bsearch(above, sorted, count, sizeof(*sorted),
				dest_is);
		if (!found || (*found)->error)
			continue;
		fault = new_fault(plan, *found, err);
		if (!fault)
			return false;
		error_set(fault, ERROR_USAGE, ERROR_NO_OFFSET,
			  "would become the bundle %.200s, in which the bundle "
			  "of %.200s would lie", (*found)->dest,
			  job->source->path);
	}
	return true;
}

/* Sort the jobs that have a bundle by it, and link those that share one. */
static size_t link_same(struct plan *plan, struct job **sorted)
{
	size_t count = 0;

	for (size_t i = 0; i < plan->count; i++) {
		plan->jobs[i].same_as = NULL;
		plan->jobs[i].next_same = NULL;
		if (plan->jobs[i].dest)
			sorted[count++] = &plan->jobs[i];
	}
	qsort(sorted, count, sizeof(*sorted), by_dest);
	for (size_t i = 1, first = 0; i < count; i++) {
		if (strcmp(sorted[i]->dest, sorted[first]->dest) != 0) {
			first = i;
			continue;
		}
		sorted[i]->same_as = sorted[first];
		sorted[i - 1]->next_same = sorted[i];
	}
	return count;
}

/* Which jobs are of this shard. */
static void choose_shard(struct plan *plan, const struct shard *shard,
			 bool *keep)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct job *job = &plan->jobs[i];
		const struct job *first = job->same_as ? job->same_as : job;

		keep[i] = shard_of(first->source->relative, shard->count) ==
			  shard->index;
	}
}

static bool settle(struct plan *plan, const struct shard *shard,
		   struct error *err)
{
	struct job **sorted = memory_array(plan->count, sizeof(*sorted), err);
	bool *keep = memory_array(plan->count, sizeof(*keep), err);
	bool ok = sorted && keep;
	size_t count = ok ? link_same(plan, sorted) : 0;

	for (size_t i = 0; ok && i < count; i++)
		ok = check_inside(plan, sorted, count, sorted[i], err);
	if (ok) {
		choose_shard(plan, shard, keep);
		ok = plan_keep(plan, keep, err);
	}
	free(sorted);
	free(keep);
	return ok;
}

struct sized {
	uint64_t nbytes;
	size_t index;
};

static int by_size(const void *a, const void *b)
{
	const struct sized *x = a, *y = b;

	if (x->nbytes != y->nbytes)
		return x->nbytes > y->nbytes ? -1 : 1;
	return x->index < y->index ? -1 : 1;
}

static bool sort_by_size(struct plan *plan, struct error *err)
{
	struct sized *sized = memory_array(plan->count, sizeof(*sized), err);

	if (!sized)
		return false;
	for (size_t i = 0; i < plan->count; i++)
		sized[i] = (struct sized){ plan->jobs[i].source->nbytes, i };
	qsort(sized, plan->count, sizeof(*sized), by_size);
	for (size_t i = 0; i < plan->count; i++)
		plan->order[i] = sized[i].index;
	free(sized);
	return true;
}

bool plan_keep(struct plan *plan, const bool *keep, struct error *err)
{
	struct job **sorted = memory_array(plan->count, sizeof(*sorted), err);
	size_t kept = 0;

	if (!sorted)
		return false;
	for (size_t i = 0; i < plan->count; i++)
		if (keep[i])
			plan->jobs[kept++] = plan->jobs[i];
	plan->count = kept;
	link_same(plan, sorted);	/* the jobs have moved */
	free(sorted);
	return sort_by_size(plan, err);
}

bool plan_make(struct plan *plan, const struct sources *sources,
	       const struct settings *settings, struct error *err)
{
	*plan = (struct plan){ 0 };
	plan->jobs = memory_array(sources->count, sizeof(*plan->jobs), err);
	plan->order = memory_array(sources->count, sizeof(*plan->order), err);
	if (!plan->jobs || !plan->order)
		goto fail;
	plan->count = sources->count;
	for (size_t i = 0; i < plan->count; i++) {
		plan->jobs[i].source = &sources->items[i];
		if (!plan_job(plan, &plan->jobs[i], settings, err))
			goto fail;
	}
	if (settle(plan, &settings->shard, err))
		return true;
fail:
	plan_free(plan);
	return false;
}

void plan_free(struct plan *plan)
{
	free(plan->jobs);
	free(plan->order);
	arena_free(&plan->arena);
	*plan = (struct plan){ 0 };
}
