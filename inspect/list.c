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
		const struct bundle_name *name = &l->entries[i].seen.name;
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

		print_time(time, e->seen.modified);
		answer_escape_padded(a, e->seen.name.run, e->seen.name.run_len,
				     width);
		answer_print(a, "  %6" PRIu64 "  %7s  %s  ", e->seen.name.epoch,
			     console_bytes(size, e->nbytes), time);
		answer_escape(a, e->path, strlen(e->path));
		answer_print(a, "\n");
	}
}

static void remark_unlisted(const struct listing *l, struct answer *a)
{
	struct unlisted_tally tally = { 0 };

	for (size_t i = 0; i < l->unlisted_count; i++)
		unlisted_count(&tally, l->unlisted[i].seen.unlisted,
			       l->unlisted[i].path);
	for (int k = LISTED + 1; k < UNLISTED_COUNT; k++) {
		struct error remark = { 0 };

		if (unlisted_remark(&remark, &tally, (enum unlisted)k))
			answer_remark(a, &remark);
	}
}

static void put_entry(struct json_writer *w, const struct listing_entry *e)
{
	char time[32];

	print_time(time, e->seen.modified);
	json_open(w, NULL, '{');
	json_put_path(w, "path", e->path);
	json_put_text(w, "run", e->seen.name.run, e->seen.name.run_len);
	json_put_u64(w, "epoch", e->seen.name.epoch);
	json_put_string(w, "kind", e->seen.folder ? "folder" : "zip");
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
		json_put_string(&w, "reason",
				unlisted_reason(e->seen.unlisted));
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
