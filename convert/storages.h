/*
 * storages.h - tensors that are views of storages, as every pickle has them
 *
 * Part of the loaders: whatever the container, c->storages says where the
 * bytes of each storage are, and the index which tensors lie in them.
 */
#ifndef CONVERT_STORAGES_H
#define CONVERT_STORAGES_H

#include <stdbool.h>

#include "base/error.h"
#include "convert/checkpoint.h"
#include "convert/unpickle.h"

/* Is the answer known that storages_ask() would give?  So is the scan's. */
bool storages_are_known(enum unpickler_layout layout, const void *pickle,
			size_t len, struct scratch *scratch);

/*
 * Have a pickle indexed by the helper, unless the answer is known.  On failure
 * the index is empty.
 */
bool storages_ask(enum unpickler_layout layout, const void *pickle, size_t len,
		  struct scratch *scratch, struct pickle_index *index,
		  struct error *err);

/*
 * Tell the checkpoint which globals there are; or that it holds no policy: then
 * c->skip says so and the index has nothing in it.
 */
bool storages_look(struct checkpoint *c, const struct pickle_index *index,
		   struct error *err);

/* Both, one after the other. */
bool storages_index(struct checkpoint *c, enum unpickler_layout layout,
		    const void *pickle, size_t len, struct scratch *scratch,
		    struct pickle_index *index, struct error *err);

/*
 * Hand what the index says over to the checkpoint: its weights, checked
 * against c->storages, its architecture and notes.
 */
bool storages_take_index(struct checkpoint *c, struct pickle_index *index,
			 struct error *err);

#endif
