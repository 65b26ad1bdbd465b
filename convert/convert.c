/* convert.c - open, normalise the keys, find the architecture, write */
#include "convert/convert.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "convert/emit.h"
#include "formats/architecture.h"
#include "formats/keys.h"

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

static bool parses(const char *text, size_t len, struct error *err)
{
	struct architecture parsed = { 0 };
	bool ok = architecture_parse(&parsed, text, len, err);

	architecture_free(&parsed);
	return ok;
}

/*
 * The file's own text counts; --architecture is for files without one, or
 * with one that the framework could not read.
 */
static bool choose_architecture(struct checkpoint *c,
				const struct settings *settings,
				struct text *text, struct error *err)
{
	struct error fault = { 0 };
	bool have = c->architecture != NULL;

	*text = (struct text){ c->architecture, c->architecture_len };
	if (have && parses(text->data, text->len, &fault))
		return true;
	if (settings->architecture) {
		*text = (struct text){ settings->architecture,
				       settings->architecture_len };
		c->architecture_origin = "--architecture";
		return !have || notes_add(&c->notes, err,
					  "its own architecture text is not "
					  "valid (%.200s); --architecture was "
					  "used", fault.reason);
	}
	if (!have)
		return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				 "it carries no architecture: give one with "
				 "--architecture TEXT or --architecture @FILE");
	error_set(err, fault.kind, ERROR_NO_OFFSET,
		  "its architecture text is not valid: %.300s; "
		  "--architecture can replace it", fault.reason);
	return error_in(err, NULL, c->architecture_origin);
}

static bool note_names(const struct job *job, struct notes *notes,
		       struct error *err)
{
	if (!job->name.has_epoch)
		return notes_add(notes, err, "its name has no epoch, so "
				 ":latest will not find the bundle");
	if (bundle_folder_hidden(file_base_name(job->dest)))
		return notes_add(notes, err, "the run's name has a dot, so "
				 ":latest will not see this folder");
	return true;
}

/* Take over what the report needs before the checkpoint is closed. */
static void keep_facts(struct checkpoint *c, struct result *result)
{
	result->era = c->era;
	result->architecture_origin = c->architecture_origin;
	result->tensor_count = c->weights.count;
	result->source_nbytes = c->file.size;
	result->notes = c->notes;
	c->notes = (struct notes){ 0 };
}

static bool skip(struct result *result, const char *reason, struct error *err)
{
	result->status = STATUS_SKIPPED;
	result->reason = arena_copy(&result->notes.arena, reason,
				    strlen(reason), err);
	return result->reason != NULL;
}

static bool write_bundle(const struct job *job, size_t index,
			 const struct settings *settings,
			 struct checkpoint *c, struct scratch *scratch,
			 struct emitted *emitted, struct error *err)
{
	struct text text;

	if (!normalise(c, settings, err) ||
	    !choose_architecture(c, settings, &text, err) ||
	    !note_names(job, &c->notes, err))
		return false;
	if (settings->dry_run)
		return emit_rehearse(c, text.data, text.len, emitted, err);
	return emit_bundle(c, text.data, text.len, job->dest, index, scratch,
			   emitted, err);
}

static bool convert(const struct job *job, size_t index,
		    const struct settings *settings, struct scratch *scratch,
		    struct result *result, struct error *err)
{
	struct emitted emitted = { 0 };
	struct checkpoint c;
	bool ok;

	if (!checkpoint_open(&c, job->source->path, scratch, err))
		return false;
	if (c.skip) {
		ok = skip(result, c.skip, err);
	} else {
		ok = write_bundle(job, index, settings, &c, scratch, &emitted,
				  err);
		keep_facts(&c, result);
		result->bundle_nbytes = emitted.nbytes;
		result->status = STATUS_CONVERTED;
		if (ok && emitted.already_there)
			ok = skip(result, "the same bundle is there already",
				  err);
	}
	checkpoint_close(&c);
	return ok;
}

/* Move a fault to the heap: most results need none, and it is large. */
static void fail(struct result *result, const struct error *err)
{
	result->error = malloc(sizeof(*err));
	if (result->error)
		*result->error = *err;
	result->status = STATUS_FAILED;
}

void convert_job(const struct job *job, size_t index,
		 const struct settings *settings, struct scratch *scratch,
		 struct result *result)
{
	struct error err = { 0 };

	*result = (struct result){ 0 };
	if (job->error) {
		fail(result, job->error);
	} else if (job->source->skip) {
		if (!skip(result, job->source->skip, &err))
			fail(result, &err);
	} else if (!convert(job, index, settings, scratch, result, &err)) {
		if (err.kind == ERROR_INTERRUPTED) {
			result->status = STATUS_NONE;
			return;
		}
		error_in(&err, job->source->path, NULL);
		fail(result, &err);
	}
}

void result_free(struct result *result)
{
	free(result->error);
	notes_free(&result->notes);
	*result = (struct result){ 0 };
}
