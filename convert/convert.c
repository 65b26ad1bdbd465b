/* convert.c - open, normalise the keys, find the architecture, write */
#include "convert/convert.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "convert/check.h"
#include "convert/emit.h"
#include "convert/puffer.h"
#include "convert/repair.h"
#include "convert/resume.h"
#include "formats/architecture.h"
#include "formats/bundle.h"
#include "formats/json.h"
#include "formats/keys.h"
#include "formats/policy_spec.h"
#include "remote/object.h"

/* Bytes that the keys of a file's tensors may have in the journal. */
enum { CRC_KEYS_LIMIT = 1 << 20 };

/* The text to write; borrowed from the checkpoint or the settings. */
struct text {
	const char *data;
	size_t len;
};

static bool normalise(struct checkpoint *c, const struct settings *settings,
		      struct error *err)
{
	struct keys_report report;

	if (settings->keep_prefix)
		return true;
	if (!keys_normalise(&c->weights, &report, err))
		return false;
	if (report.changed == 0)
		return true;
	return notes_add(&c->notes, err,
			 "wrapper prefixes came off %zu of %zu keys (%s%s%s)",
			 report.changed, c->weights.count,
			 report.module ? "module." : "",
			 report.module && report.wrapper ? ", " : "",
			 report.wrapper ? "_orig_mod. or its like" : "");
}

static bool parses(const struct text *text, struct error *err)
{
	struct architecture parsed = { 0 };
	bool ok = architecture_parse(&parsed, text->data, text->len, err);

	architecture_free(&parsed);
	return ok;
}

static void use(struct checkpoint *c, struct text *text, const char *data,
		size_t len, const char *origin)
{
	*text = (struct text){ data, len };
	c->architecture_origin = origin;
}

/* What stands in for a text of the file's own; false if nothing does. */
static bool find_substitute(struct checkpoint *c, const struct job *job,
			    const struct settings *settings,
			    struct text *text, struct result *result)
{
	struct settings_offer offer;

	if (settings_offer(settings, job->name.run, &offer)) {
		use(c, text, offer.text, offer.len, offer.origin);
		result->map_line = offer.line;
	} else if (!c->architecture && puffer_recognised(&c->weights)) {
		use(c, text, puffer_architecture, strlen(puffer_architecture),
		    "recognised PufferLib keys");
	} else {
		return false;
	}
	return true;
}

/*
 * The file's own text counts; the options are for files without one, or with
 * one that the framework could not read.
 */
static bool choose_architecture(struct checkpoint *c, const struct job *job,
				const struct settings *settings,
				struct text *text, struct result *result,
				struct error *err)
{
	struct error fault = { 0 };

	*text = (struct text){ c->architecture, c->architecture_len };
	if (c->architecture && parses(text, &fault))
		return true;
	if (fault.kind == ERROR_MEMORY) {
		*err = fault;	/* it may well be valid */
		return false;
	}
	if (find_substitute(c, job, settings, text, result))
		return digest_of(text->data, text->len,
				 result->substitute_sha256, err) &&
		       (!c->architecture ||
			notes_add(&c->notes, err, "its own architecture text "
				  "is not valid (%.200s); that of %s was used",
				  fault.reason, c->architecture_origin));
	if (c->architecture) {
		error_set(err, fault.kind, ERROR_NO_OFFSET,
			  "its architecture text is not valid: %.300s; "
			  "--architecture can replace it", fault.reason);
		return error_in(err, NULL, c->architecture_origin);
	}
	if (settings->architecture_map.count > 0)
		return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				 "it carries no architecture, and no line of "
				 "%.200s matches its run \"%.200s\"",
				 settings->architecture_map_option,
				 job->name.run ? job->name.run : "");
	return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
			 "it carries no architecture: give one with "
			 "--architecture TEXT or @FILE, or for many runs with "
			 "--architecture-map FILE");
}

static bool print_checkpoint_spec(struct checkpoint *c,
				  const struct job *job,
				  const struct settings *settings,
				  struct buffer *spec, struct result *result,
				  struct error *err)
{
	struct text text;

