/* parts.c - a counter that several threads advance */
#include "convert/parts.h"

#include <stdatomic.h>

#include "convert/checkpoint.h"

enum { MOST_HANDS = 8 };	/* more gain nothing, and each has buffers */

/* What those who do the parts share. */
struct shared {
	const struct parts *parts;
	atomic_size_t next;	/* the first part that nobody took yet */
	atomic_size_t failed;	/* the first that failed, or SIZE_MAX */
	struct error fault;	/* its; only to be touched in keep_first() */
};

bool parts_pay(const struct scratch *scratch, uint64_t nbytes)
{
	return scratch->threads > 1 && nbytes >= PARTS_LARGE;
}

static void keep_first(struct shared *s, size_t index,
		       const struct error *fault)
{
#pragma omp critical(parts_fault)
	if (index < atomic_load(&s->failed)) {
		s->fault = *fault;
		atomic_store(&s->failed, index);
	}
}

/* After a fault no more are taken; those before it are taken already. */
static void take_parts(struct shared *s, struct scratch *scratch)
{
	while (atomic_load(&s->failed) == SIZE_MAX) {
		size_t index = atomic_fetch_add(&s->next, 1);
		struct error fault = { 0 };

		if (index >= s->parts->count)
			break;
		if (!s->parts->do_part(s->parts->job, index, scratch, &fault))
			keep_first(s, index, &fault);
	}
}

/* Who has no memory for it does not help, which is no fault. */
static void help(struct shared *s)
{
	struct scratch scratch;
	struct error no_memory = { 0 };

	if (atomic_load(&s->next) >= s->parts->count)
		return;
	if (!scratch_init(&scratch, NULL, NULL, &no_memory))
		return;
	take_parts(s, &scratch);
	scratch_free(&scratch);
}

bool parts_do(const struct parts *parts, struct scratch *scratch,
	      struct error *err)
{
	struct shared shared = { .parts = parts };
	struct shared *s = &shared;
	unsigned hands = scratch->threads < MOST_HANDS ? scratch->threads
						       : MOST_HANDS;

	atomic_init(&shared.next, 0);
	atomic_init(&shared.failed, SIZE_MAX);
	/* Tasks that nobody had time for are run at its end, and find nothing. */
#pragma omp taskgroup
	{
		for (unsigned i = 1; i < hands && i < parts->count; i++)
#pragma omp task firstprivate(s)
			help(s);
		take_parts(s, scratch);
	}
	if (atomic_load(&shared.failed) == SIZE_MAX)
		return true;
	*err = shared.fault;
	return false;
}
