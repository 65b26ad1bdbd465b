/* show.c - mpt-inspect show: what one checkpoint says and holds */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/console.h"
#include "base/file.h"
#include "formats/action_space.h"
#include "formats/bundle.h"
#include "inspect/architecture_print.h"
#include "inspect/tensors.h"
#include "inspect/verb.h"

static const struct option_spec specs[] = {
	{ "stats", 0, OPTION_FLAG, REQUEST_FIELD(stats), 0, 0, NULL,
	  "read all values: print of each tensor minimum, maximum, mean,\n"
	  "norm, and how many values are not finite" },
};

const struct option_table show_options = {
	specs, sizeof(specs) / sizeof(specs[0])
};

struct subject {
	struct source source;
	struct architecture architecture;	/* empty if it does not parse */
	struct error architecture_fault;	/* why it does not */
	struct tensor_summary *summaries;	/* NULL: not asked for */
	const struct tensor **order;		/* by key */
	struct answer *answer;
};

static const struct tensor_summary *summary_of(const struct subject *s,
					       const struct tensor *t)
{
	return &s->summaries[t - s->source.header.tensors.tensors];
}

/* ---- for people ---- */

static void show_name(const struct subject *s)
{
	const struct source *src = &s->source;
	const char *path = src->path, *base = file_base_name(path);
	struct answer *a = s->answer;
	struct bundle_name name;
	struct error too_big = { 0 };
	char size[32];

	answer_escape(a, path, strlen(path));
	answer_print(a, "\n  %s, %s", source_kind_name(src),
		     console_bytes(size, src->nbytes));
	if (bundle_parse_name(&name, base, src->kind == SOURCE_FOLDER,
			      &too_big) && name.has_epoch) {
		answer_print(a, ", run ");
		answer_escape(a, name.run, name.run_len);
		answer_print(a, ", epoch %" PRIu64, name.epoch);
	}
	answer_print(a, "\n");
}

static void show_member(const struct subject *s, const struct json_value *v,
			int indent)
{
	struct json_writer w = answer_json(s->answer);

	answer_print(s->answer, "%*s", indent, "");
	answer_escape(s->answer, json_key(v), strlen(json_key(v)));
	answer_print(s->answer, ": ");
	json_put_value(&w, NULL, v);
	answer_print(s->answer, "\n");
}

static void show_spec(const struct subject *s)
{
	const struct policy_spec *spec = &s->source.spec;
	const struct json_value *v, *kwarg;

	if (!spec->document.root)
		return;
	answer_print(s->answer, "policy spec\n");
	for (v = json_first(spec->document.root); v; v = json_next(v)) {
		if (v != spec->init_kwargs) {
			show_member(s, v, 2);
			continue;
		}
		answer_print(s->answer, "  init_kwargs:\n");
		for (kwarg = json_first(v); kwarg; kwarg = json_next(kwarg))
			if (!spec->architecture_spec ||
			    strcmp(json_key(kwarg), "architecture_spec") != 0)
				show_member(s, kwarg, 4);
	}
}

static void show_architecture(const struct subject *s)
{
	const struct source *src = &s->source;
	struct answer *a = s->answer;

	if (!src->architecture)
		return;
	answer_print(a, "architecture\n");
	if (s->architecture.text) {
		architecture_print(a, &s->architecture, 2);
		return;
	}
	answer_print(a, "  ");
	answer_spell(a, src->architecture, src->architecture_len);
	answer_print(a, "\n");
}

static void show_number(struct answer *a, bool known, double value)
{
	if (known)
		answer_print(a, " %12.5g", value);
	else
		answer_print(a, " %12s", "-");
}

static void show_summary(struct answer *a, const struct tensor_summary *t)
{
	show_number(a, t->judged && t->any_finite, t->min);
	show_number(a, t->judged && t->any_finite, t->max);
	show_number(a, t->judged && t->any_finite, t->mean);
	show_number(a, t->judged, t->norm);
	if (t->judged)
		answer_print(a, " %10" PRIu64, t->nan + t->infinite);
	else
		answer_print(a, " %10s", "-");
}

