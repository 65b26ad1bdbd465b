/*
 * load_mpt_zip.c - zip of weights.safetensors and modelarchitecture.txt
 *
 * The weights are one deflate stream, so they are read once, from front to
 * back: the header tells where each tensor goes, and its bytes are written
 * there as they come.  No interpreter is needed.
 */
#include "convert/load.h"

#include <stdlib.h>
#include <string.h>

#include "formats/architecture.h"

static const char weights_name[] = "weights.safetensors";
static const char text_name[] = "modelarchitecture.txt";

static int by_start(const void *a, const void *b)
{
	const struct tensor *x = *(const struct tensor *const *)a;
	const struct tensor *y = *(const struct tensor *const *)b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->nbytes < y->nbytes ? -1 : x->nbytes > y->nbytes;
}

static bool copy_stream(struct checkpoint *c,
			const struct safetensors_layout *layout,
			struct sink *sink, struct scratch *scratch,
			struct error *err)
{
	const struct state_dict *sd = &c->weights;
	const struct tensor **sorted = state_dict_sorted(sd, by_start, err);
	bool ok = false;

	(void)scratch;
	if (!sorted)
		return false;
	for (size_t i = 0; i < sd->count; ) {
		uint64_t begin = layout->begin[sorted[i] - sd->tensors];
		uint64_t nbytes = 0;

		/*
		 * Mostly they are to lie behind each other again.  Whatever is
		 * inflated at once costs 32 KiB more, for what refers to it.
		 */
		while (i < sd->count &&
		       layout->begin[sorted[i] - sd->tensors] ==
		       begin + nbytes)
			nbytes += sorted[i++]->nbytes;
		if (nbytes > 0 &&
		    (!sink_seek(sink, layout->header.len + begin, err) ||
		     !load_inflated(c->stream, nbytes, sink, err)))
			goto done;
	}
	ok = zip_stream_finish(c->stream, err);
done:
	free(sorted);
	return ok;
}

static bool read_header(struct checkpoint *c, const struct zip_member *member,
			struct error *err)
{
	uint8_t length[SAFETENSORS_LENGTH_SIZE];
	struct safetensors_header header;
	char *text = NULL;
	size_t len;
	bool ok = false;

	if (member->usize < sizeof(length)) {
		memset(length, 0, sizeof(length));
		return safetensors_read_length(length, member->usize, &len,
					       err);
	}
	if (!zip_stream_read(c->stream, length, sizeof(length), err) ||
	    !safetensors_read_length(length, member->usize, &len, err) ||
	    !safetensors_check_inflated(len, member->csize, err))
		return false;
	text = memory_array(len, 1, err);
	if (!text)
		return false;
	if (!zip_stream_read(c->stream, text, len, err) ||
	    !safetensors_read_header(&header, text, len,
				     member->usize - sizeof(length) - len,
				     err))
		goto done;
	c->weights = header.tensors;
	ok = header.metadata_count == 0 ||
	     notes_add(&c->notes, err, "__metadata__ of the weights is "
		       "left out, as the framework does");
done:
	free(text);
	return ok;
}

static bool read_text(struct checkpoint *c, struct error *err)
{
	const struct zip_member *member = zip_find_member(
		&c->outer, text_name, sizeof(text_name) - 1);
	const char *text;
	char *data;
	size_t len;

	if (!member)
		return true;
	if (!load_member(&c->outer, member, &c->source, ARCHITECTURE_LIMIT,
			 &data, &len, err))
		return false;
	text = data;
	architecture_strip(&text, &len);
	if (len > 0) {
		c->architecture = arena_copy(&c->arena, text, len, err);
		c->architecture_len = len;
		c->architecture_origin = text_name;
	}
	free(data);
	return len == 0 || c->architecture;
}

bool load_mpt_zip(struct checkpoint *c, struct scratch *scratch,
		  struct error *err)
{
	const struct zip_member *member = zip_find_member(
		&c->outer, weights_name, sizeof(weights_name) - 1);

	(void)scratch;
	c->era = "mpt zip";
	c->copy = copy_stream;
	if (!read_text(c, err))
		return false;
	c->stream = zip_stream_open(&c->outer, member, &c->source, err);
	if (!c->stream)
		return false;
	if (!read_header(c, member, err))
		return error_in(err, NULL, weights_name);
	return true;
}
