/* diff.c - mpt-inspect diff: what differs between two checkpoints */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "inspect/compare_fields.h"
#include "inspect/compare_tensors.h"
#include "inspect/tensors.h"
#include "inspect/verb.h"

struct sides {
	struct source a, b;
	struct architecture architecture_a, architecture_b;
	bool specs, architectures;	/* were compared: both have one */
	struct field_list spec, architecture;
	struct tensor_pairs tensors;
	size_t kinds, only, values;	/* pairs that differ so */
	struct answer *answer;
};

static bool is_same(const struct sides *s)
{
	return s->spec.count + s->architecture.count + s->kinds + s->only +
	       s->values == 0;
}

/* ---- for people ---- */

static void show_side(const struct sides *s, char sign,
		      const struct field_side *side)
{
	struct json_writer w = answer_json(s->answer);

	if (!side->value && !side->text)
		return;
	answer_print(s->answer, "    %c ", sign);
	if (side->value)
		json_put_value(&w, NULL, side->value);
	else
		answer_spell(s->answer, side->text, side->len);
	answer_print(s->answer, "\n");
}

static void show_fields(const struct sides *s, const char *title,
			const struct field_list *list)
{
	if (list->count > 0)
		answer_print(s->answer, "%s\n", title);
	for (size_t i = 0; i < list->count; i++) {
		const struct field *f = &list->fields[i];

		answer_print(s->answer, "  %s", f->group);
		answer_escape(s->answer, f->name, f->name_len);
		answer_print(s->answer, "\n");
		show_side(s, '-', &f->a);
		show_side(s, '+', &f->b);
	}
}

static void show_kind(struct answer *a, const char *before,
		      const struct tensor *t)
{
	char shape[64];

	answer_print(a, "%s%s %s", before, dtype_info(t->dtype)->name,
		     tensors_shape(shape, t));
}

static void show_kinds(const struct sides *s)
{
	struct answer *a = s->answer;

	if (s->kinds + s->only > 0)
		answer_print(a, "tensors\n");
	for (size_t i = 0; i < s->tensors.count; i++) {
		const struct tensor_pair *p = &s->tensors.pairs[i];
		const struct tensor *only = !p->b ? p->a : p->b;

		if (p->a && p->b && !p->kind_differs)
			continue;
		answer_print(a, "  %s", !p->b ? "- " : !p->a ? "+ " : "");
		answer_escape(a, only->key, only->key_len);
		if (p->kind_differs) {
			show_kind(a, "\n    - ", p->a);
			show_kind(a, "\n    + ", p->b);
		} else {
			show_kind(a, "  ", only);
		}
		answer_print(a, "\n");
	}
}

static void show_number(struct answer *a, bool known, int digits,
			double value)
{
	if (known && !isnan(value))
		answer_print(a, " %12.*g", digits, value);
	else
		answer_print(a, " %12s", "-");
}

static void show_pair(struct answer *a, const struct tensor_pair *p)
{
	const struct tensor_diff *d = &p->values;
	bool known = d->numeric && d->finite > 0;

	answer_print(a, "  %10" PRIu64 " %10" PRIu64, d->differing,
		     d->nvalues);
	show_number(a, known, 5, d->max);
	show_number(a, known, 5, tensor_diff_mean(d));
	show_number(a, known, 9, tensor_diff_cosine(d));
	answer_print(a, "  ");
	answer_escape(a, p->a->key, p->a->key_len);
	if (d->nonfinite > 0)
		answer_print(a, " (%" PRIu64 " where one is not finite)",
			     d->nonfinite);
	if (d->bits_only > 0)
		answer_print(a, " (%" PRIu64 " only in their bits)",
			     d->bits_only);
	answer_print(a, "\n");
}

static void show_values(const struct sides *s)
{
	struct answer *a = s->answer;

	if (s->values > 0)
		answer_print(a, "values\n  %10s %10s %12s %12s %12s  key\n",
			     "differing", "of", "max", "mean", "cosine");
	for (size_t i = 0; i < s->tensors.count; i++)
		if (compare_tensors_differ(&s->tensors.pairs[i]))
			show_pair(a, &s->tensors.pairs[i]);
}