static void show_tensor(const struct subject *s, const struct tensor *t,
			int shape_width)
{
	struct answer *a = s->answer;
	char shape[64];

	answer_print(a, "  %-7s %-*s %10" PRIu64 " %12" PRIu64,
		     dtype_info(t->dtype)->name, shape_width,
		     tensors_shape(shape, t), t->nelements, t->nbytes);
	if (s->summaries)
		show_summary(a, summary_of(s, t));
	answer_print(a, "  ");
	answer_escape(a, t->key, t->key_len);
	answer_print(a, "\n");
}

static void show_actions(const struct subject *s)
{
	struct answer *a = s->answer;
	struct action_space space;

	action_space_find(&space, &s->source.header.tensors);
	if (space.heads == 0)
		return;
	answer_print(a, "action space: %" PRIu64, space.actions);
	if (space.heads > 1)
		answer_print(a, " by %zu heads", space.heads);
	answer_print(a, " (");
	answer_escape(a, space.head->key, space.head->key_len);
	answer_print(a, space.heads > 1 ? " and on)\n" : ")\n");
}

static void show_tensors(const struct subject *s)
{
	const struct state_dict *sd = &s->source.header.tensors;
	struct answer *a = s->answer;
	int width = 5;
	char buf[64];

	if (!s->source.has_weights)
		return;
	for (size_t i = 0; i < sd->count; i++) {
		int len = (int)strlen(tensors_shape(buf, &sd->tensors[i]));

		width = len > width ? len : width;
	}
	answer_print(a, "tensors\n  %-7s %-*s %10s %12s", "dtype", width,
		     "shape", "parameters", "bytes");
	if (s->summaries)
		answer_print(a, " %12s %12s %12s %12s %10s", "min", "max",
			     "mean", "norm", "non-finite");
	answer_print(a, "  key\n");
	for (size_t i = 0; i < sd->count; i++)
		show_tensor(s, s->order[i], width);
	answer_print(a, "%zu tensors, %" PRIu64 " parameters, %" PRIu64
		     " bytes\n", sd->count, tensors_parameters(sd),
		     s->source.header.data_nbytes);
	show_actions(s);
}

static void remark_architecture(const struct subject *s)
{
	struct error remark = s->architecture_fault;

	if (remark.kind == ERROR_NONE)
		return;
	error_in(&remark, s->source.path, NULL);
	answer_remark(s->answer, &remark);
}

/* ---- for programs ---- */

static void put_name(struct json_writer *w, const struct source *s)
{
	struct bundle_name name;
	struct error too_big = { 0 };

	json_put_path(w, "path", s->path);
	json_put_string(w, "kind", source_kind_name(s));
	if (bundle_parse_name(&name, file_base_name(s->path),
			      s->kind == SOURCE_FOLDER, &too_big) &&
	    name.has_epoch) {
		json_put_text(w, "run", name.run, name.run_len);
		json_put_u64(w, "epoch", name.epoch);
	}
	json_put_u64(w, "bytes", s->nbytes);
}

static void put_architecture(struct json_writer *w, const struct subject *s)
{
	const struct architecture *parsed = &s->architecture;

	if (!s->source.architecture) {
		json_put_null(w, "architecture");
		return;
	}
	json_open(w, "architecture", '{');
	json_put_text(w, "text", s->source.architecture,
		      s->source.architecture_len);
	if (parsed->text) {
		json_put_text(w, "class", parsed->class_name,
			      parsed->class_name_len);
		json_open(w, "arguments", '[');
		for (size_t i = 0; i < parsed->count; i++) {
			const struct architecture_keyword *k =
				&parsed->keywords[i];

			json_open(w, NULL, '{');
			json_put_text(w, "name", k->name, k->name_len);
			json_put_text(w, "value", k->value, k->value_len);
			json_close(w, '}');
		}
		json_close(w, ']');
	} else {
		json_put_string(w, "fault", s->architecture_fault.reason);
	}
	json_close(w, '}');
}

