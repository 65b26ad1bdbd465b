/* report_json.c - one JSON document, or one JSON object a line and bundle */
#include "validate/report_form.h"

#include "formats/bundle.h"
#include "formats/json.h"

static struct json_writer writer(struct report_output *o)
{
	return (struct json_writer){ .out = &o->text.bytes,
				     .err = &o->text.fault };
}

static void put_finding(struct json_writer *w, const struct finding *f)
{
	json_open(w, NULL, '{');
	json_put_string(w, "rule", f->rule->id);
	json_put_string(w, "severity", report_severity(f));
	json_put_string(w, "kind", error_kind_name(f->kind));
	if (f->member)
		json_put_string(w, "member", f->member);
	if (f->offset != ERROR_NO_OFFSET)
		json_put_u64(w, "offset", f->offset);
	json_put_string(w, "reason", f->reason);
	json_close(w, '}');
}

static void put_name(struct json_writer *w, const struct candidate *c)
{
	struct bundle_name name;
	struct error ignored = { 0 };

	if (!bundle_parse_name(&name, c->name, c->folder, &ignored) ||
	    !name.has_epoch)
		return;
	json_put_text(w, "run", name.run, name.run_len);
	json_put_u64(w, "epoch", name.epoch);
}

static void put_bundle(struct report_output *o, const struct candidate *c,
		       const struct result *result)
{
	struct json_writer w = writer(o);

	json_open(&w, NULL, '{');
	json_put_path(&w, "bundle", c->path);
	json_put_string(&w, "verdict", report_verdict_word(result->verdict));
	put_name(&w, c);
	if (result->verdict == VERDICT_OK) {
		json_put_u64(&w, "tensors", result->tensor_count);
		json_put_u64(&w, "bytes", result->nbytes);
	}
	if (result->skip)
		json_put_string(&w, "reason", result->skip);
	else if (result->verdict == VERDICT_BAD && result->count == 0)
		json_put_string(&w, "reason", report_reason(NULL, NULL));
	json_open(&w, "findings", '[');
	for (size_t i = 0; i < result->count; i++)
		put_finding(&w, &result->findings[i]);
	json_close(&w, ']');
	json_close(&w, '}');
}

static void put_line(struct report_output *o, const struct candidate *c,
		     const struct result *result)
{
	put_bundle(o, c, result);
	report_print(&o->text, "\n");
}

static void begin_document(struct report_output *o)
{
	report_print(&o->text, "{\"bundles\":[\n");
}

static void put_element(struct report_output *o, const struct candidate *c,
			const struct result *result)
{
	if (o->count > 0)
		report_print(&o->text, ",\n");
	put_bundle(o, c, result);
}

static void end_document(struct report_output *o, const struct totals *t)
{
	struct json_writer w = writer(o);

	report_print(&o->text, "\n],\"summary\":");
	json_open(&w, NULL, '{');
	json_put_u64(&w, "ok", t->ok);
	json_put_u64(&w, "bad", t->bad);
	json_put_u64(&w, "skipped", t->skipped);
	json_put_u64(&w, "not_begun", t->not_begun);
	json_put_u64(&w, "bytes", t->nbytes);
	json_put_real(&w, "seconds", t->seconds);
	json_close(&w, '}');
	report_print(&o->text, "}\n");
}

const struct report_form report_jsonl = {
	.name = "jsonl", .lines = true, .bundle = put_line,
};

const struct report_form report_json = {
	.name = "json", .begin = begin_document, .bundle = put_element,
	.end = end_document,
};
