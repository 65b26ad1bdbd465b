/* history.c - match the records of journals with the jobs of a plan */
#include "convert/history.h"

#include <stdlib.h>
#include <string.h>

#include "convert/journal_read.h"

struct matcher {
	struct history *history;
	const struct journals *journals;
	const struct journal *journal;	/* whose folder is read */
	const struct plan *plan;
};

/* The first job of this relative path, or one behind it: they are sorted. */
static size_t find_first(const struct plan *plan, const char *relative)
{
	size_t low = 0, high = plan->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(plan->jobs[middle].source->relative, relative) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_of(const struct record *record, const struct job *job)
{
	return !record->bundle ||
	       (job->dest &&
		strcmp(record->bundle, job->dest + job->root_len) == 0);
}

static const struct record *keep(struct arena *arena,
				 const struct record *record,
				 const char *line, size_t len,
				 struct error *err)
{
	struct record *kept = arena_array(arena, 1, sizeof(*kept), err);

	if (!kept || !record_parse(kept, line, len, arena, err))
		return NULL;
	/* Not what the line says, if those above it say more. */
	kept->time = arena_copy(arena, record->time, strlen(record->time),
				err);
	return kept->time ? kept : NULL;
}

static bool match(void *to, const struct record *record, const char *line,
		  size_t len, struct error *err)
{
	const struct matcher *m = to;
	const struct record *kept = NULL;
	size_t i;

	if (record->kind != RECORD_SOURCE)
		return true;
	m->history->sources++;
	i = find_first(m->plan, record->source);
	for (; i < m->plan->count; i++) {
		const struct job *job = &m->plan->jobs[i];
		const struct record *other = m->history->records[i];

		if (strcmp(job->source->relative, record->source) != 0)
			break;
		if (journals_of(m->journals, job) != m->journal ||
		    !is_of(record, job) ||
		    (other && strcmp(other->time, record->time) > 0))
			continue;
		if (!kept)
			kept = keep(&m->history->arena, record, line, len,
				    err);
		if (!kept)
			return false;
		m->history->records[i] = kept;
	}
	return true;
}

static bool read_root(struct matcher *m, struct error *err)
{
	const struct journal_taker taker = { match, m };
	struct journal_names list = { 0 };
	struct journal_folder folder;
	bool ok = journal_find_folder(&folder, m->journal->root, err);

	if (ok && (folder.prefix || folder.folder.path))
		ok = journal_list(&list, &folder, err);
	for (size_t i = 0; ok && i < list.count; i++)
		ok = journal_read(&folder, list.names[i], &taker,
				  &m->history->unreadable, err);
	journal_free_names(&list);
	journal_close_folder(&folder);
	return ok;
}

bool history_read(struct history *history, const struct journals *journals,
		  const struct plan *plan, struct error *err)
{
	struct matcher m = { .history = history, .journals = journals,
			     .plan = plan };
	bool ok;

	*history = (struct history){ 0 };
	history->records = memory_array(plan->count,
					sizeof(*history->records), err);
	ok = history->records != NULL;
	for (size_t i = 0; ok && i < journals->count; i++) {
		m.journal = &journals->items[i];
		ok = read_root(&m, err);
	}
	if (!ok)
		history_free(history);
	return ok;
}

void history_free(struct history *history)
{
	free(history->records);
	arena_free(&history->arena);
	*history = (struct history){ 0 };
}