static void show_name(const struct sides *s, const char *sign,
		      const struct source *source)
{
	answer_print(s->answer, "%s ", sign);
	answer_escape(s->answer, source->path, strlen(source->path));
	answer_print(s->answer, " (%s)\n", source_kind_name(source));
}

static void show_text(const struct sides *s)
{
	if (is_same(s)) {
		answer_print(s->answer, "the same: %zu tensors, %" PRIu64
			     " bytes\n", s->tensors.count,
			     s->a.header.data_nbytes);
		return;
	}
	show_name(s, "---", &s->a);
	show_name(s, "+++", &s->b);
	show_fields(s, "policy spec", &s->spec);
	show_fields(s, "architecture", &s->architecture);
	show_kinds(s);
	show_values(s);
	answer_print(s->answer, "%zu tensors: %zu in one only, %zu of another "
		     "dtype or shape, %zu of other values\n",
		     s->tensors.count, s->only, s->kinds, s->values);
}

static void remark(const struct sides *s, const struct source *source,
		   const char *what)
{
	struct error note = { 0 };

	error_set(&note, ERROR_USAGE, ERROR_NO_OFFSET, "has no %s to compare",
		  what);
	error_in(&note, source->path, NULL);
	answer_remark(s->answer, &note);
}

static void remark_uncompared(const struct sides *s)
{
	const struct source *a = &s->a, *b = &s->b;

	if (!a->spec.document.root && b->spec.document.root)
		remark(s, a, "policy spec");
	if (!b->spec.document.root && a->spec.document.root)
		remark(s, b, "policy spec");
	if (!a->architecture && b->architecture)
		remark(s, a, "architecture");
	if (!b->architecture && a->architecture)
		remark(s, b, "architecture");
}

/* ---- for programs ---- */

static void put_source(struct json_writer *w, const char *key,
		       const struct source *source)
{
	json_open(w, key, '{');
	json_put_path(w, "path", source->path);
	json_put_string(w, "kind", source_kind_name(source));
	json_close(w, '}');
}

static void put_side(struct json_writer *w, const char *key,
		     const struct field_side *side)
{
	if (side->value)
		json_put_value(w, key, side->value);
	else if (side->text)
		json_put_text(w, key, side->text, side->len);
}

static void put_field(struct json_writer *w, const struct field *f)
{
	json_open(w, NULL, '{');
	if (f->group[0] != '\0')
		json_put_string(w, "in", "init_kwargs");
	json_put_text(w, "name", f->name, f->name_len);
	put_side(w, "a", &f->a);
	put_side(w, "b", &f->b);
	json_close(w, '}');
}

static void put_fields(struct json_writer *w, const char *key, bool compared,
		       const struct field_list *list)
{
	if (!compared) {
		json_put_null(w, key);
		return;
	}
	json_open(w, key, '[');
	for (size_t i = 0; i < list->count; i++)
		put_field(w, &list->fields[i]);
	json_close(w, ']');
}

static void put_kind(struct json_writer *w, const char *key,
		     const struct tensor *t)
{
	if (!t)
		return;
	json_open(w, key, '{');
	json_put_string(w, "dtype", dtype_info(t->dtype)->name);
	json_open(w, "shape", '[');
	for (size_t i = 0; i < t->rank; i++)
		json_put_u64(w, NULL, t->shape[i]);
	json_close(w, ']');
	json_close(w, '}');
}

static void put_values(struct json_writer *w, const struct tensor_diff *d)
{
	bool known = d->numeric && d->finite > 0;
	double none = (double)NAN;

	json_open(w, "values", '{');
	json_put_u64(w, "count", d->nvalues);
	json_put_u64(w, "differing", d->differing);
	json_put_u64(w, "nonfinite", d->nonfinite);
	json_put_u64(w, "bits_only", d->bits_only);
	json_put_real(w, "max", known ? d->max : none);
	json_put_real(w, "mean", known ? tensor_diff_mean(d) : none);
	json_put_real(w, "cosine", known ? tensor_diff_cosine(d) : none);
	json_close(w, '}');
}

