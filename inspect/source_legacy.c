/* source_legacy.c - what mpt-convert would write, to look at */
#include "inspect/source_legacy.h"

#include <inttypes.h>

#include "formats/keys.h"
#include "remote/object.h"

static bool begin_scratch(struct source *s, struct error *err)
{
	const struct source_options *o = s->options;

	if (!scratch_init(&s->scratch, object_spill_folder(),
			  o->state_dict_key, err))
		return false;
	s->scratch.helper.no_sandbox = o->no_sandbox;
	s->scratch.helper.timeout_s = o->timeout_s;
	s->scratch.max_expansion = o->max_expansion;
	return true;
}

static bool check_expansion(const struct source *s, struct error *err)
{
	const struct checkpoint *c = &s->checkpoint;

	return s->layout.file_nbytes <= c->tensors_limit ||
	       error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
			 "its tensors would take %" PRIu64 " bytes, over the "
			 "limit of %" PRIu64 " for a file of %" PRIu64
			 " (--max-expansion)", s->layout.file_nbytes,
			 c->tensors_limit, c->file.size);
}

/* The header as it would be written is that of the source. */
static bool take_header(struct source *s, struct error *err)
{
	const struct buffer *header = &s->layout.header;

	s->data = header->len;
	return safetensors_read_header(
		&s->header, header->data + SAFETENSORS_LENGTH_SIZE,
		header->len - SAFETENSORS_LENGTH_SIZE,
		s->layout.file_nbytes - header->len, err);
}

bool source_legacy_open(struct source *s, struct error *err)
{
	struct checkpoint *c = &s->checkpoint;
	struct keys_report ignored;

	s->kind = SOURCE_LEGACY;
	if (!begin_scratch(s, err) ||
	    !checkpoint_open(c, s->path, &s->scratch, err))
		return false;
	if (c->skip)
		return error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
				 "not a policy: %s", c->skip);
	if (!s->options->keep_prefix &&
	    !keys_normalise(&c->weights, &ignored, err))
		return false;
	s->architecture = c->architecture;
	s->architecture_len = c->architecture_len;
	s->has_weights = true;
	if (!safetensors_lay_out(&s->layout, &c->weights, err))
		return false;
	s->nbytes = s->layout.file_nbytes;
	return take_header(s, err);
}

bool source_legacy_unpack(struct source *s, struct error *err)
{
	struct sink sink;

	if (!check_expansion(s, err) ||
	    !file_create_unnamed(&s->file, s->scratch.spill_folder, err))
		return false;
	sink = sink_over(file_writer(&s->file), s->scratch.buffer,
			 SCRATCH_BUFFER_SIZE);
	if (!sink_seek(&sink, s->data, err) ||
	    !checkpoint_copy(&s->checkpoint, &s->layout, &sink, &s->scratch,
			     err) ||
	    !sink_flush(&sink, err))
		return false;
	s->file.size = s->layout.file_nbytes;
	return true;
}

void source_legacy_close(struct source *s)
{
	safetensors_layout_free(&s->layout);
	checkpoint_close(&s->checkpoint);
	scratch_free(&s->scratch);
}
