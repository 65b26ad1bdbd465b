/* record.c - lines of the journal, written */
#include "convert/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "formats/json.h"

static bool add_text(struct digest *d, const char *text, struct error *err)
{
	return digest_add(d, text ? text : "", text ? strlen(text) + 1 : 1,
			  err);
}

bool record_options(const struct settings *s, char hex[DIGEST_HEX_SIZE],
		    struct error *err)
{
	const char flags[] = { s->keep_prefix ? 'k' : '-',
			       s->no_repair ? 'r' : '-', '\0' };
	struct digest d = { 0 };
	bool ok = digest_begin(&d, err) && add_text(&d, flags, err) &&
		  add_text(&d, s->class_path, err) &&
		  add_text(&d, s->state_dict_key, err);

	for (size_t i = 0; ok && i < s->init_kwargs.count; i++)
		ok = add_text(&d, s->init_kwargs.values[i], err);
	ok = ok && digest_end(&d, hex, err);
	digest_discard(&d);
	return ok;
}

void record_mtime(const struct source *source, char text[RECORD_MTIME_SIZE])
{
	int len = snprintf(text, RECORD_MTIME_SIZE, "%" PRIdMAX ".%09ld ",
			   (intmax_t)source->mtime.tv_sec,
			   source->mtime.tv_nsec);
	size_t left = RECORD_MTIME_SIZE - (size_t)len;

	if (source->etag)
		snprintf(text + len, left, "%s", source->etag);
	else
		snprintf(text + len, left, "%" PRIu64, source->inode);
}

static void put_time(struct json_writer *w)
{
	struct timespec now = { 0 };
	char text[64];
	struct tm tm;
	size_t len = 0;

	clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &tm))
		len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + len, sizeof(text) - len, ".%03ldZ",
		 now.tv_nsec / 1000000);
	json_put_string(w, "time", text);
}

static void put_members(struct json_writer *w, const struct member_facts *m)
{
	if (!m->weights_sha256[0])
		return;
	json_put_u64(w, "spec_bytes", m->spec_nbytes);
	json_put_string(w, "spec_sha256", m->spec_sha256);
	json_put_u64(w, "weights_bytes", m->weights_nbytes);
	json_put_string(w, "weights_sha256", m->weights_sha256);
	if (m->etag[0])
		json_put_string(w, "bundle_etag", m->etag);
}

static void put_crcs(struct json_writer *w, const struct tensor_crcs *crcs)
{
	char hex[16];

	if (crcs->count == 0)
		return;
	json_open(w, "crc32", '[');
	for (size_t i = 0; i < crcs->count; i++) {
		snprintf(hex, sizeof(hex), "%08" PRIx32, crcs->items[i].crc);
		json_open(w, NULL, '[');
		json_put_string(w, NULL, crcs->items[i].key);
		json_put_string(w, NULL, hex);
		json_close(w, ']');
	}
	json_close(w, ']');
}

static bool finish(struct json_writer *w)
{
	json_close(w, '}');
	return !w->failed && buffer_append(w->out, "\n", 1, w->err);
}

bool record_print(struct buffer *line, const struct job *job,
		  const struct result *result, const char *options,
		  struct error *err)
{
	struct json_writer w = { .out = line, .err = err };
	char mtime[RECORD_MTIME_SIZE];

	record_mtime(job->source, mtime);
	json_open(&w, NULL, '{');
	json_put_path(&w, "source", job->source->relative);
	json_put_u64(&w, "size", job->source->nbytes);
	json_put_string(&w, "mtime", mtime);
	put_time(&w);
	json_put_string(&w, "status", result_status_name(result->status));
	json_put_string(&w, "options", options);
	if (result->members.weights_sha256[0])
		json_put_path(&w, "bundle", job->dest + job->root_len);
	result_put_facts(&w, job, result);
	if (result->substitute_sha256[0])
		json_put_string(&w, "substitute_sha256",
				result->substitute_sha256);
	put_members(&w, &result->members);
	put_crcs(&w, &result->crcs);
	result_put_reason(&w, job, result);
	result_put_notes(&w, result);
	return finish(&w);
}

bool record_print_begin(struct buffer *line, const struct shard *shard,
			size_t sources, struct error *err)
{
	struct json_writer w = { .out = line, .err = err };

	json_open(&w, NULL, '{');
	json_put_string(&w, "event", "begin");
	put_time(&w);
	json_put_u64(&w, "shard", shard->index);
	json_put_u64(&w, "shards", shard->count);
	json_put_u64(&w, "sources", sources);
	return finish(&w);
}

bool record_print_end(struct buffer *line, size_t not_begun, struct error *err)
{
	struct json_writer w = { .out = line, .err = err };

	json_open(&w, NULL, '{');
	json_put_string(&w, "event", "end");
	put_time(&w);
	json_put_u64(&w, "not_begun", not_begun);
	return finish(&w);
}
