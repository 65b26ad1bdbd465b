/* report_sarif.c - SARIF 2.1.0: a result for each finding */
#include "validate/report_form.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "formats/json.h"
#include "remote/object.h"

/*
 * An empty document would pass for a clean one, so it starts with the first
 * bundle that is judged.
 */
struct document {
	struct json_writer w;
	bool started;
};

static void put_text(struct json_writer *w, const char *key, const char *text)
{
	json_open(w, key, '{');
	json_put_string(w, "text", text);
	json_close(w, '}');
}

static void put_rules(struct json_writer *w)
{
	struct rule_list list = rules_all();

	json_open(w, "rules", '[');
	for (size_t i = 0; i < list.count; i++) {
		const struct rule *rule = &list.rules[i];

		json_open(w, NULL, '{');
		json_put_string(w, "id", rule->id);
		put_text(w, "shortDescription", rule->sentence);
		json_open(w, "defaultConfiguration", '{');
		json_put_string(w, "level",
				rules_severity_name(rule->severity));
		json_close(w, '}');
		json_close(w, '}');
	}
	json_close(w, ']');
}

static void begin(struct report_output *o)
{
	struct document *d = memory_array(1, sizeof(*d), &o->text.fault);

	if (d)
		d->w = (struct json_writer){ .out = &o->text.bytes,
					     .err = &o->text.fault };
	o->state = d;
}

static void put_head(struct json_writer *w)
{
	json_open(w, NULL, '{');
	json_put_string(w, "$schema",
			"https://json.schemastore.org/sarif-2.1.0.json");
	json_put_string(w, "version", "2.1.0");
	json_open(w, "runs", '[');
	json_open(w, NULL, '{');
	json_open(w, "tool", '{');
	json_open(w, "driver", '{');
	json_put_string(w, "name", "mpt-validate");
	json_put_string(w, "version", MPT_VERSION);
	put_rules(w);
	json_close(w, '}');
	json_close(w, '}');
	json_open(w, "results", '[');
}

/* Relative if the path is; any byte that could mean something is escaped. */
static void put_uri(struct json_writer *w, const char *path)
{
	struct buffer uri = { 0 };
	const char *p = path;

	if (path[0] == '/')
		buffer_print(&uri, w->err, "file://");
	if (object_is_path(path)) {
		buffer_print(&uri, w->err, S3_SCHEME);
		p += sizeof(S3_SCHEME) - 1;
	}
	for (; *p; p++) {
		unsigned char byte = (unsigned char)*p;
		bool plain = (byte >= 'a' && byte <= 'z') ||
			     (byte >= 'A' && byte <= 'Z') ||
			     (byte >= '0' && byte <= '9') ||
			     strchr("-._~/", byte);

		buffer_print(&uri, w->err, plain ? "%c" : "%%%02X", byte);
	}
	json_put_text(w, "uri", uri.data ? uri.data : "", uri.len);
	buffer_free(&uri);
}

static void put_location(struct json_writer *w, const struct candidate *c,
			 const struct finding *f)
{
	char *path = report_file_of(c, f, w->err);

	json_open(w, "locations", '[');
	json_open(w, NULL, '{');
	json_open(w, "physicalLocation", '{');
	json_open(w, "artifactLocation", '{');
	put_uri(w, path ? path : "");
	json_close(w, '}');
	json_open(w, "region", '{');	/* GitHub takes none without a line */
	json_put_u64(w, "startLine", 1);
	json_close(w, '}');
	json_close(w, '}');
	if (f && f->member) {
		json_open(w, "logicalLocations", '[');
		json_open(w, NULL, '{');
		json_put_string(w, "name", f->member);
		json_put_string(w, "kind", "member");
		json_close(w, '}');
		json_close(w, ']');
	}
	json_close(w, '}');
	json_close(w, ']');
	free(path);
}

/* So that a finding is known again when its text has changed. */
static void put_fingerprint(struct json_writer *w, const struct finding *f)
{
	struct buffer text = { 0 };

	buffer_print(&text, w->err, "%s:%s", f->rule->id,
		     f->member ? f->member : "");
	json_open(w, "partialFingerprints", '{');
	json_put_text(w, "ruleAndMember/v1", text.data ? text.data : "",
		      text.len);
	json_close(w, '}');
	buffer_free(&text);
}

/* f: NULL if there was no memory for what was found. */
static void put_result(struct json_writer *w, const struct candidate *c,
		       const struct finding *f)
{
	char reason[REPORT_REASON_SIZE];

	json_open(w, NULL, '{');
	if (f) {
		json_put_string(w, "ruleId", f->rule->id);
		json_put_u64(w, "ruleIndex",
			     (uint64_t)(f->rule - rules_all().rules));
	}
	json_put_string(w, "level", report_severity(f));
	put_text(w, "message", report_reason(f, reason));
	put_location(w, c, f);
	if (f)
		put_fingerprint(w, f);
	json_close(w, '}');
}

static void bundle(struct report_output *o, const struct candidate *c,
		   const struct result *result)
{
	struct document *d = o->state;

	if (result->verdict != VERDICT_OK && result->verdict != VERDICT_BAD)
		return;
	if (!d->started)
		put_head(&d->w);
	d->started = true;
	for (size_t i = 0; i < result->count; i++) {
		put_result(&d->w, c, &result->findings[i]);
		report_print(&o->text, "\n");
	}
	if (result->verdict == VERDICT_BAD && result->count == 0)
		put_result(&d->w, c, NULL);
}

static void end(struct report_output *o, const struct totals *totals)
{
	struct document *d = o->state;
	struct json_writer *w = &d->w;

	if (!d->started)
		return;
	json_close(w, ']');
	json_open(w, "invocations", '[');
	json_open(w, NULL, '{');
	json_put_bool(w, "executionSuccessful", totals->not_begun == 0);
	json_close(w, '}');
	json_close(w, ']');
	json_close(w, '}');
	json_close(w, ']');
	json_close(w, '}');
	report_print(&o->text, "\n");
}

static void free_document(struct report_output *o)
{
	free(o->state);
}

const struct report_form report_sarif = {
	.name = "sarif", .begin = begin, .bundle = bundle, .end = end,
	.free = free_document,
};
