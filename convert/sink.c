/* sink.c - buffered, positioned writing */
#include "convert/sink.h"

#include <string.h>

struct sink sink_over(struct writer to, uint8_t *buffer, size_t capacity)
{
	return (struct sink){ .to = to, .buffer = buffer,
			      .capacity = capacity };
}

static bool show(const struct sink *s, uint64_t offset, const void *buf,
		 size_t len, struct error *err)
{
	return !s->observer.write ||
	       writer_write(&s->observer, offset, buf, len, err);
}

/* What the relay does with a buffer. */
static bool relayed(void *to, uint64_t offset, const void *buf, size_t len,
		    struct error *err)
{
	const struct sink *s = to;

	return (!s->relay_writes ||
		writer_write(&s->to, offset, buf, len, err)) &&
	       show(s, offset, buf, len, err);
}

static bool relay_buffer(struct sink *s, struct error *err)
{
	uint8_t *next = NULL;

	if (s->relay_writes ||
	    writer_write(&s->to, s->offset, s->buffer, s->used, err))
		next = relay_pass(s->relay, s->offset, s->used, err);
	if (next)
		s->buffer = next;
	return next != NULL;
}

static bool write_buffer(struct sink *s, struct error *err)
{
	if (!writer_write(&s->to, s->offset, s->buffer, s->used, err) ||
	    !show(s, s->offset, s->buffer, s->used, err))
		return false;
	if (s->work)
		progress_moved(s->work, s->used);
	return true;
}

/* Empty the buffer, or get an empty one for it. */
static bool pass_on(struct sink *s, struct error *err)
{
	if (s->used > 0 &&
	    !(s->relay ? relay_buffer(s, err) : write_buffer(s, err)))
		return false;
	s->offset += s->used;
	s->used = 0;
	return true;
}

bool sink_flush(struct sink *s, struct error *err)
{
	return pass_on(s, err) && (!s->relay || relay_wait(s->relay, err));
}

void sink_use_relay(struct sink *s, struct relay *relay, bool writes,
		    struct relay_idle idle)
{
	const struct writer to = { .write = relayed, .to = s };

	s->relay_writes = writes;
	if (relay_open(relay, to, s->buffer, s->capacity, s->work, idle))
		s->relay = relay;
}

bool sink_leave_relay(struct sink *s, struct error *err)
{
	struct relay *relay = s->relay;

	if (!relay)
		return true;
	s->relay = NULL;
	s->buffer = relay->loads[0].buffer;
	s->used = 0;
	return relay_close(relay, err);
}

bool sink_seek(struct sink *s, uint64_t offset, struct error *err)
{
	if (offset == s->offset + s->used)
		return true;
	if (!pass_on(s, err))
		return false;
	s->offset = offset;
	return true;
}

uint8_t *sink_reserve(struct sink *s, size_t *len, struct error *err)
{
	size_t left = s->capacity - s->used;

	if (left == 0) {
		if (!pass_on(s, err))
			return NULL;
		left = s->capacity;
	}
	if (*len > left)
		*len = left;
	return s->buffer + s->used;
}

void sink_commit(struct sink *s, size_t len)
{
	s->used += len;
}

bool sink_write(struct sink *s, const void *data, size_t len,
		struct error *err)
{
	const uint8_t *p = data;

	while (len > 0) {
		size_t n = len;
		uint8_t *room = sink_reserve(s, &n, err);

		if (!room)
			return false;
		memcpy(room, p, n);
		sink_commit(s, n);
		p += n;
		len -= n;
	}
	return true;
}
