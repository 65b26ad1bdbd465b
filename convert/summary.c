/* summary.c - merge journals */
#include "convert/summary.h"

#include <stdlib.h>
#include <string.h>

#include "convert/journal_object.h"
#include "convert/journal_read.h"

/* More than that nobody has: a journal that says so is not to be believed. */
enum { SHARDS_LIMIT = 1 << 20 };

/* The last run of one journal. */
struct last_run {
	char began[64];		/* a time; "": none did */
	uint64_t shard, shards;
	bool finished;
};

struct reading {
	struct summary *summary;
	struct last_run run;	/* of the journal that is read */
	size_t order;
};

static void take_event(struct last_run *run, const struct record *record)
{
	if (record->kind == RECORD_END) {
		run->finished = record->not_begun == 0;
		return;
	}
	if (record->shards == 0 || record->shards > SHARDS_LIMIT ||
	    record->shard >= record->shards ||
	    strlen(record->time) >= sizeof(run->began))
		return;
	strncpy(run->began, record->time, sizeof(run->began) - 1);
	run->shard = record->shard;
	run->shards = record->shards;
	run->finished = false;
}

static const char *keep(struct arena *arena, const char *text,
			struct error *err)
{
	return arena_copy(arena, text, strlen(text), err);
}

static bool take(void *to, const struct record *record, const char *line,
		 size_t len, struct error *err)
{
	struct reading *r = to;
	struct summary *s = r->summary;
	void *grown = s->sources;
	struct summary_source *source;

	(void)line;
	(void)len;
	if (record->kind != RECORD_SOURCE) {
		take_event(&r->run, record);
		return true;
	}
	if (!memory_grow(&grown, &s->capacity, s->count + 1,
			 sizeof(*s->sources), err))
		return false;
	s->sources = grown;
	source = &s->sources[s->count];
	*source = (struct summary_source){
		.path = keep(&s->arena, record->source, err),
		.time = keep(&s->arena, record->time, err),
		.order = r->order++, .status = record->status,
	};
	if (record->status == STATUS_FAILED && record->reason)
		source->reason = keep(&s->arena, record->reason, err);
	s->count++;
	return err->kind == ERROR_NONE;
}

static int by_age(const void *a, const void *b)
{
	const struct summary_source *x = a, *y = b;
	int order = strcmp(x->path, y->path);

	if (order == 0)
		order = strcmp(x->time, y->time);
	return order ? order : (x->order < y->order ? -1 : 1);
}

/* Of each source keep the latest record. */
static void merge(struct summary *s)
{
	size_t kept = 0;

	if (s->count > 0)
		qsort(s->sources, s->count, sizeof(*s->sources), by_age);
	for (size_t i = 0; i < s->count; i++)
		if (i + 1 == s->count || strcmp(s->sources[i].path,
						s->sources[i + 1].path) != 0)
			s->sources[kept++] = s->sources[i];
	s->count = kept;
	for (size_t i = 0; i < s->count; i++)
		s->totals[s->sources[i].status]++;
}

static bool judge_shards(struct summary *s, const struct last_run *runs,
			 size_t count, struct error *err)
{
	const struct last_run *newest = NULL;

	for (size_t i = 0; i < count; i++)
		if (runs[i].began[0] &&
		    (!newest || strcmp(runs[i].began, newest->began) > 0))
			newest = &runs[i];
	s->shard_count = newest ? (size_t)newest->shards : 0;
	s->shards = memory_array(s->shard_count, sizeof(*s->shards), err);
	if (!s->shards)
		return false;
	for (size_t i = 0; i < count; i++)
		if (runs[i].began[0] && runs[i].shards == newest->shards)
			s->shards[runs[i].shard] = runs[i].finished ?
				SHARD_FINISHED : SHARD_UNFINISHED;
	for (size_t i = 0; i < s->shard_count; i++) {
		s->missing += s->shards[i] == SHARD_MISSING;
		s->unfinished += s->shards[i] == SHARD_UNFINISHED;
	}
	return true;
}

static bool read_all(struct summary *s, const struct journal_folder *folder,
		     const struct journal_names *list, struct error *err)
{
	struct last_run *runs = memory_array(list->count, sizeof(*runs), err);
	struct reading reading = { .summary = s };
	const struct journal_taker taker = { take, &reading };
	bool ok = runs != NULL;

	for (size_t i = 0; ok && i < list->count; i++) {
		reading.run = (struct last_run){ 0 };
		if (i > 0 && journal_object_same_run(list->names[i - 1],
						     list->names[i])) {
			reading.run = runs[i - 1];
			runs[i - 1] = (struct last_run){ 0 };
		}
		ok = journal_read(folder, list->names[i], &taker,
				  &s->unreadable, err);
		runs[i] = reading.run;
	}
	merge(s);
	ok = ok && judge_shards(s, runs, list->count, err);
	free(runs);
	return ok;
}

bool summary_read(struct summary *s, const char *root, struct error *err)
{
	struct journal_names list = { 0 };
	struct journal_folder folder;
	bool ok = journal_find_folder(&folder, root, err);

	*s = (struct summary){ 0 };
	if (ok && (folder.prefix || folder.folder.path))
		ok = journal_list(&list, &folder, err) &&
		     read_all(s, &folder, &list, err);
	s->journals = list.count;
	journal_free_names(&list);
	journal_close_folder(&folder);
	if (!ok)
		summary_free(s);
	return ok;
}

bool summary_is_good(const struct summary *s)
{
	return s->totals[STATUS_FAILED] + s->missing + s->unfinished == 0;
}

void summary_free(struct summary *s)
{
	free(s->sources);
	free(s->shards);
	arena_free(&s->arena);
	*s = (struct summary){ 0 };
}
