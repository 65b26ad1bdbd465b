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

#endif