static void put_pair(struct json_writer *w, const struct tensor_pair *p)
{
	const struct tensor *named = p->a ? p->a : p->b;

	json_open(w, NULL, '{');
	json_put_text(w, "key", named->key, named->key_len);
	put_kind(w, "a", p->a);
	put_kind(w, "b", p->b);
	if (p->compared)
		put_values(w, &p->values);
	json_close(w, '}');
}

/* Only the tensors that differ are named. */
static void show_json(const struct sides *s)
{
	struct json_writer w = answer_json(s->answer);

	json_open(&w, NULL, '{');
	put_source(&w, "a", &s->a);
	put_source(&w, "b", &s->b);
	json_put_bool(&w, "same", is_same(s));
	put_fields(&w, "spec", s->specs, &s->spec);
	put_fields(&w, "architecture", s->architectures, &s->architecture);
	json_put_u64(&w, "tensor_count", s->tensors.count);
	json_open(&w, "tensors", '[');
	for (size_t i = 0; i < s->tensors.count; i++) {
		const struct tensor_pair *p = &s->tensors.pairs[i];

		if (!p->a || !p->b || p->kind_differs ||
		    compare_tensors_differ(p))
			put_pair(&w, p);
	}
	json_close(&w, ']');
	json_close(&w, '}');
	answer_print(s->answer, "\n");
}

/* ---- the comparison ---- */

/* One that does not parse stays empty. */
static bool parse(struct architecture *parsed, const struct source *source,
		  struct error *err)
{
	struct error fault = { 0 };

	if (architecture_parse(parsed, source->architecture,
			       source->architecture_len, &fault) ||
	    fault.kind != ERROR_MEMORY)
		return true;
	*err = fault;
	return false;
}

static bool compare_texts(struct sides *s, struct error *err)
{
	s->specs = s->a.spec.document.root && s->b.spec.document.root;
	s->architectures = s->a.architecture && s->b.architecture;
	if (s->specs &&
	    !compare_fields_of_specs(&s->spec, &s->a, &s->b, err))
		return false;
	return !s->architectures ||
	       (parse(&s->architecture_a, &s->a, err) &&
		parse(&s->architecture_b, &s->b, err) &&
		compare_fields_of_architectures(
			&s->architecture, &s->a, &s->architecture_a, &s->b,
			&s->architecture_b, err));
}

static bool compare_weights(struct sides *s, struct error *err)
{
	if (!compare_tensors_pair(&s->tensors, &s->a, &s->b, err) ||
	    !compare_tensors_read(&s->tensors, &s->a, &s->b, err))
		return false;
	for (size_t i = 0; i < s->tensors.count; i++) {
		const struct tensor_pair *p = &s->tensors.pairs[i];

		s->only += !p->a || !p->b;
		s->kinds += p->kind_differs;
		s->values += compare_tensors_differ(p);
	}
	return true;
}

bool diff_run(const struct request *r, struct answer *a, struct error *err)
{
	const char *const *paths = r->operands.values;
	struct sides s = { .answer = a };
	bool ok = source_open(&s.a, paths[0], &r->source, err) &&
		  source_open(&s.b, paths[1], &r->source, err) &&
		  compare_texts(&s, err) && compare_weights(&s, err);

	if (ok && r->json)
		show_json(&s);
	else if (ok)
		show_text(&s);
	if (ok && !r->json)
		remark_uncompared(&s);
	if (ok && !is_same(&s))
		a->status = ANSWER_BAD;
	compare_tensors_free(&s.tensors);
	compare_fields_free(&s.spec);
	compare_fields_free(&s.architecture);
	architecture_free(&s.architecture_a);
	architecture_free(&s.architecture_b);
	source_close(&s.a);
	source_close(&s.b);
	return ok;
}
