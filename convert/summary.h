/*
 * summary.h - what all journals below an output folder say together
 *
 * Of several records of a source the latest counts, in whatever journal it is.
 * How many shards there should be the journal says that a run began in last.
 * Journals are hostile.
 */
#ifndef CONVERT_SUMMARY_H
#define CONVERT_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"
#include "convert/result.h"

enum shard_state { SHARD_MISSING, SHARD_UNFINISHED, SHARD_FINISHED };

/* The latest record of a source; strings are in the summary's arena. */
struct summary_source {
	const char *path, *reason;	/* reason may be NULL */
	const char *time;
	size_t order;		/* in which it was read */
	enum status status;
};

struct summary {
	size_t journals, unreadable;	/* files; lines */
	struct summary_source *sources;	/* malloc'ed, [count], by path */
	size_t count, capacity;
	size_t totals[STATUS_FAILED + 1];
	enum shard_state *shards;	/* malloc'ed, [shard_count] */
	size_t shard_count;
	size_t missing, unfinished;	/* of these shards */
	struct arena arena;
};

/* Read the journals of an output folder. */
bool summary_read(struct summary *s, const char *root, struct error *err);

/* Nothing failed, and all shards finished. */
bool summary_is_good(const struct summary *s);

void summary_free(struct summary *s);

#endif
