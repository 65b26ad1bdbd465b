/* check.c - compare spec, header and elements */
#include "convert/check.h"

#include <stdlib.h>

#include "convert/compare.h"
#include "convert/emit.h"
#include "convert/there.h"
#include "formats/bundle.h"
#include "remote/object.h"

/* Bytes of a text that are shown where it differs. */
enum { EXCERPT = 40 };

static void compare_spec(const struct buffer *ours, const char *theirs,
			 size_t len, struct error *difference)
{
	size_t i = 0, end = len < ours->len ? len : ours->len;

	while (i < end && ours->data[i] == theirs[i])
		i++;
	if (i == ours->len && i == len)
		return;
	error_set(difference, ERROR_DIFFERENT, i,
		  "has \"%.*s\" here, would have \"%.*s\"",
		  (int)(len - i < EXCERPT ? len - i : EXCERPT), theirs + i,
		  (int)(ours->len - i < EXCERPT ? ours->len - i : EXCERPT),
		  ours->data + i);
}

/* Is it a spec?  False if there is no memory to tell. */
static bool judge_spec(const char *text, size_t len, bool *sound,
		       struct error *err)
{
	struct policy_spec parsed = { 0 };
	struct error fault = { 0 };

	*sound = bundle_check_spec(&parsed, text, len, &fault);
	policy_spec_free(&parsed);
	if (fault.kind != ERROR_MEMORY)
		return true;
	*err = fault;
	return false;
}

/* *sound: it is a spec, the same or another. */
static bool check_spec(const struct buffer *spec, const struct there *there,
		       bool *sound, struct error *difference,
		       struct error *err)
{
	struct there_member m = { 0 };
	char *theirs = NULL;
	size_t len;
	bool ok = there_open_member(&m, there, BUNDLE_SPEC, difference, err);

	*sound = false;
	if (!ok || !m.name)
		return ok;
	len = m.nbytes < POLICY_SPEC_LIMIT + EXCERPT ?
	      (size_t)m.nbytes : POLICY_SPEC_LIMIT + EXCERPT;
	theirs = memory_array(len, 1, err);
	ok = theirs && there_read(&m, 0, theirs, len, difference, err);
	if (ok && difference->kind == ERROR_NONE && len == m.nbytes)
		ok = there_finish_member(&m, difference, err);
	if (ok && difference->kind == ERROR_NONE) {
		compare_spec(spec, theirs, len, difference);
		ok = difference->kind == ERROR_NONE ||
		     judge_spec(theirs, len, sound, err);
	}
	free(theirs);
	there_close_member(&m);
	return ok;
}

/* Read the source and the member at once. */
static bool check_elements(struct checkpoint *c,
			   const struct safetensors_layout *layout,
			   struct there_member *m, struct scratch *scratch,
			   struct error *difference, struct error *err)
{
	struct compare compare;
	struct sink sink;
	bool ok = compare_begin(&compare, &c->weights, layout, m, err);

	if (ok) {
		sink = sink_over(compare_writer(&compare), scratch->buffer,
				 SCRATCH_BUFFER_SIZE);
		ok = sink_seek(&sink, layout->header.len, err) &&
		     checkpoint_copy(c, layout, &sink, scratch, err) &&
		     sink_flush(&sink, err);
	}
	if (ok)
		compare_end(&compare, difference);
	compare_free(&compare);
	return ok;
}

static bool check_weights(struct checkpoint *c,
			  const struct safetensors_layout *layout,
			  const struct there *there, struct scratch *scratch,
			  struct error *difference, struct error *err)
{
	struct there_member m = { 0 };
	bool ok = there_open_member(&m, there, BUNDLE_WEIGHTS, difference,
				    err);

	if (!ok || !m.name)
		return ok;
	ok = compare_header(layout, &m, difference, err);
	if (ok && difference->kind == ERROR_NONE &&
	    !checkpoint_copies_in_order(c, layout))
		ok = there_spread_member(&m, c, scratch, difference, err);
	if (ok && difference->kind == ERROR_NONE)
		ok = check_elements(c, layout, &m, scratch, difference, err);
	if (ok && difference->kind == ERROR_NONE)
		ok = there_finish_member(&m, difference, err);
	there_close_member(&m);
	return ok;
}

/* Both members, whatever is found in the first. */
static bool check_members(struct checked *checked, struct checkpoint *c,
			  const struct safetensors_layout *layout,
			  const struct buffer *spec, const struct there *there,
			  struct scratch *scratch, struct error *err)
{
	struct error in_spec = { 0 }, in_weights = { 0 };
	bool sound;

	if (!check_spec(spec, there, &sound, &in_spec, err) ||
	    !check_weights(c, layout, there, scratch, &in_weights, err) ||
	    !there_note_others(there, &c->notes, err))
		return false;
	error_in(&in_spec, there->path, BUNDLE_SPEC);
	error_in(&in_weights, there->path, BUNDLE_WEIGHTS);
	if (in_weights.kind != ERROR_NONE) {
		checked->verdict = CHECK_DIFFERS;
		checked->difference = in_weights;
		return in_spec.kind == ERROR_NONE ||
		       notes_add(&c->notes, err, BUNDLE_SPEC " of its bundle "
				 "differs, too");
	}
	checked->verdict = CHECK_SAME;
	if (in_spec.kind != ERROR_NONE) {
		checked->verdict = sound ? CHECK_SAME_WEIGHTS : CHECK_DIFFERS;
		checked->difference = in_spec;
	}
	return true;
}

bool check_bundle(struct checked *checked, struct checkpoint *c,
		  const struct buffer *spec, const struct check_place *place,
		  struct scratch *scratch, struct error *err)
{
	struct safetensors_layout layout;
	struct there there;
	bool missing, ok;

	*checked = (struct checked){ .verdict = CHECK_DIFFERS };
	if (!emit_lay_out(&layout, c, spec, &checked->nbytes, err))
		return false;
	ok = there_open(&there, place->dest, place->archive, &missing,
			&checked->difference, err);
	error_in(&checked->difference, place->dest, NULL);
	if (ok && missing)
		checked->verdict = CHECK_MISSING;
	if (ok && there.path)
		ok = check_members(checked, c, &layout, spec, &there, scratch,
				   err);
	/* What S3 shows is durable. */
	if (ok && place->sync && !object_is_path(place->dest) &&
	    checked->verdict >= CHECK_SAME_WEIGHTS)
		ok = there_sync(&there, err);
	there_close(&there);
	safetensors_layout_free(&layout);
	return ok;
}
