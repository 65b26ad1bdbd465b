/* journal.c - the files of the journal, and lines for them */
#include "convert/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "convert/leftovers.h"
#include "convert/record.h"
#include "remote/object.h"

static const char name_prefix[] = "journal", name_suffix[] = ".jsonl";

/* Lines are gathered up to so many bytes. */
enum { LINES_SIZE = 64 << 10 };

bool journal_is_name(const char *file_name)
{
	return strncmp(file_name, name_prefix, sizeof(name_prefix) - 1) == 0 &&
	       text_ends_in(file_name, name_suffix);
}

/* ---- roots ---- */

static bool is_root_of(const struct journal *j, const struct job *job)
{
	return j->root_len == job->root_len &&
	       strncmp(j->root, job->dest, strlen(j->root)) == 0;
}

static struct journal *find(const struct journals *js, const struct job *job)
{
	for (size_t i = 0; i < js->count; i++)
		if (is_root_of(&js->items[i], job))
			return &js->items[i];
	return NULL;
}

/* Without the slashes at its end; "/" is one slash. */
static char *copy_root(const char *path, size_t len, struct error *err)
{
	while (len > 1 && path[len - 1] == '/')
		len--;
	return memory_copy(path, len, err);
}

static bool add_root(struct journals *js, const char *path, size_t len,
		     struct error *err)
{
	void *grown = js->items;
	struct journal *j;

	if (!memory_grow(&grown, &js->capacity, js->count + 1,
			 sizeof(*js->items), err))
		return false;
	js->items = grown;
	j = &js->items[js->count];
	*j = (struct journal){ .root = copy_root(path, len, err),
			       .root_len = len };
	js->count += j->root != NULL;
	return j->root != NULL;
}

static bool add_roots(struct journals *js, const struct plan *plan,
		      struct error *err)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct job *job = &plan->jobs[i];

		if (job->dest && !job->source->named && !find(js, job) &&
		    !add_root(js, job->dest, job->root_len, err))
			return false;
	}
	return true;
}

struct journal *journals_of(const struct journals *js, const struct job *job)
{
	if (js->one)
		return js->count > 0 ? &js->items[0] : NULL;
	return job->dest && !job->source->named ? find(js, job) : NULL;
}

/* ---- open and close ---- */

static void print_name(char name[64], const struct shard *shard,
		       const char *suffix)
{
	if (shard->count == 1)
		snprintf(name, 64, "%s%s", name_prefix, suffix);
	else
		snprintf(name, 64, "%s-%u-of-%u%s", name_prefix, shard->index,
			 shard->count, suffix);
}

static bool open_object(struct journal *j, const struct settings *settings,
			struct error *err)
{
	char *folder = file_join(j->root, JOURNAL_FOLDER, err), name[64];
	bool ok;

	print_name(name, &settings->shard, "");
	ok = folder && journal_object_open(&j->object, folder, name, err);
	free(folder);
	return ok;
}

static bool open_one(struct journal *j, const struct settings *settings,
		     struct error *err)
{
	char name[64];

	if (object_is_path(j->root))
		return open_object(j, settings, err);
	print_name(name, &settings->shard, name_suffix);
	return folder_open(&j->folder, j->root, err) &&
	       folder_descend(&j->folder, JOURNAL_FOLDER,
			      strlen(JOURNAL_FOLDER), err) &&
	       append_open(&j->file, &j->folder, name, err) &&
	       claim_take(&j->claim, &j->folder, err);
}

bool journals_open(struct journals *js, const struct plan *plan,
		   const struct settings *settings, struct error *err)
{
	bool ok;

	*js = (struct journals){
		.one = settings->output != NULL,
		.sync = settings->durability != DURABILITY_NONE };
	/* A shard that nothing fell to says so: it is not missing. */
	if (settings->check ||
	    (plan->count == 0 && settings->shard.count == 1))
		return true;
	ok = record_options(settings, js->options, err);
	if (settings->output)
		ok = ok && add_root(js, settings->output,
				    strlen(settings->output), err);
	else if (settings->in_place)
		ok = ok && add_roots(js, plan, err);
	for (size_t i = 0; ok && !settings->read_only && i < js->count; i++)
		ok = open_one(&js->items[i], settings, err);
	if (!ok)
		journals_close(js);
	return ok;
}

