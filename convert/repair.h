/*
 * repair.h - architecture texts that contradict the weights they came with
 *
 * What formats/architecture_weights.h finds is changed here as the framework
 * changed it when a strict load failed; nothing is ever added or renamed.
 */
#ifndef CONVERT_REPAIR_H
#define CONVERT_REPAIR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"
#include "convert/notes.h"
#include "formats/state_dict.h"

/*
 * Repair *text (of *len bytes, and a valid architecture) for these weights.
 * If something is changed, *text becomes a new one in the arena and a note
 * says what.  A contradiction that cannot be resolved is a note too.
 */
bool repair_architecture(const char **text, size_t *len,
			 const struct state_dict *weights,
			 struct arena *arena, struct notes *notes,
			 struct error *err);

#endif
