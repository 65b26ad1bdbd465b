/* load.c - what the loaders of several eras need */
#include "convert/load.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/interrupt.h"
#include "convert/inflate_ahead.h"
#include "convert/relay.h"

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

bool load_inflated(struct zip_stream *stream, uint64_t nbytes,
		   struct sink *sink, struct error *err)
{
	while (nbytes > 0) {
		size_t n = nbytes < SIZE_MAX ? (size_t)nbytes : SIZE_MAX;
		uint8_t *room = sink_reserve(sink, &n, err);

		if (!room || !interrupt_check(err) ||
		    !zip_stream_read(stream, room, n, err))
			return false;
		sink_commit(sink, n);
		nbytes -= n;
	}
	return true;
}

static bool open_spill(struct checkpoint *c, const struct scratch *scratch,
		       struct error *err)
{
	return c->spill.path ||
	       file_create_unnamed(&c->spill, scratch->spill_folder, err);
}

/* Room for so many bytes behind those that it holds. */
static bool extend_spill(struct checkpoint *c, const struct scratch *scratch,
			 uint64_t len, struct error *err)
{
	if (!open_spill(c, scratch, err))
		return false;
	if (len > c->tensors_limit - c->spill_used)
		return error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
				 "it inflates to over %" PRIu64 " bytes, the "
				 "limit for a file of %" PRIu64
				 " (--max-expansion)", c->tensors_limit,
				 c->file.size);
	c->spill_used += len;
	c->spill.size = c->spill_used;
	return true;
}

/* The last len bytes of what was spilled. */
static bool show_spilled(const struct checkpoint *c, uint64_t len,
			 struct reader *spilled, struct error *err)
{
	struct reader whole = file_reader(&c->spill);

	return reader_window(spilled, &whole, c->spill_used - len, len, err);
}

bool load_spill_bytes(struct checkpoint *c, const uint8_t *bytes, size_t len,
		      struct scratch *scratch, struct reader *spilled,
		      struct error *err)
{
	uint64_t at = c->spill_used;

	return extend_spill(c, scratch, len, err) &&
	       file_write(&c->spill, at, bytes, len, err) &&
	       show_spilled(c, len, spilled, err);
}

/* Behind what is held already: members to come must not move it. */
static bool hold_member(struct checkpoint *c, struct zip_stream *stream,
			size_t len, struct scratch *scratch,
			struct reader *held, struct error *err)
{
	size_t start = c->held.len;
	struct reader all;

	if (!scratch->held)
		scratch->held = memory_block(SCRATCH_HELD_SIZE, err);
	if (!scratch->held ||
	    !zip_stream_read(stream, scratch->held + start, len, err) ||
	    !zip_stream_finish(stream, err))
		return false;
	progress_moved(&scratch->work, len);
	c->held = (struct reader_bytes){ scratch->held, start + len };
	all = reader_memory(&c->held);
	return reader_window(held, &all, start, len, err);
}

static bool spill_member(struct checkpoint *c, struct zip_stream *stream,
			 uint64_t len, struct scratch *scratch,
			 struct reader *spilled, struct error *err)
{
	uint64_t at = c->spill_used;
	struct inflate_ahead *ahead = NULL;
	struct relay relay;
	struct sink sink;
	bool ok;

	if (!extend_spill(c, scratch, len, err))
		return false;
	sink = sink_over(file_writer(&c->spill), scratch->buffer,
			 SCRATCH_BUFFER_SIZE);
	sink.work = &scratch->work;
	if (relay_pays(scratch->threads, len)) {
		ahead = inflate_ahead_begin(stream);
		sink_use_relay(&sink, &relay, true, inflate_ahead_idle(ahead));
	}
	ok = sink_seek(&sink, at, err) &&
	     load_inflated(stream, len, &sink, err) &&
	     zip_stream_finish(stream, err) && sink_flush(&sink, err);
	ok = sink_leave_relay(&sink, err) && ok;
	inflate_ahead_end(ahead);
	return ok && show_spilled(c, len, spilled, err);
}

bool load_spill_member(struct checkpoint *c, const struct zip *zip,
		       const struct zip_member *member,
		       const struct reader *bytes, struct scratch *scratch,
		       struct reader *spilled, struct error *err)
{
	uint64_t len = member->usize;
	struct zip_stream *stream = zip_stream_open(zip, member, bytes, err);
	bool ok;

	if (!stream)
		return false;
	/* As much again will be written later, more or less. */
	progress_want(&scratch->work, 2 * len);
	if (len <= SCRATCH_HELD_SIZE - c->held.len)
		ok = hold_member(c, stream, (size_t)len, scratch, spilled,
				 err);
	else
		ok = spill_member(c, stream, len, scratch, spilled, err);
	zip_stream_close(stream);
	return ok;
}
