/* checkpoint.c - decide by content what a file is, and hand it to its loader */
#include "convert/checkpoint.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "convert/load.h"

enum { HEAD_SIZE = 32 };

/* How a pickle of torch's magic number begins, by protocol. */
static const struct magic {
	const char *bytes;
	size_t len;
} stream_magics[] = {
	{ "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e", 15 },
	{ "\x80\x03\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e", 15 },
	{ "\x80\x04\x95\x0d\0\0\0\0\0\0\0\x8a\x0a\x6c\xfc\x9c\x46\xf9", 18 },
	{ "\x80\x05\x95\x0d\0\0\0\0\0\0\0\x8a\x0a\x6c\xfc\x9c\x46\xf9", 18 },
	{ "L119547037146038801333356L\n", 27 },
};

bool scratch_init(struct scratch *s, const char *spill_folder,
		  struct error *err)
{
	*s = (struct scratch){ .spill_folder = spill_folder };
	s->buffer = malloc(SCRATCH_BUFFER_SIZE);
	if (!s->buffer)
		return error_set_memory(err, SCRATCH_BUFFER_SIZE);
	return true;
}

void scratch_free(struct scratch *s)
{
	unpickler_stop(&s->unpickler);
	gather_free(&s->gather);
	free(s->buffer);
	*s = (struct scratch){ 0 };
}

static bool refuse(struct error *err, const char *what)
{
	return error_set(err, ERROR_UNSUPPORTED, 0, "%s", what);
}

static bool is_stream(const uint8_t *head, size_t len)
{
	for (size_t i = 0; i < sizeof(stream_magics) / sizeof(*stream_magics);
	     i++)
		if (len >= stream_magics[i].len &&
		    memcmp(head, stream_magics[i].bytes,
			   stream_magics[i].len) == 0)
			return true;
	return false;
}

/* Say what a file that is no zip looks like. */
static bool refuse_head(const uint8_t *head, size_t len, struct error *err)
{
	if (len == 0)
		return refuse(err, "the file is empty");
	if (is_stream(head, len))
		return refuse(err, "a torch.save file of before torch 1.6; "
			      "this version reads only the zip form");
	if (len > 8 && head[8] == '{')
		return refuse(err, "looks like a bare safetensors file, which "
			      "is no legacy checkpoint");
	if (head[0] == 0x80 && len > 1 && head[1] <= 5)
		return refuse(err, "a pickle that is no torch.save file");
	if (text_utf8_span((const char *)head, len) + 3 >= len &&
	    !memchr(head, 0, len))
		return refuse(err, "looks like text, not like a checkpoint");
	return refuse(err, "none of the forms a checkpoint has had");
}

static const struct zip_member *at_root(const struct checkpoint *c,
					const char *name)
{
	return zip_find_member(&c->outer, name, strlen(name));
}

static bool load_zip(struct checkpoint *c, struct scratch *scratch,
		     struct error *err)
{
	bool weights, policy, torch;

	if (!zip_read_directory(&c->outer, &c->source, err))
		return false;
	weights = at_root(c, "weights.safetensors");
	policy = at_root(c, "policy.pt");
	torch = load_is_torch_archive(&c->outer);
	if (at_root(c, "policy_spec.json")) {
		c->skip = weights ? "a bundle already" :
				    "a pointer to a checkpoint, no checkpoint";
		return true;
	}
	if (weights + policy + torch > 1)
		return refuse(err, "two kinds of checkpoint in one zip "
			      "archive");
	if (weights)
		return load_mpt_zip(c, scratch, err);
	if (policy)
		return load_policy_zip(c, scratch, err);
	if (!torch)
		return refuse(err, "a zip archive without weights.safetensors, "
			      "policy.pt or <root>/data.pkl");
	c->era = "torch archive";
	c->archive = c->outer;
	c->outer = (struct zip){ 0 };
	return load_torch_archive(c, &c->source, scratch, err);
}

static bool load(struct checkpoint *c, struct scratch *scratch,
		 struct error *err)
{
	uint8_t head[HEAD_SIZE];
	size_t len = c->file.size < HEAD_SIZE ? (size_t)c->file.size
					      : HEAD_SIZE;

	c->source = file_reader(&c->file);
	if (!reader_read(&c->source, 0, head, len, err))
		return false;
	if (len < 4 || !zip_is_magic(head))
		return refuse_head(head, len, err);
	return load_zip(c, scratch, err);
}

bool checkpoint_open(struct checkpoint *c, const char *path,
		     struct scratch *scratch, struct error *err)
{
	*c = (struct checkpoint){ 0 };
	if (!file_open(&c->file, path, err))
		return false;
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
	return c->copy(c, layout, sink, scratch, err) &&
	       file_check_unchanged(&c->file, err);
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