	return choose_architecture(c, job, settings, &text, result, err) &&
	       (settings->no_repair ||
		repair_architecture(&text.data, &text.len, &c->weights,
				    &c->arena, &result->repairs, err)) &&
	       policy_spec_print(spec, text.data, text.len, err);
}

/* JSON that was parsed before, without the white space between its tokens. */
static bool append_compact(struct buffer *out, const char *json,
			   struct error *err)
{
	bool in_string = false;

	for (const char *p = json; *p; p++) {
		bool escape = in_string && *p == '\\';

		if (*p == '"')
			in_string = !in_string;
		if (!in_string && strchr(" \t\r\n", *p))
			continue;
		if (!buffer_append(out, p, escape ? 2 : 1, err))
			return false;
		p += escape;
	}
	return true;
}

/* KEY=VALUE as a member of an object: VALUE is JSON, or else a string. */
static bool append_kwarg(struct buffer *out, const char *kwarg,
			 struct error *err)
{
	const char *equals = strchr(kwarg, '='), *value = equals + 1;
	struct json_document doc = { 0 };
	struct error not_json = { 0 };
	size_t len = strlen(value);
	bool json = json_parse(&doc, value, len, &not_json);

	json_free(&doc);
	if (not_json.kind == ERROR_MEMORY) {
		*err = not_json;
		return false;
	}
	return (out->len == 1 || buffer_append(out, ",", 1, err)) &&
	       json_append_string(out, kwarg, (size_t)(equals - kwarg), err) &&
	       buffer_append(out, ":", 1, err) &&
	       (json ? append_compact(out, value, err)
		     : json_append_string(out, value, len, err));
}

static bool print_class_spec(struct checkpoint *c,
			     const struct settings *settings,
			     struct buffer *spec, struct error *err)
{
	const struct option_list *list = &settings->init_kwargs;
	struct buffer kwargs = { 0 };
	bool ok = buffer_append(&kwargs, "{", 1, err);

	for (size_t i = 0; ok && i < list->count; i++)
		ok = append_kwarg(&kwargs, list->values[i], err);
	ok = ok && buffer_append(&kwargs, "}", 1, err) &&
	     policy_spec_print_class(spec, settings->class_path, kwargs.data,
				     kwargs.len, err);
	buffer_free(&kwargs);
	c->architecture_origin = NULL;
	return ok;
}

/* A bundle of the same name in the other form is another bundle. */
static bool note_twin(const struct job *job, const struct settings *settings,
		      struct notes *notes, struct error *err)
{
	bool zip = settings->format == FORMAT_ZIP, ok;
	size_t len = strlen(job->dest), suffix = strlen(BUNDLE_ZIP_SUFFIX);
	mode_t mode = 0;
	char *twin;

	if (!settings->output && !settings->in_place)
		return true;	/* then it has no place */
	if (object_is_path(job->dest))
		return true;	/* there it has one form only */
	twin = memory_array(len + suffix + 1, 1, err);
	if (!twin)
		return false;
	memcpy(twin, job->dest, zip ? len - suffix : len);
	if (!zip)
		memcpy(twin + len, BUNDLE_ZIP_SUFFIX, suffix);
	ok = object_look_or_file(twin, &mode, err);
	if (ok && (zip ? S_ISDIR(mode) : S_ISREG(mode)))
		ok = notes_add(notes, err, "%.400s is there too, and :latest "
			       "may load that", twin);
	free(twin);
	return ok;
}

static bool note_names(const struct job *job, struct notes *notes,
		       struct error *err)
{
	if (!job->name.has_epoch)
		return notes_add(notes, err, "its name has no epoch, so "
				 ":latest will not find the bundle");
	if (bundle_folder_hidden(file_base_name(job->dest)))
		return notes_add(notes, err, "the run's name has a dot, so "
				 ":latest does not see this folder; a zip of "
				 "it is seen");
	return true;
}

