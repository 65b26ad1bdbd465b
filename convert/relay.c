/* relay.c - a ring of buffers, and one task that empties it */
#include "convert/relay.h"

#include <stdlib.h>

static bool make_buffers(struct relay *r, size_t capacity)
{
	for (size_t i = 1; i < RELAY_BUFFERS; i++) {
		r->loads[i].buffer = malloc(capacity);
		if (r->loads[i].buffer)
			continue;
		while (--i > 0)
			free(r->loads[i].buffer);
		return false;
	}
	return true;
}

/* With the lock, which is free while it writes: the oldest that is full. */
static void write_load(struct relay *r)
{
	const struct relay_load *load = &r->loads[r->written % RELAY_BUFFERS];
	bool failed = r->fault.kind != ERROR_NONE;
	struct error fault = { 0 };

	r->writing = true;
	pthread_mutex_unlock(&r->lock);
	if (!failed && writer_write(&r->to, load->offset, load->buffer,
				    load->len, &fault))
		progress_moved(r->work, load->len);
	pthread_mutex_lock(&r->lock);
	if (!failed)
		r->fault = fault;
	r->written++;
	r->writing = false;
	pthread_cond_broadcast(&r->changed);
}

/* With the lock, which is free while it works. */
static bool work_idle(struct relay *r)
{
	bool more;

	if (!r->idle.work)
		return false;
	pthread_mutex_unlock(&r->lock);
	more = r->idle.work(r->idle.with);
	pthread_mutex_lock(&r->lock);
	return more;
}

/* With the lock.  The maker may be at one that was full before help came. */
static bool has_load(const struct relay *r)
{
	return r->written < r->filled && !r->writing;
}

/* The task.  Nobody helps himself: he would wait for what he has to do. */
static void help(struct relay *r)
{
	if (pthread_equal(pthread_self(), r->maker))
		return;
	pthread_mutex_lock(&r->lock);
	r->helped = true;
	while (!r->ended) {
		if (has_load(r))
			write_load(r);
		else if (!work_idle(r) && !r->ended && !has_load(r))
			pthread_cond_wait(&r->changed, &r->lock);
	}
	pthread_mutex_unlock(&r->lock);
}

bool relay_pays(unsigned threads, uint64_t nbytes)
{
	return threads > 1 && nbytes >= RELAY_LARGE;
}

bool relay_open(struct relay *r, struct writer to, uint8_t *buffer,
		size_t capacity, struct progress_work *work,
		struct relay_idle idle)
{
	*r = (struct relay){ .to = to, .idle = idle, .work = work,
			     .maker = pthread_self() };
	r->loads[0].buffer = buffer;
	if (!make_buffers(r, capacity))
		return false;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->changed, NULL);
#pragma omp task firstprivate(r)
	help(r);
	return true;
}

/* With the lock: until no more than so many are full. */
static bool reduce(struct relay *r, size_t most, struct error *err)
{
	while (r->filled - r->written > most) {
		if (r->helped)
			pthread_cond_wait(&r->changed, &r->lock);
		else
			write_load(r);
	}
	if (r->fault.kind == ERROR_NONE)
		return true;
	*err = r->fault;
	return false;
}

uint8_t *relay_pass(struct relay *r, uint64_t offset, size_t len,
		    struct error *err)
{
	uint8_t *next = NULL;
	struct relay_load *load;

	pthread_mutex_lock(&r->lock);
	load = &r->loads[r->filled % RELAY_BUFFERS];
	load->offset = offset;
	load->len = len;
	r->filled++;
	pthread_cond_broadcast(&r->changed);
	if (reduce(r, r->helped ? RELAY_BUFFERS - 1 : 0, err)) {
		if (!r->helped)	/* the one that the processor has at hand */
			r->filled = r->written = 0;
		next = r->loads[r->filled % RELAY_BUFFERS].buffer;
	}
	pthread_mutex_unlock(&r->lock);
	return next;
}

bool relay_wait(struct relay *r, struct error *err)
{
	bool ok;

	pthread_mutex_lock(&r->lock);
	ok = reduce(r, 0, err);
	pthread_mutex_unlock(&r->lock);
	return ok;
}

bool relay_close(struct relay *r, struct error *err)
{
	bool ok = relay_wait(r, err);

	pthread_mutex_lock(&r->lock);
	r->ended = true;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
#pragma omp taskwait
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	for (size_t i = 1; i < RELAY_BUFFERS; i++)
		free(r->loads[i].buffer);
	return ok;
}
