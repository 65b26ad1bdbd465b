/*
 * shard.h - which part of the sources falls to this process
 *
 * Machines that share a tree need not talk to each other: a source belongs to
 * shard CRC-32(relative path) modulo N of the shards 0 to N-1, whatever else
 * is in the tree.  CRC-32 is that of zlib, over the bytes of the path below
 * the folder that was named.  A scheduler's variables can say which shard this
 * is; they are trusted only if all of a scheduler's are there and agree.
 */
#ifndef CONVERT_SHARD_H
#define CONVERT_SHARD_H

#include <stdbool.h>

#include "base/error.h"

struct shard {
	unsigned index, count;	/* index < count; of 1, it has everything */
	const char *variable;	/* that told index; NULL: the user did */
};

/*
 * Take "K/N", or "auto/N" with K from the environment; without a text (NULL)
 * both come from the environment, or there is one shard.  ERROR_USAGE says
 * what is wrong with either.
 */
bool shard_choose(struct shard *shard, const char *text, struct error *err);

/* The shard, of so many, that a relative path belongs to. */
unsigned shard_of(const char *relative, unsigned count);

#endif
