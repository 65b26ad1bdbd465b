/* load.c - what the loaders of several eras need */
#include "convert/load.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/interrupt.h"

bool load_member(const struct zip *zip, const struct zip_member *member,
		 const struct reader *bytes, size_t limit, char **data,
		 size_t *len, struct error *err)
{
	struct zip_stream *stream = NULL;
	bool ok = false;

	*data = NULL;
	if (member->usize > limit) {
		error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
			  "%" PRIu64 " bytes, over the limit of %zu",
			  member->usize, limit);
		return error_in(err, NULL, member->name);
	}
	*len = (size_t)member->usize;
	*data = memory_array(*len + 1, 1, err);
	if (!*data)
		return false;
	stream = zip_stream_open(zip, member, bytes, err);
	ok = stream && zip_stream_read(stream, *data, *len, err) &&
	     zip_stream_finish(stream, err);
	zip_stream_close(stream);
	if (!ok) {
		free(*data);
		*data = NULL;
	}
	return ok;
}

bool load_spill_member(struct checkpoint *c, const struct zip *zip,
		       const struct zip_member *member,
		       const struct reader *bytes, struct scratch *scratch,
		       struct reader *spilled, struct error *err)
{
	struct zip_stream *stream = NULL;
	uint64_t start = c->spill_used, left = member->usize;
	struct reader whole;
	bool ok = false;

	if (!c->spill.path &&
	    !file_create_unnamed(&c->spill, scratch->spill_folder, err))
		return false;
	stream = zip_stream_open(zip, member, bytes, err);
	if (!stream)
		return false;
	while (left > 0) {
		size_t n = left < SCRATCH_BUFFER_SIZE ? (size_t)left
						      : SCRATCH_BUFFER_SIZE;

		if (!interrupt_check(err) ||
		    !zip_stream_read(stream, scratch->buffer, n, err) ||
		    !file_write(&c->spill, c->spill_used, scratch->buffer, n,
				err))
			goto done;
		c->spill_used += n;
		left -= n;
	}
	c->spill.size = c->spill_used;
	whole = file_reader(&c->spill);
	ok = zip_stream_finish(stream, err) &&
	     reader_window(spilled, &whole, start, member->usize, err);
done:
	zip_stream_close(stream);
	return ok;
}
