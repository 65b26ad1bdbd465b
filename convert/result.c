/* result.c - names of statuses, and results as JSON */
#include "convert/result.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
	[STATUS_NONE] = "not begun", [STATUS_CONVERTED] = "converted",
	[STATUS_KEPT] = "kept", [STATUS_SKIPPED] = "skipped",
	[STATUS_FAILED] = "failed", [STATUS_SAME] = "same",
	[STATUS_DIFFERS] = "differs", [STATUS_MISSING] = "missing",
};

struct result *result_new(void)
{
	return calloc(1, sizeof(struct result));
}

const struct result *result_or_failure(const struct result *result)
{
	static const struct result failure = { .status = STATUS_FAILED };

	return result ? result : &failure;
}

const char *result_status_name(enum status status)
{
	return names[status];
}

bool result_is_bad(enum status status)
{
	return status == STATUS_FAILED || status == STATUS_DIFFERS ||
	       status == STATUS_MISSING;
}

bool result_has_bundle(enum status status)
{
	return status == STATUS_CONVERTED || status == STATUS_KEPT ||
	       status == STATUS_SAME;
}

void result_keep_error(struct result *result, const struct error *err)
{
	result->error = malloc(sizeof(*err));
	if (result->error)
		*result->error = *err;
}

void result_fail(struct result *result, const struct job *job,
		 const struct error *err)
{
	struct error fault = *err;

	error_for(&fault, job->source->path);
	result_keep_error(result, &fault);
	result->status = STATUS_FAILED;
}

bool result_skip(struct result *result, const char *reason, struct error *err)
{
	result->status = STATUS_SKIPPED;
	result->reason = memory_copy(reason, strlen(reason), err);
	return result->reason != NULL;
}

const struct error *result_fault(const struct result *result,
				 const struct job *job, struct error *room)
{
	if (result->error)
		return result->error;
	*room = (struct error){ 0 };
	error_set(room, ERROR_MEMORY, ERROR_NO_OFFSET, "out of memory");
	error_in(room, job->source->path, NULL);
	return room;
}

void result_put_facts(struct json_writer *w, const struct job *job,
		      const struct result *result)
{
	if (result->era)
		json_put_string(w, "era", result->era);
	if (job->name.run)
		json_put_path(w, "run", job->name.run);
	if (job->name.has_epoch)
		json_put_u64(w, "epoch", job->name.epoch);
	if (result->architecture_origin)
		json_put_string(w, "architecture", result->architecture_origin);
	if (result_has_bundle(result->status)) {
		json_put_u64(w, "tensors", result->tensor_count);
		json_put_u64(w, "bytes", result->bundle_nbytes);
	}
}

static void put_error(struct json_writer *w, const struct error *err)
{
	json_open(w, "error", '{');
	json_put_string(w, "kind", error_kind_name(err->kind));
	if (err->member[0])
		json_put_string(w, "member", err->member);
	if (err->offset != ERROR_NO_OFFSET)
		json_put_u64(w, "offset", err->offset);
	json_put_string(w, "reason", err->reason);
	json_close(w, '}');
}

void result_put_reason(struct json_writer *w, const struct job *job,
		       const struct result *result)
{
	char reason[sizeof(struct error)];
	const struct error *fault;
	struct error room;

	if (result_is_bad(result->status)) {
		fault = result_fault(result, job, &room);
		error_format_reason(fault, reason, sizeof(reason));
		json_put_string(w, "reason", reason);
		put_error(w, fault);
	} else if (result->reason) {
		json_put_string(w, "reason", result->reason);
	} else {
		json_put_null(w, "reason");
	}
}

static void put_texts(struct json_writer *w, const char *key,
		      const struct notes *texts)
{
	json_open(w, key, '[');
	for (size_t i = 0; i < texts->count; i++)
		json_put_string(w, NULL, texts->texts[i]);
	json_close(w, ']');
}

void result_put_notes(struct json_writer *w, const struct result *result)
{
	put_texts(w, "notes", &result->notes);
	if (result->repairs.count > 0)
		put_texts(w, "repairs", &result->repairs);
}

void result_put_globals(struct json_writer *w, const struct result *result)
{
	if (result->globals.count > 0)
		put_texts(w, "globals", &result->globals);
}

void result_drop_crcs(struct result *result)
{
	arena_free(&result->crcs.arena);
	result->crcs = (struct tensor_crcs){ 0 };
}

void result_free(struct result *result)
{
	if (!result)
		return;
	free(result->error);
	free(result->reason);
	result_drop_crcs(result);
	notes_free(&result->notes);
	notes_free(&result->repairs);
	notes_free(&result->globals);
	free(result);
}