/* For a dry run, which does not read what is in the bundle's place. */
static bool note_existing(const struct job *job,
			  const struct settings *settings, struct notes *notes,
			  struct error *err)
{
	mode_t mode = 0;

	if (!settings->output && !settings->in_place)
		return true;
	if (!object_look_or_file(job->dest, &mode, err))
		return false;
	return mode == 0 ||
	       notes_add(notes, err, "%.400s is there already: it would be "
			 "compared, and kept", job->dest);
}

/* Take over what the report needs before the checkpoint is closed. */
static bool keep_facts(struct checkpoint *c, struct result *result,
		       struct error *err)
{
	bool ok = true;

	result->era = c->era;
	result->architecture_origin = c->architecture_origin;
	result->tensor_count = c->weights.count;
	result->source_nbytes = c->file.size;
	result->notes = c->notes;
	c->notes = (struct notes){ 0 };
	for (size_t i = 0; ok && i < c->global_count; i++)
		ok = notes_add(&result->globals, err, "%s", c->globals[i]);
	return ok;
}

/* Is a tensor all of its storage, of which the archive tells the CRC? */
static bool has_crc(const struct tensor *t, const struct storage *s)
{
	return s->check_crc && t->nbytes == s->bytes.size && !t->stride &&
	       !t->conj && !t->neg && !t->big_endian &&
	       strlen(t->key) == t->key_len;
}

/*
 * The CRC of a storage that is nothing but one tensor is that of the tensor.
 * Those that there are the copy will verify.  Of more than a line of the
 * journal can hold there are none.
 */
static bool keep_crcs(const struct checkpoint *c, struct tensor_crcs *crcs,
		      struct error *err)
{
	size_t count = c->storages ? c->weights.count : 0, nbytes = 0;

	for (size_t i = 0; i < count; i++)
		nbytes += c->weights.tensors[i].key_len;
	if (count == 0 || nbytes > CRC_KEYS_LIMIT)
		return true;
	crcs->items = arena_array(&crcs->arena, count, sizeof(*crcs->items),
				  err);
	if (!crcs->items)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct tensor *t = &c->weights.tensors[i];
		const struct storage *s = &c->storages[t->storage];
		struct tensor_crc *crc = &crcs->items[crcs->count];

		if (!has_crc(t, s))
			continue;
		crc->crc = s->crc;
		crc->key = arena_copy(&crcs->arena, t->key, t->key_len, err);
		if (!crc->key)
			return false;
		crcs->count++;
	}
	return true;
}

static const char *owner_of(const struct conversion *cv, const struct job *job,
			    char pid[32])
{
	const struct journal *journal = journals_of(cv->journals, job);

	if (journal)
		return journal->claim.id;
	snprintf(pid, 32, "%ld", (long)getpid());
	return pid;
}

static const struct emit_form *choose_form(const struct conversion *cv,
					   const struct job *job)
{
	return object_is_path(job->dest) ? &emit_object :
	       cv->settings->format == FORMAT_ZIP ? &emit_zip : &emit_folder;
}

static bool write_bundle(const struct conversion *cv, size_t index,
			 struct checkpoint *c, const struct buffer *spec,
			 struct scratch *scratch, struct result *result,
			 struct written *written, struct error *err)
{
	const struct job *job = &cv->plan->jobs[index];
	char pid[32];
	const struct place place = { job->dest, job->root_len,
				     owner_of(cv, job, pid), index };

	if (!keep_crcs(c, &result->crcs, err) ||
	    !emit_write(written, choose_form(cv, job), c, spec, &place, scratch,
			err))
		return false;
	result->bundle_nbytes = written->nbytes;
	result->members = written->members;
	return true;
}

static bool check_there(const struct conversion *cv, size_t index,
			struct checkpoint *c, const struct buffer *spec,
			struct scratch *scratch, struct checked *checked,
			struct result *result, struct error *err)
{
	const struct check_place place = {
		cv->plan->jobs[index].dest,
		cv->settings->format == FORMAT_ZIP,
		cv->settings->list_converted
	};
	bool ok = check_bundle(checked, c, spec, &place, scratch, err);

