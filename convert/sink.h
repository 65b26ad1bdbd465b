/*
 * sink.h - write mostly in order, through one reused buffer
 *
 * Bytes gather in the buffer and leave it in large writes.  The place may
 * jump: what was gathered is written first.  The buffer belongs to the thread
 * and outlives the sink.  Not shared between threads; but for a large file
 * another may be found that does the writing.
 */
#ifndef CONVERT_SINK_H
#define CONVERT_SINK_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/progress.h"
#include "base/writer.h"
#include "convert/relay.h"

struct sink {
	struct writer to;
	struct writer observer;	/* is shown what was written, buffer by buffer;
				   .write is NULL if there is none */
	uint64_t offset;	/* where the buffer's first byte goes */
	uint8_t *buffer;
	size_t capacity, used;
	struct progress_work *work;	/* counts what is written, or NULL */
	struct relay *relay;	/* works for this thread, or NULL */
	bool relay_writes;	/* it does not only show */
};

struct sink sink_over(struct writer to, uint8_t *buffer, size_t capacity);

/* Go on at this offset. */
bool sink_seek(struct sink *s, uint64_t offset, struct error *err);

/*
 * Room for at least 1 and up to *len bytes, with *len set to how many; NULL on
 * an error.  What was put there counts once sink_commit() says so.
 */
uint8_t *sink_reserve(struct sink *s, size_t *len, struct error *err);

void sink_commit(struct sink *s, size_t len);

bool sink_write(struct sink *s, const void *data, size_t len,
		struct error *err);

/* Write out what is left in the buffer; all is written when this returns. */
bool sink_flush(struct sink *s, struct error *err);

/*
 * Have a relay do the writing, or only show the observer what is written, until
 * sink_leave_relay(), which must follow: it waits for the relay and closes it.
 * What is in the buffer then is lost, so sink_flush() comes before if all went
 * well.  Neither sink nor relay must move.
 */
void sink_use_relay(struct sink *s, struct relay *relay, bool writes,
		    struct relay_idle idle);
bool sink_leave_relay(struct sink *s, struct error *err);

#endif
