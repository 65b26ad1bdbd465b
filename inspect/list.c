/* list.c - mpt-inspect list: run, epoch, size and time of each checkpoint */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/console.h"
#include "inspect/listing.h"
#include "inspect/verb.h"

static const struct option_spec specs[] = {
	{ "latest", 0, OPTION_FLAG, REQUEST_FIELD(latest), 0, 0, NULL,
	  "print of each folder only the one that :latest loads" },
};

const struct option_table list_options = {
	specs, sizeof(specs) / sizeof(specs[0])
};

static void print_time(char buf[32], time_t time)
{
	struct tm utc;

	if (!gmtime_r(&time, &utc) ||
	    strftime(buf, 32, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
		memcpy(buf, "?", 2);
}

static size_t widest_run(const struct listing *l, struct answer *a)
{
	size_t widest = 0;

	for (size_t i = 0; i < l->count; i++) {
		const struct bundle_name *name = &l->entries[i].name;
		size_t columns = answer_columns(a, name->run, name->run_len);

		widest = columns > widest ? columns : widest;
	}
	return widest;
}

static void show(const struct listing *l, struct answer *a)
{
	size_t width = widest_run(l, a);
	char size[32], time[32];

	for (size_t i = 0; i < l->count; i++) {
		const struct listing_entry *e = &l->entries[i];

		print_time(time, e->modified);
		answer_escape_padded(a, e->name.run, e->name.run_len, width);
		answer_print(a, "  %6" PRIu64 "  %7s  %s  ", e->name.epoch,
			     console_bytes(size, e->nbytes), time);
		answer_escape(a, e->path, strlen(e->path));
		answer_print(a, "\n");
	}
}

/* What is not listed must not be missed in silence, nor fill the screen. */
static void remark_unlisted(const struct listing *l, struct answer *a)
{
	size_t counts[UNLISTED_COUNT] = { 0 };
	const char *first[UNLISTED_COUNT] = { 0 };

	for (size_t i = 0; i < l->unlisted_count; i++) {
		const struct listing_entry *e = &l->unlisted[i];

		if (counts[e->unlisted]++ == 0)
			first[e->unlisted] = e->path;
	}
	for (int k = LISTED + 1; k < UNLISTED_COUNT; k++) {
		struct error remark = { 0 };
		char others[40] = "";

		if (counts[k] == 0)
			continue;
		if (counts[k] > 1)
			snprintf(others, sizeof(others), ", nor are %zu more",
				 counts[k] - 1);
		error_set(&remark, ERROR_USAGE, ERROR_NO_OFFSET,
			  "not listed%s: %s", others,
			  listing_reason((enum unlisted)k));
		error_in(&remark, first[k], NULL);
		answer_remark(a, &remark);
	}
}

static void put_entry(struct json_writer *w, const struct listing_entry *e)
{
	char time[32];

	print_time(time, e->modified);
	json_open(w, NULL, '{');
	json_put_path(w, "path", e->path);
	json_put_text(w, "run", e->name.run, e->name.run_len);
	json_put_u64(w, "epoch", e->name.epoch);
	json_put_string(w, "kind", e->folder ? "folder" : "zip");
	json_put_u64(w, "bytes", e->nbytes);
	json_put_string(w, "modified", time);
	json_close(w, '}');
}

static void show_json(const struct listing *l, struct answer *a)
{
	struct json_writer w = answer_json(a);

	json_open(&w, NULL, '{');
	json_open(&w, "checkpoints", '[');
	for (size_t i = 0; i < l->count; i++)
		put_entry(&w, &l->entries[i]);
	json_close(&w, ']');
	json_open(&w, "not_listed", '[');
	for (size_t i = 0; i < l->unlisted_count; i++) {
		const struct listing_entry *e = &l->unlisted[i];

		json_open(&w, NULL, '{');
		json_put_path(&w, "path", e->path);
		json_put_string(&w, "reason", listing_reason(e->unlisted));
		json_close(&w, '}');
	}
	json_close(&w, ']');
	json_close(&w, '}');
	answer_print(a, "\n");
}

bool list_run(const struct request *r, struct answer *a, struct error *err)
{
	struct listing l = { 0 };
	bool ok = listing_make(&l, &r->operands, a, err);

	if (ok && l.count == 0 && a->status == ANSWER_GOOD)
		a->status = ANSWER_NOTHING;
	if (ok && r->latest)
		listing_keep_latest(&l, a);
	if (ok && r->json)
		show_json(&l, a);
	else if (ok)
		show(&l, a);
	if (ok && !r->json)
		remark_unlisted(&l, a);
	listing_free(&l);
	return ok;
}