	result->bundle_nbytes = checked->nbytes;
	return ok;
}

/* Normalise, find the architecture, and do what is to be done with both. */
static bool process(const struct conversion *cv, size_t index,
		    struct checkpoint *c, struct scratch *scratch,
		    struct checked *checked, struct result *result,
		    struct written *written, struct error *err)
{
	const struct job *job = &cv->plan->jobs[index];
	const struct settings *settings = cv->settings;
	struct buffer spec = { 0 };
	bool ok = normalise(c, settings, err) &&
		  note_names(job, &c->notes, err) &&
		  note_twin(job, settings, &c->notes, err) &&
		  (settings->class_path ?
		   print_class_spec(c, settings, &spec, err) :
		   print_checkpoint_spec(c, job, settings, &spec, result,
					 err));

	if (ok && settings->dry_run)
		ok = emit_rehearse(c, &spec, &result->bundle_nbytes, err) &&
		     note_existing(job, settings, &c->notes, err);
	else if (ok && settings->check)
		ok = check_there(cv, index, c, &spec, scratch, checked, result,
				 err);
	else if (ok)
		ok = write_bundle(cv, index, c, &spec, scratch, result,
				  written, err);
	buffer_free(&spec);
	return ok;
}

/* Was it there before, as an earlier run wrote it, and still is? */
static bool is_ours(const struct conversion *cv, size_t index,
		    const struct result *result)
{
	const struct record *past = cv->history->records[index];

	return past && resume_is_ours(past) &&
	       strcmp(past->members.weights_sha256,
		      result->members.weights_sha256) == 0;
}

/* Something was in the destination's place: the same, or a fault. */
static bool judge_existing(const struct conversion *cv, size_t index,
			   enum existing existing, struct result *result,
			   struct error *err)
{
	const struct job *job = &cv->plan->jobs[index];
	const char *other = job->same_as ? job->same_as->source->path : NULL;

	if (existing == EXISTING_SAME && is_ours(cv, index, result)) {
		result->status = STATUS_KEPT;
		return true;
	}
	if (existing == EXISTING_SAME)
		return result_skip(result, "the same bundle is there already",
				   err);
	if (other && existing == EXISTING_SAME_WEIGHTS)
		return notes_add(&result->notes, err, "%.400s has the same "
				 "weights with another architecture; its "
				 "bundle was kept", other) &&
		       result_skip(result, "a bundle of the same weights is "
				   "there already", err);
	if (other)
		return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				 "would become the bundle %.200s, and so does "
				 "%.200s, with other weights", job->dest,
				 other);
	return error_set(err, ERROR_UNSAFE, ERROR_NO_OFFSET,
			 "something else is in the place of its bundle %.300s; "
			 "it was left alone (--force replaces a bundle)",
			 job->dest);
}

/* A source with the weights of an earlier one need not have its spec. */
static bool judge_checked(const struct job *job, const struct checked *checked,
			  struct result *result, struct error *err)
{
	result->status = checked->verdict == CHECK_SAME ? STATUS_SAME :
			 checked->verdict == CHECK_MISSING ? STATUS_MISSING :
			 STATUS_DIFFERS;
	if (checked->verdict == CHECK_SAME_WEIGHTS && job->same_as) {
		result->status = STATUS_SAME;
		return notes_add(&result->notes, err, "its bundle has the same "
				 "weights with another architecture, as that "
				 "of %.400s", job->same_as->source->path);
	}
	if (checked->verdict != CHECK_SAME)
		result_keep_error(result, &checked->difference);
	return true;
}

static bool convert(const struct conversion *cv, size_t index,
		    const char *why_again, struct scratch *scratch,
		    struct result *result, struct written *written,
		    struct error *err)
{
	const struct job *job = &cv->plan->jobs[index];
	struct checked checked = { 0 };
	struct checkpoint c;
	bool ok;

