/* resume.c - hold records against sources and bundles */
#include "convert/resume.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "convert/there.h"
#include "formats/bundle.h"
#include "formats/safetensors.h"
#include "remote/object.h"

/* What this program writes is far smaller; what a record says is hostile. */
enum { SPEC_LIMIT = 16 << 20 };

bool resume_is_ours(const struct record *past)
{
	return past->bundle && (past->status == STATUS_CONVERTED ||
				past->status == STATUS_KEPT);
}

static bool differs(struct error *difference, const char *reason)
{
	error_set(difference, ERROR_DIFFERENT, ERROR_NO_OFFSET, "%s", reason);
	return true;
}

/* Open a member of the length that the record says. */
static bool open_member(struct there_member *m, const struct there *t,
			const char *name, uint64_t nbytes,
			struct error *difference, struct error *err)
{
	if (!there_open_member(m, t, name, difference, err))
		return false;
	if (difference->kind == ERROR_NONE && m->nbytes != nbytes)
		differs(difference, "has another length");
	return true;
}

static bool check_spec(const struct there *t, const struct record *past,
		       struct error *difference, struct error *err)
{
	size_t len = (size_t)past->members.spec_nbytes;
	char hex[DIGEST_HEX_SIZE], *text = NULL;
	struct there_member m = { 0 };
	bool ok;

	if (past->members.spec_nbytes > SPEC_LIMIT)
		return differs(difference, "has another length");
	ok = open_member(&m, t, BUNDLE_SPEC, past->members.spec_nbytes,
			 difference, err);
	if (ok && difference->kind == ERROR_NONE)
		ok = (text = memory_array(len, 1, err)) != NULL &&
		     there_read(&m, 0, text, len, difference, err);
	if (ok && difference->kind == ERROR_NONE)
		ok = there_finish_member(&m, difference, err) &&
		     digest_of(text, len, hex, err);
	if (ok && difference->kind == ERROR_NONE &&
	    strcmp(hex, past->members.spec_sha256) != 0)
		differs(difference, "is not what was written");
	there_close_member(&m);
	free(text);
	return ok;
}

/* A header that is no header is a difference. */
static bool judge_header(const char *text, size_t len, uint64_t data_nbytes,
			 struct error *difference, struct error *err)
{
	struct safetensors_header header = { 0 };
	struct error fault = { 0 };

	if (!safetensors_read_header(&header, text, len, data_nbytes,
				     &fault)) {
		if (fault.kind == ERROR_MEMORY) {
			*err = fault;
			return false;
		}
		differs(difference, "has a broken header");
	}
	safetensors_header_free(&header);
	return true;
}

static bool check_header(struct there_member *m, struct error *difference,
			 struct error *err)
{
	uint8_t start[SAFETENSORS_LENGTH_SIZE];
	struct error fault = { 0 };
	char *text = NULL;
	size_t len = 0;
	bool ok = m->nbytes >= sizeof(start);

	if (!ok)
		return differs(difference, "has no header");
	ok = there_read(m, 0, start, sizeof(start), difference, err);
	if (ok && difference->kind == ERROR_NONE &&
	    !safetensors_read_length(start, m->nbytes, &len, &fault))
		differs(difference, "has a broken header");
	if (ok && difference->kind == ERROR_NONE)
		ok = (text = memory_array(len, 1, err)) != NULL &&
		     there_read(m, sizeof(start), text, len, difference, err);
	if (ok && difference->kind == ERROR_NONE)
		ok = judge_header(text, len, m->nbytes - sizeof(start) - len,
				  difference, err);
	free(text);
	return ok;
}

static bool check_weights(const struct there *t, const struct record *past,
			  struct error *difference, struct error *err)
{
	struct there_member m = { 0 };
	bool ok = open_member(&m, t, BUNDLE_WEIGHTS,
			      past->members.weights_nbytes, difference, err);

	if (ok && difference->kind == ERROR_NONE)
		ok = check_header(&m, difference, err);
	there_close_member(&m);
	return ok;
}

/* Is it the object that was sent?  Then nothing of it need be fetched. */
static bool check_etag(const struct record *past, const struct job *job,
		       bool *same, struct error *err)
{
	struct object_name name;
	struct s3_facts facts;
	bool found;

	*same = false;
	if (!past->members.etag[0] || !object_is_path(job->dest))
		return true;
	if (!object_split(&name, job->dest, err) ||
	    !s3_look(&facts, &found, &name.place, err))
		return error_in(err, job->dest, NULL);
	*same = found && strcmp(facts.etag, past->members.etag) == 0;
	return true;
}

/* Hold the bundle against the record, quickly. */
static bool check_bundle(const struct record *past, const struct job *job,
			 bool archive, struct error *difference,
			 struct error *err)
{
	struct there t = { 0 };
	bool missing, same;
	bool ok = check_etag(past, job, &same, err);

	if (!ok || same)
		return ok;
	ok = there_open(&t, job->dest, archive, &missing, difference, err);
	if (ok && difference->kind == ERROR_NONE)
		ok = check_spec(&t, past, difference, err) ||
		     error_in(err, NULL, BUNDLE_SPEC);
	if (ok && difference->kind == ERROR_NONE)
		ok = check_weights(&t, past, difference, err) ||
		     error_in(err, NULL, BUNDLE_WEIGHTS);
	there_close(&t);
	return ok;
}