static void put_number(struct json_writer *w, const char *key, bool known,
		       double value)
{
	if (known)
		json_put_real(w, key, value);
	else
		json_put_null(w, key);
}

static void put_summary(struct json_writer *w, const struct tensor_summary *t)
{
	if (!t->judged) {
		json_put_null(w, "stats");
		return;
	}
	json_open(w, "stats", '{');
	put_number(w, "min", t->any_finite, t->min);
	put_number(w, "max", t->any_finite, t->max);
	put_number(w, "mean", t->any_finite, t->mean);
	json_put_real(w, "norm", t->norm);
	json_put_u64(w, "nan", t->nan);
	json_put_u64(w, "infinite", t->infinite);
	json_close(w, '}');
}

static void put_tensor(struct json_writer *w, const struct subject *s,
		       const struct tensor *t)
{
	json_open(w, NULL, '{');
	json_put_text(w, "key", t->key, t->key_len);
	json_put_string(w, "dtype", dtype_info(t->dtype)->name);
	json_open(w, "shape", '[');
	for (size_t i = 0; i < t->rank; i++)
		json_put_u64(w, NULL, t->shape[i]);
	json_close(w, ']');
	json_put_u64(w, "parameters", t->nelements);
	json_put_u64(w, "bytes", t->nbytes);
	if (s->summaries)
		put_summary(w, summary_of(s, t));
	json_close(w, '}');
}

static void put_actions(struct json_writer *w, const struct subject *s)
{
	struct action_space space;

	action_space_find(&space, &s->source.header.tensors);
	if (space.heads == 0) {
		json_put_null(w, "action_space");
		return;
	}
	json_open(w, "action_space", '{');
	json_put_u64(w, "actions", space.actions);
	json_put_u64(w, "heads", space.heads);
	json_put_text(w, "key", space.head->key, space.head->key_len);
	json_close(w, '}');
}

static void show_json(const struct subject *s)
{
	const struct state_dict *sd = &s->source.header.tensors;
	const struct source *src = &s->source;
	struct json_writer w = answer_json(s->answer);

	json_open(&w, NULL, '{');
	put_name(&w, src);
	if (src->spec.document.root)
		json_put_value(&w, "spec", src->spec.document.root);
	else
		json_put_null(&w, "spec");
	put_architecture(&w, s);
	put_actions(&w, s);
	json_put_u64(&w, "parameters", tensors_parameters(sd));
	json_put_u64(&w, "tensor_bytes", src->header.data_nbytes);
	json_open(&w, "tensors", '[');
	for (size_t i = 0; i < sd->count; i++)
		put_tensor(&w, s, s->order[i]);
	json_close(&w, ']');
	json_close(&w, '}');
	answer_print(s->answer, "\n");
}

static void show_text(const struct subject *s)
{
	show_name(s);
	show_spec(s);
	show_architecture(s);
	show_tensors(s);
}

/* ---- both ---- */

/* A text that does not parse is shown as it is. */
static bool parse_architecture(struct subject *s, struct error *err)
{
	const struct source *src = &s->source;

	if (!src->architecture ||
	    architecture_parse(&s->architecture, src->architecture,
			       src->architecture_len,
			       &s->architecture_fault))
		return true;
	if (s->architecture_fault.kind == ERROR_MEMORY)
		*err = s->architecture_fault;
	return s->architecture_fault.kind != ERROR_MEMORY;
}

bool show_run(const struct request *r, struct answer *a, struct error *err)
{
	struct subject s = { .answer = a };
	bool ok = source_open(&s.source, r->operands.values[0], &r->source,
			      err);

	ok = ok && parse_architecture(&s, err) &&
	     (s.order = state_dict_by_key(&s.source.header.tensors, err)) &&
	     (!r->stats || tensors_summarise(&s.summaries, &s.source, err));
	if (ok && r->json)
		show_json(&s);
	else if (ok)
		show_text(&s);
	if (ok)
		remark_architecture(&s);
	free(s.summaries);
	free(s.order);
	architecture_free(&s.architecture);
	source_close(&s.source);
	return ok;
}
