/*
 * claim.h - which processes are at work below a folder
 *
 * Each process that writes below a folder keeps a file "claim-<id>" in its
 * ".mpt-convert" locked (a lock of the open file: NFS has it, too) as long as
 * it runs, and puts the id into the names of its temporaries.  A claim that can
 * be locked is that of a dead process, and what it left may be removed.  Where
 * the file system has no locks no claim counts as dead.
 */
#ifndef CONVERT_CLAIM_H
#define CONVERT_CLAIM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/folder.h"

#define CLAIM_ID_SIZE 17

struct claim {
	char id[CLAIM_ID_SIZE];	/* "": none */
	int fd;
};

/* Claim a folder that is open, and stays open until the claim is let go. */
bool claim_take(struct claim *claim, const struct folder *in,
		struct error *err);

/* Let it go; what cannot be removed counts as a dead one's later. */
bool claim_release(struct claim *claim, const struct folder *in,
		   struct error *err);

/* The ids of processes that are dead, but for one of ours. */
struct dead_claims {
	char (*ids)[CLAIM_ID_SIZE];	/* malloc'ed, [count] */
	size_t count, capacity;
};

bool claim_find_dead(struct dead_claims *dead, const struct folder *in,
		     const struct claim *own, struct error *err);

/* Once nothing is left of them. */
void claim_remove_dead(struct dead_claims *dead, const struct folder *in);

void claim_free_dead(struct dead_claims *dead);

#endif
