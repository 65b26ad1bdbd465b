/*
 * keys.h - take the names that wrappers add off the keys of a state dict
 *
 * DistributedDataParallel and DataParallel put "module." in front of every
 * key; torch.compile, FSDP and checkpoint wrappers put in a component of their
 * own name.  The training framework's loader wants the keys without them.
 *
 *  - "_orig_mod", "_fsdp_wrapped_module" and "_checkpoint_wrapped_module" come
 *    off wherever they stand as a whole component of the dotted path: no
 *    module calls a child of its own so.
 *  - "module." comes off only at the front and only while every key has it:
 *    policies do have children called "module".
 *
 * A component is not taken off if it is all of a key.  ("module." is: the key
 * of what it wrapped was empty then, which is legal.)
 */
#ifndef FORMATS_KEYS_H
#define FORMATS_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "formats/state_dict.h"

/* How many keys were changed, and by which names, for a note. */
struct keys_report {
	size_t changed;		/* keys */
	unsigned module;	/* times "module." came off every key */
	bool wrapper;		/* a component came off some key */
};

/*
 * Rewrite the keys of sd in place; new keys live in its arena.  Two keys that
 * become one are ERROR_CORRUPT, naming both.  On failure sd may have some keys
 * rewritten and must not be used.
 */
bool keys_normalise(struct state_dict *sd, struct keys_report *report,
		    struct error *err);

/* Which names the keys carry, by keys: nothing is changed. */
struct keys_prefixes {
	size_t module;		/* begin with "module." */
	size_t wrapped;		/* have a wrapper's name as a component */
	size_t network;		/* begin with "network.", the name until ... */
	size_t sequential;	/* ... "_sequential_network." of 2025-11 */
	/* The first key of each kind, and the first without "module.". */
	const struct tensor *a_module, *no_module, *a_wrapped, *a_network,
		*a_sequential;
};

void keys_look(struct keys_prefixes *found, const struct state_dict *sd);

/*
 * One key without the wrappers' names and without every "module." in front,
 * into out, which holds len bytes; returns the length.  Two keys that are equal
 * then differ by wrapping alone.
 */
size_t keys_strip(char *out, const char *key, size_t len);

#endif
