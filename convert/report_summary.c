/* report_summary.c - journals that were summed up, for people and programs */
#include "convert/report_summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "formats/json.h"

enum { SHARDS_SHOWN = 100 };

static bool print_escaped(const char *text, struct error *err)
{
	size_t size = 4 * strlen(text) + 1;
	char *safe = memory_array(size, 1, err);

	if (safe) {
		text_escape(safe, size, text, strlen(text));
		fputs(safe, stdout);
	}
	free(safe);
	return safe != NULL;
}

static bool print_failed(const struct summary *s, struct error *err)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct summary_source *source = &s->sources[i];

		if (source->status != STATUS_FAILED)
			continue;
		fputs("failed ", stdout);
		if (!print_escaped(source->path, err))
			return false;
		fputs(": ", stdout);
		if (!print_escaped(source->reason ? source->reason : "", err))
			return false;
		putchar('\n');
	}
	return true;
}

/* "shards missing: 1, 3" */
static void print_shards(const struct summary *s, enum shard_state state,
			 size_t count, const char *what)
{
	size_t shown = 0;

	if (count == 0 || s->shard_count == 1)
		return;
	printf("shards %s:", what);
	for (size_t i = 0; i < s->shard_count && shown < SHARDS_SHOWN; i++)
		if (s->shards[i] == state)
			printf("%s %zu", shown++ ? "," : "", i);
	if (count > shown)
		printf(" and %zu more", count - shown);
	putchar('\n');
}

static bool print_people(const struct summary *s, struct error *err)
{
	if (!print_failed(s, err))
		return false;
	print_shards(s, SHARD_MISSING, s->missing, "missing");
	print_shards(s, SHARD_UNFINISHED, s->unfinished, "not finished");
	if (s->shard_count == 1 && s->unfinished > 0)
		puts("the last run did not finish");
	if (s->unreadable > 0)
		printf("%zu lines cannot be read and were passed over\n",
		       s->unreadable);
	printf("%zu sources: %zu converted, %zu skipped, %zu failed; "
	       "%zu of %zu shards finished\n", s->count,
	       s->totals[STATUS_CONVERTED] + s->totals[STATUS_KEPT],
	       s->totals[STATUS_SKIPPED], s->totals[STATUS_FAILED],
	       s->shard_count - s->missing - s->unfinished, s->shard_count);
	return true;
}

static void put_shards(struct json_writer *w, const struct summary *s,
		       enum shard_state state, const char *key)
{
	json_open(w, key, '[');
	for (size_t i = 0; i < s->shard_count; i++)
		if (s->shards[i] == state)
			json_put_u64(w, NULL, i);
	json_close(w, ']');
}

static void put_failed(struct json_writer *w, const struct summary *s)
{
	json_open(w, "failures", '[');
	for (size_t i = 0; i < s->count; i++) {
		const struct summary_source *source = &s->sources[i];

		if (source->status != STATUS_FAILED)
			continue;
		json_open(w, NULL, '{');
		json_put_path(w, "source", source->path);
		json_put_string(w, "reason",
				source->reason ? source->reason : "");
		json_close(w, '}');
	}
	json_close(w, ']');
}

static bool print_json(const struct summary *s, struct error *err)
{
	struct buffer text = { 0 };
	struct json_writer w = { .out = &text, .err = err };

	json_open(&w, NULL, '{');
	json_put_u64(&w, "sources", s->count);
	json_put_u64(&w, "converted", s->totals[STATUS_CONVERTED] +
		     s->totals[STATUS_KEPT]);
	json_put_u64(&w, "skipped", s->totals[STATUS_SKIPPED]);
	json_put_u64(&w, "failed", s->totals[STATUS_FAILED]);
	json_put_u64(&w, "unreadable_lines", s->unreadable);
	json_put_u64(&w, "shards", s->shard_count);
	put_shards(&w, s, SHARD_MISSING, "missing");
	put_shards(&w, s, SHARD_UNFINISHED, "not_finished");
	put_failed(&w, s);
	json_close(&w, '}');
	if (!w.failed) {
		fwrite(text.data, 1, text.len, stdout);
		putchar('\n');
	}
	buffer_free(&text);
	return !w.failed;
}

bool report_summary(const struct summary *s, bool json, struct error *err)
{
	return json ? print_json(s, err) : print_people(s, err);
}