void journals_close(struct journals *js)
{
	for (size_t i = 0; i < js->count; i++) {
		struct journal *j = &js->items[i];

		append_close(&j->file);
		journal_object_close(&j->object);
		claim_release(&j->claim, &j->folder, &js->error);
		folder_close(&j->folder);
		free(j->root);
	}
	free(js->items);
	*js = (struct journals){ 0 };
}

/* ---- begin and end ---- */

/* Of several faults the first is told. */
static void keep_fault(struct journals *js, const struct journal *j,
		       struct error *fault)
{
	error_in(fault, j->object.path ? j->object.path : j->file.path, NULL);
	if (js->error.kind == ERROR_NONE)
		js->error = *fault;
}

static bool add_lines(struct journal *j, const struct buffer *lines, bool sync,
		      struct error *err)
{
	return j->object.path ?
	       journal_object_add(&j->object, lines->data, lines->len, err) :
	       append_lines(&j->file, lines->data, lines->len, sync, err);
}

static bool remove_leftovers(const struct journal *j, size_t *removed,
			     struct error *err)
{
	struct dead_claims dead;
	struct folder root = { 0 };
	bool ok;

	if (j->object.path)
		return true;	/* nothing has a temporary name on S3 */
	ok = claim_find_dead(&dead, &j->folder, &j->claim, err);
	if (ok && dead.count > 0) {
		ok = folder_open(&root, j->root, err) &&
		     leftovers_remove(&root, &dead, removed, err);
		folder_close(&root);
	}
	if (ok)
		claim_remove_dead(&dead, &j->folder);
	claim_free_dead(&dead);
	return ok;
}

static size_t count_sources(const struct journals *js, const struct journal *j,
			    const struct plan *plan)
{
	size_t count = 0;

	for (size_t i = 0; i < plan->count; i++)
		count += journals_of(js, &plan->jobs[i]) == j;
	return count;
}

bool journals_begin(struct journals *js, const struct plan *plan,
		    const struct settings *settings, size_t *removed,
		    struct error *err)
{
	struct buffer line = { 0 };
	bool ok = true;

	*removed = 0;
	for (size_t i = 0; ok && i < js->count; i++) {
		struct journal *j = &js->items[i];

		line.len = 0;
		ok = remove_leftovers(j, removed, err) &&
		     record_print_begin(&line, &settings->shard,
					count_sources(js, j, plan), err) &&
		     add_lines(j, &line, false, err);
	}
	buffer_free(&line);
	return ok;
}

void journals_end(struct journals *js, size_t not_begun)
{
	for (size_t i = 0; i < js->count; i++) {
		struct journal *j = &js->items[i];
		struct buffer line = { 0 };
		struct error fault = { 0 };

		if (!record_print_end(&line, not_begun, &fault) ||
		    !add_lines(j, &line, false, &fault) ||
		    !claim_release(&j->claim, &j->folder, &fault))
			keep_fault(js, j, &fault);
		buffer_free(&line);
	}
}

/* ---- lines ---- */

void journals_flush(struct journals *js, struct journal_lines *lines)
{
	struct error fault = { 0 };

	if (lines->text.len > 0) {
#pragma omp critical(journal)
		if (!add_lines(lines->journal, &lines->text, js->sync,
			       &fault))
			keep_fault(js, lines->journal, &fault);
	}
	lines->text.len = 0;
}

void journals_add(struct journals *js, struct journal_lines *lines,
		  const struct job *job, const struct result *result)
{
	struct journal *j = journals_of(js, job);
	struct error fault = { 0 };
	size_t before;

	if (!j)
		return;
	if (lines->journal != j)
		journals_flush(js, lines);
	lines->journal = j;
	before = lines->text.len;
	if (!record_print(&lines->text, job, result, js->options, &fault)) {
		lines->text.len = before;
#pragma omp critical(journal)
		keep_fault(js, j, &fault);
	}
	if (lines->text.len > LINES_SIZE)
		journals_flush(js, lines);
}
