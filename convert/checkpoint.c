/* checkpoint.c - decide by content what a file is, and hand it to its loader */
#include "convert/checkpoint.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "convert/inflate_ahead.h"
#include "convert/limits.h"
#include "convert/load.h"
#include "convert/relay.h"
#include "formats/bundle.h"
#include "remote/object.h"

bool scratch_init(struct scratch *s, const char *spill_folder,
		  const char *state_dict_path, struct error *err)
{
	*s = (struct scratch){ .max_expansion = LIMITS_EXPANSION_DEFAULT,
			       .spill_folder = spill_folder,
			       .state_dict_path = state_dict_path };
	s->buffer = memory_block(SCRATCH_BUFFER_SIZE, err);
	return s->buffer != NULL;
}

void scratch_free(struct scratch *s)
{
	helper_stop(&s->helper);
	recall_free(&s->recall);
	stream_head_free(&s->stream);
	safetensors_recall_free(&s->headers);
	gather_free(&s->gather);
	zip_write_free(s->zip);
	free(s->buffer);
	free(s->held);
	*s = (struct scratch){ 0 };
}

static const struct zip_member *at_root(const struct checkpoint *c,
					const char *name)
{
	return zip_find_member(&c->outer, name, strlen(name));
}

/* The kinds of zip that hold a checkpoint, and the ones that do not. */
static bool load_zip(struct checkpoint *c, struct scratch *scratch,
		     struct error *err)
{
	bool weights, policy, torch;

	if (!zip_read_directory(&c->outer, &c->source, err))
		return false;
	/* What becomes of it is known by its CRCs to be what was packed. */
	c->outer.fast = true;
	weights = at_root(c, "weights.safetensors");
	policy = at_root(c, "policy.pt");
	torch = load_is_torch_archive(&c->outer);
	if (at_root(c, "policy_spec.json")) {
		c->skip = weights ? "a bundle already" :
				    "a pointer to a checkpoint, no checkpoint";
		return true;
	}
	if (weights + policy + torch > 1)
		return error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
				 "two kinds of checkpoint in one zip archive");
	if (weights)
		return load_mpt_zip(c, scratch, err);
	if (policy)
		return load_policy_zip(c, scratch, err);
	c->archive = c->outer;
	c->outer = (struct zip){ 0 };
	return load_torch_zip(c, &c->source, scratch, err);
}

static bool load(struct checkpoint *c, struct scratch *scratch,
		 struct error *err)
{
	uint8_t magic[4] = { 0 };

	c->source = file_reader(&c->file);
	if (c->source.size >= sizeof(magic) &&
	    !reader_read(&c->source, 0, magic, sizeof(magic), err))
		return false;
	if (zip_is_magic(magic))
		return load_zip(c, scratch, err);
	return load_torch(c, &c->source, scratch, err);
}

bool checkpoint_open(struct checkpoint *c, const char *path,
		     struct scratch *scratch, struct error *err)
{
	*c = (struct checkpoint){ 0 };
	if (!object_open_or_file(&c->file, path, scratch->spill_folder, err))
		return false;
	c->tensors_limit = limits_tensors(c->file.size,
					  scratch->max_expansion);
	c->pickle_limit = limits_pickle(c->file.size);
	if (!load(c, scratch, err))
		goto fail;
	if (!c->skip && c->weights.count == 0) {
		error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			  "its state dict is empty");
		goto fail;
	}
	return true;
fail:
	error_in(err, path, NULL);
	checkpoint_close(c);
	return false;
}

bool checkpoint_copy(struct checkpoint *c,
		     const struct safetensors_layout *layout,
		     struct sink *sink, struct scratch *scratch,
		     struct error *err)
{
	bool inflates = c->stream != NULL;
	bool relayed = (inflates || sink->observer.write) &&
		       relay_pays(scratch->threads, layout->file_nbytes);
	struct inflate_ahead *ahead = NULL;
	struct relay relay;
	bool ok;

	sink->work = &scratch->work;
	progress_want(sink->work, layout->file_nbytes);
	if (relayed) {
		ahead = inflate_ahead_begin(c->stream);
		sink_use_relay(sink, &relay, inflates,
			       inflate_ahead_idle(ahead));
	}
	ok = c->copy(c, layout, sink, scratch, err) &&
	     sink_flush(sink, err);
	ok = sink_leave_relay(sink, err) && ok;
	inflate_ahead_end(ahead);
	return ok && file_check_unchanged(&c->file, err);
}

bool checkpoint_copies_in_order(const struct checkpoint *c,
				const struct safetensors_layout *layout)
{
	uint64_t reached = 0;

	if (!c->stream)
		return true;
	for (size_t i = 0; i < c->weights.count; i++) {
		const struct tensor *t = &c->weights.tensors[layout->order[i]];

		if (t->nbytes == 0)
			continue;
		if (t->start < reached)
			return false;
		reached = t->start + t->nbytes;
	}
	return true;
}

static bool starts_with(const struct checkpoint *c,
			const struct zip_member *member,
			const struct buffer *header, bool *same,
			struct error *err)
{
	struct zip_stream *stream = NULL;
	uint8_t *bytes = memory_array(header->len, 1, err);
	bool ok = false;

	if (!bytes)
		return false;
	stream = zip_stream_open(&c->outer, member, &c->source, err);
	ok = stream && zip_stream_read(stream, bytes, header->len, err);
	*same = ok && memcmp(bytes, header->data, header->len) == 0;
	zip_stream_close(stream);
	free(bytes);
	return ok;
}

bool checkpoint_find_deflated(const struct checkpoint *c,
			      const struct safetensors_layout *layout,
			      const struct zip_member **member,
			      struct error *err)
{
	const struct zip_member *found;
	bool same;

	*member = NULL;
	if (!c->stream || c->outer.crc_absent)
		return true;
	found = at_root(c, BUNDLE_WEIGHTS);
	if (found->method != ZIP_DEFLATED ||
	    found->usize != layout->file_nbytes)
		return true;
	if (!starts_with(c, found, &layout->header, &same, err))
		return false;
	if (same)
		*member = found;
	return true;
}

void checkpoint_close(struct checkpoint *c)
{
	zip_stream_close(c->stream);
	zip_free(&c->outer);
	zip_free(&c->archive);
	state_dict_free(&c->weights);
	notes_free(&c->notes);
	arena_free(&c->arena);
	file_discard(&c->file);
	file_discard(&c->spill);
	*c = (struct checkpoint){ 0 };
}