static bool source_unchanged(const struct record *past, const struct job *job)
{
	char mtime[RECORD_MTIME_SIZE];

	record_mtime(job->source, mtime);
	return past->size == job->source->nbytes &&
	       strcmp(past->mtime, mtime) == 0;
}

/* Has the user another architecture now for a source that has none? */
static bool architecture_changed(const struct record *past,
				 const struct job *job,
				 const struct settings *settings,
				 bool *changed, struct error *err)
{
	struct settings_offer offer;
	char hex[DIGEST_HEX_SIZE];

	*changed = false;
	if (!past->substitute_sha256 ||
	    !settings_offer(settings, job->name.run, &offer))
		return true;
	if (!digest_of(offer.text, offer.len, hex, err))
		return false;
	*changed = strcmp(hex, past->substitute_sha256) != 0;
	return true;
}

/* Why a source must be done again for itself, or NULL. */
static bool fault_of_record(const struct record *past, const struct job *job,
			    const struct settings *settings,
			    const char *options, const char **fault,
			    struct error *err)
{
	bool changed;

	if (!architecture_changed(past, job, settings, &changed, err))
		return false;
	*fault = past->status == STATUS_FAILED ?
			 "it failed before, and was tried again" :
		 !source_unchanged(past, job) ?
			 "it has changed since it was converted" :
		 changed || strcmp(past->options, options) != 0 ?
			 "it was converted with other options before" :
			 NULL;
	return true;
}

static bool keep(const struct record *past, struct result *result,
		 struct error *err)
{
	result->on_record = true;
	result->members = past->members;
	if (past->status == STATUS_SKIPPED)
		return result_skip(result, past->reason ? past->reason : "",
				   err);
	result->status = STATUS_KEPT;
	result->tensor_count = (size_t)past->tensor_count;
	result->source_nbytes = past->size;
	result->bundle_nbytes = past->bundle_nbytes;
	return true;
}

bool resume_look(const struct record *past, const struct job *job,
		 const struct settings *settings, const char *options,
		 struct result *result, char why[RESUME_WHY_SIZE],
		 struct error *err)
{
	const char *fault;
	struct error difference = { 0 };

	if (!fault_of_record(past, job, settings, options, &fault, err))
		return false;
	if (fault) {
		snprintf(why, RESUME_WHY_SIZE, "%s", fault);
		return true;
	}
	if (!past->bundle)
		return true;	/* it was skipped, which is soon seen again */
	if (!check_bundle(past, job, settings->format == FORMAT_ZIP,
			  &difference, err))
		return false;
	if (difference.kind == ERROR_NONE)
		return keep(past, result, err);
	snprintf(why, RESUME_WHY_SIZE, "it was converted before, but its "
		 "bundle %.300s", difference.reason);
	return true;
}

/* ---- byte for byte ---- */

static bool digest_member(struct there_member *m, struct scratch *scratch,
			  char hex[DIGEST_HEX_SIZE], struct error *difference,
			  struct error *err)
{
	struct digest digest = { 0 };
	uint64_t done = 0;
	bool ok = digest_begin(&digest, err);

	while (ok && difference->kind == ERROR_NONE && done < m->nbytes) {
		size_t n = m->nbytes - done < SCRATCH_BUFFER_SIZE ?
			   (size_t)(m->nbytes - done) : SCRATCH_BUFFER_SIZE;

		ok = interrupt_check(err) &&
		     there_read(m, done, scratch->buffer, n, difference,
				err) &&
		     digest_add(&digest, scratch->buffer, n, err);
		done += n;
	}
	ok = ok && digest_end(&digest, hex, err);
	digest_discard(&digest);
	return ok;
}

static bool check_all_weights(const struct there *t, const struct record *past,
			      struct scratch *scratch,
			      struct error *difference, struct error *err)
{
	struct there_member m = { 0 };
	char hex[DIGEST_HEX_SIZE];
	bool ok = open_member(&m, t, BUNDLE_WEIGHTS,
			      past->members.weights_nbytes, difference, err);

	if (ok && difference->kind == ERROR_NONE)
		ok = digest_member(&m, scratch, hex, difference, err);
	if (ok && difference->kind == ERROR_NONE)
		ok = there_finish_member(&m, difference, err);
	if (ok && difference->kind == ERROR_NONE &&
	    strcmp(hex, past->members.weights_sha256) != 0)
		differs(difference, "is not what was written");
	there_close_member(&m);
	return ok;
}

bool resume_is_intact(const struct record *past, const struct job *job,
		      bool archive, struct scratch *scratch, bool *intact,
		      struct error *err)
{
	struct error difference = { 0 };
	struct there t = { 0 };
	bool missing;
	bool ok = there_open(&t, job->dest, archive, &missing, &difference,
			     err);

	if (ok && difference.kind == ERROR_NONE)
		ok = check_spec(&t, past, &difference, err);
	if (ok && difference.kind == ERROR_NONE)
		ok = check_all_weights(&t, past, scratch, &difference, err);
	there_close(&t);
	*intact = ok && difference.kind == ERROR_NONE;
	return ok;
}
