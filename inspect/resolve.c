/* resolve.c - mpt-inspect resolve: which bundle, or class, a name means */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "formats/bundle.h"
#include "inspect/verb.h"
#include "remote/local_path.h"
#include "remote/policy.h"
#include "remote/policy_argument.h"
#include "remote/resolve.h"

static const struct option_spec specs[] = {
	{ "epoch", 0, OPTION_TEXT, REQUEST_FIELD(epoch), 0, 0, "N",
	  "the bundle of this epoch of the same run" },
	{ "data-dir", 0, OPTION_TEXT, REQUEST_FIELD(data_dir), 0, 0, "FOLDER",
	  "where runs of metta://policy/RUN are (default DATA_DIR of the\n"
	  "environment, or else train_dir)" },
};

const struct option_table resolve_options = {
	specs, sizeof(specs) / sizeof(specs[0])
};

/* What was asked, and what became of it. */
struct inquiry {
	const char *given;
	struct policy_argument argument;
	struct resolved resolved;	/* if it is a URI */
	struct buffer uri;		/* the same, printed; NUL-terminated */
	char *data;			/* of a class: its absolute path */
	struct remarks remarks;
	struct answer *answer;
};

/* ---- text ---- */

static void show_line(struct answer *a, const char *text)
{
	answer_escape(a, text, strlen(text));
}

static void show_class(const struct inquiry *q)
{
	const struct policy_argument *p = &q->argument;
	struct answer *a = q->answer;

	answer_print(a, "class=");
	show_line(a, p->class_name);
	if (q->data) {
		answer_print(a, ",data=");
		show_line(a, q->data);
	}
	for (size_t i = 0; i < p->count; i++) {
		answer_print(a, ",kw.");
		show_line(a, p->keywords[i].key);
		answer_print(a, "=");
		show_line(a, p->keywords[i].value);
	}
}

static void show(const struct inquiry *q)
{
	if (q->argument.uri)
		show_line(q->answer, q->uri.data);
	else
		show_class(q);
	if (q->argument.has_proportion) {
		struct json_writer w = answer_json(q->answer);

		answer_print(q->answer, ",proportion=");
		json_put_real(&w, NULL, q->argument.proportion);
	}
	answer_print(q->answer, "\n");
}

/* ---- JSON ---- */

static void put_or_null(struct json_writer *w, const char *key,
			const char *text)
{
	if (text)
		json_put_string(w, key, text);
	else
		json_put_null(w, key);
}

static void put_name(struct json_writer *w, const struct bundle_name *name)
{
	if (!name->has_epoch) {
		json_put_null(w, "run");
		json_put_null(w, "epoch");
		return;
	}
	json_put_text(w, "run", name->run, name->run_len);
	json_put_u64(w, "epoch", name->epoch);
}

static const char *kind_of(const struct resolved *r)
{
	if (r->unseen)
		return "unknown";
	if (!r->exists)
		return "nothing";
	return r->folder ? "folder" : "file";
}

static void put_uri(struct json_writer *w, const struct inquiry *q)
{
	const struct resolved *r = &q->resolved;
	const struct uri *u = &r->uri;

	json_put_string(w, "uri", q->uri.data);
	json_put_string(w, "scheme", uri_scheme_name(u->scheme));
	put_name(w, &r->name);
	if (u->scheme == URI_FILE) {
		json_put_path(w, "path", u->name);
		json_put_string(w, "kind", kind_of(r));
	} else if (u->scheme == URI_S3) {
		json_put_string(w, "bucket", u->bucket);
		json_put_string(w, "key", u->name);
		json_put_string(w, "kind", kind_of(r));
	} else {
		json_put_string(w, "class_path", u->name);
	}
}

static void put_class(struct json_writer *w, const struct inquiry *q)
{
	const struct policy_argument *p = &q->argument;
	const char *alias = policy_alias(p->class_name);

	json_put_null(w, "uri");
	json_put_string(w, "class", p->class_name);
	put_or_null(w, "class_path",
		    strchr(p->class_name, '.') ? p->class_name : alias);
	if (q->data)
		json_put_path(w, "data", q->data);
	else
		json_put_null(w, "data");
	json_open(w, "keywords", '{');
	for (size_t i = 0; i < p->count; i++) {
		json_put_key(w, p->keywords[i].key);
		json_put_string(w, NULL, p->keywords[i].value);
	}
	json_close(w, '}');
}

static void show_json(const struct inquiry *q)
{
	struct json_writer w = answer_json(q->answer);

	json_open(&w, NULL, '{');
	json_put_string(&w, "given", q->given);
	if (q->argument.uri)
		put_uri(&w, q);
	else
		put_class(&w, q);
	json_put_real(&w, "proportion", q->argument.proportion);
	json_close(&w, '}');
	answer_print(q->answer, "\n");
}

/* ---- the inquiry ---- */

static bool read_epoch(struct resolve_options *o, const char *text,
		       struct error *err)
{
	const char *p = text;

	if (!text)
		return true;
	o->other_epoch = true;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(o->epoch, 10, &o->epoch) ||
		    __builtin_add_overflow(o->epoch, (uint64_t)(*p - '0'),
					   &o->epoch))
			break;
	return (p > text && *p == '\0') ||
	       error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
			 "--epoch takes a number below 2^64, not \"%.100s\"",
			 text);
}

static bool ask_uri(struct inquiry *q, const struct resolve_options *o,
		    struct error *err)
{
	return resolve_uri(&q->resolved, q->argument.uri, o, &q->remarks,
			   err) &&
	       uri_print(&q->uri, &q->resolved.uri, err);
}

/* The game demands that data is a file. */
static bool check_data(struct inquiry *q, struct error *err)
{
	struct file file = { 0 };
	struct error fault = { 0 };

	if (file_open(&file, q->data, &fault)) {
		file_discard(&file);
		return true;
	}
	if (fault.kind == ERROR_MEMORY) {
		*err = fault;
		return false;
	}
	q->remarks.bad = true;
	*remarks_add(&q->remarks) = fault;
	return true;
}

static bool ask_class(struct inquiry *q, const struct resolve_options *o,
		      struct error *err)
{
	char *path = NULL;
	bool ok;

	if (o->other_epoch)
		return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				 "--epoch is for the bundles of a run, and "
				 "this is a class");
	if (!q->argument.data)
		return true;
	ok = local_path_expand(&path, q->argument.data, err) &&
	     local_path_absolute(&q->data, path, err) && check_data(q, err);
	free(path);
	return ok;
}

static bool ask(struct inquiry *q, const struct request *r, struct error *err)
{
	struct resolve_options o = { .data_dir = r->data_dir };

	return read_epoch(&o, r->epoch, err) &&
	       policy_argument_parse(&q->argument, q->given, err) &&
	       (q->argument.uri ? ask_uri(q, &o, err)
				: ask_class(q, &o, err));
}

bool resolve_run(const struct request *r, struct answer *a, struct error *err)
{
	struct inquiry q = { .given = r->operands.values[0], .answer = a };
	bool ok = ask(&q, r, err);

	if (ok && r->json)
		show_json(&q);
	else if (ok)
		show(&q);
	for (size_t i = 0; ok && i < q.remarks.count; i++)
		answer_remark(a, &q.remarks.items[i]);
	if (ok && q.remarks.bad)
		a->status = ANSWER_BAD;
	free(q.data);
	buffer_free(&q.uri);
	resolved_free(&q.resolved);
	policy_argument_free(&q.argument);
	return ok || error_for(err, r->operands.values[0]);
}