	if (cv->settings->dry_run && job->same_as)
		return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				 "would become the bundle %.200s, and so would "
				 "%.200s; only the first is kept if they "
				 "differ", job->dest,
				 job->same_as->source->path);
	if (!checkpoint_open(&c, job->source->path, scratch, err))
		return false;
	if (c.skip) {
		ok = result_skip(result, c.skip, err);
	} else {
		ok = (!why_again ||
		      notes_add(&c.notes, err, "%s", why_again)) &&
		     process(cv, index, &c, scratch, &checked, result, written,
			     err);
		ok = keep_facts(&c, result, err) && ok;
		result->status = STATUS_CONVERTED;
		if (ok && cv->settings->check)
			ok = judge_checked(job, &checked, result, err);
	}
	checkpoint_close(&c);
	return ok;
}

/* Unless there is nothing to do: why it is done again, if it is. */
static bool look_back(const struct conversion *cv, size_t index,
		      struct result *result, char why_again[RESUME_WHY_SIZE],
		      struct error *err)
{
	const struct job *job = &cv->plan->jobs[index];

	why_again[0] = '\0';
	/* Sources for one bundle are compared with each other. */
	return cv->settings->check || job->same_as || job->next_same ||
	       !cv->history->records[index] ||
	       resume_look(cv->history->records[index], job, cv->settings,
			   cv->journals->options, result, why_again, err);
}

static bool skip_by_name(const struct conversion *cv, size_t index,
			 struct result *result, struct error *err)
{
	const char *reason = cv->plan->jobs[index].source->skip;
	const struct record *past = cv->history->records[index];

	result->on_record = past && past->status == STATUS_SKIPPED &&
			    past->reason && strcmp(past->reason, reason) == 0;
	return result_skip(result, reason, err);
}

static void set_fault(const struct job *job, const struct error *err,
		      struct result *result)
{
	result->members = (struct member_facts){ 0 };
	result_drop_crcs(result);
	if (err->kind == ERROR_INTERRUPTED)
		result->status = STATUS_NONE;
	else
		result_fail(result, job, err);
}

void convert_refuse(const struct conversion *cv, size_t index,
		    const struct error *err, struct result *result)
{
	set_fault(&cv->plan->jobs[index], err, result);
}

void convert_job(const struct conversion *cv, size_t index,
		 struct scratch *scratch, struct result *result,
		 struct written *written)
{
	const struct job *job = &cv->plan->jobs[index];
	char why_again[RESUME_WHY_SIZE];
	struct error err = { 0 };
	bool ok;

	*written = (struct written){ 0 };
	if (job->error)
		err = *job->error;
	else if (job->source->skip)
		skip_by_name(cv, index, result, &err);
	else if (look_back(cv, index, result, why_again, &err) &&
		 result->status == STATUS_NONE) {
		ok = convert(cv, index, why_again[0] ? why_again : NULL,
			     scratch, result, written, &err);
		if (!ok)
			emit_discard(written, &err);
	}
	if (err.kind != ERROR_NONE)
		set_fault(job, &err, result);
}

bool convert_may_replace(const struct conversion *cv, size_t index,
			 struct scratch *scratch, bool *may, struct error *err)
{
	const struct job *job = &cv->plan->jobs[index];
	const struct record *past = cv->history->records[index];

	*may = cv->settings->force && !job->same_as;
	if (*may || job->same_as || !past || !resume_is_ours(past))
		return true;
	return resume_is_intact(past, job, cv->settings->format == FORMAT_ZIP,
				scratch, may, err);
}

void convert_settle(const struct conversion *cv, size_t index,
		    const struct settled *settled, const struct error *err,
		    struct result *result)
{
	const struct job *job = &cv->plan->jobs[index];
	struct error fault = *err;

	if (fault.kind == ERROR_NONE && settled->replaced)
		notes_add(&result->notes, &fault,
			  "the bundle that was there was replaced");
	else if (fault.kind == ERROR_NONE &&
		 settled->existing != EXISTING_NONE)
		judge_existing(cv, index, settled->existing, result, &fault);
	if (fault.kind != ERROR_NONE)
		set_fault(job, &fault, result);
}
