/*
 * relay.h - full buffers are taken over by another thread, in their order
 *
 * One thread makes the bytes of a large file, as an inflater must: one after
 * the other.  Meanwhile a thread of the batch that has nothing else to do, if
 * there is one, writes the buffers that are full, or computes their digest: it
 * waits at the end of the batch, where it runs OpenMP tasks.  Until one comes,
 * each buffer is taken as soon as it is full.
 *
 * Never two are written at once, and each only after the one before it, so
 * what takes them need not know of threads.  After the first fault no more are
 * written.  All functions are for the thread that makes the bytes.
 */
#ifndef CONVERT_RELAY_H
#define CONVERT_RELAY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/progress.h"
#include "base/writer.h"

enum {
	RELAY_BUFFERS = 4,
	RELAY_LARGE = 16 << 20	/* bytes; fewer need no help */
};

struct relay_load {
	uint8_t *buffer;
	uint64_t offset;
	size_t len;
};

/*
 * What the other thread does while no buffer is full, bit by bit.  False if
 * there is nothing to do before another buffer was passed; NULL: never.
 */
struct relay_idle {
	bool (*work)(void *with);
	void *with;
};

/* Must not move while it is open. */
struct relay {
	struct writer to;
	struct relay_idle idle;
	struct progress_work *work;	/* counts what is written */
	pthread_t maker;
	pthread_mutex_t lock;	/* of all below */
	pthread_cond_t changed;
	struct relay_load loads[RELAY_BUFFERS];
	size_t filled, written;	/* how many so far, going round and round */
	bool writing;		/* one of them, now */
	bool helped;		/* another thread does that */
	bool ended;		/* nothing more will be filled */
	struct error fault;	/* the writer's, if its kind says so */
};

/* Are there others in the batch, and is there so much to do that they pay? */
bool relay_pays(unsigned threads, uint64_t nbytes);

/*
 * Begin with a buffer of the caller's, which becomes the first to be filled.
 * False if there is no memory for more: then do without.
 */
bool relay_open(struct relay *r, struct writer to, uint8_t *buffer,
		size_t capacity, struct progress_work *work,
		struct relay_idle idle);

/*
 * Hand over the buffer that was filled with len bytes for this offset.
 * Returns the next to fill, or NULL if one before could not be written.
 */
uint8_t *relay_pass(struct relay *r, uint64_t offset, size_t len,
		    struct error *err);

/* Wait until all that was handed over is written. */
bool relay_wait(struct relay *r, struct error *err);

/*
 * Wait, and free all buffers but the caller's.  A fault of the writer came
 * before any of the thread that made the bytes: it takes the place of that.
 */
bool relay_close(struct relay *r, struct error *err);

#endif
