/*
 * repair.h - architecture texts that contradict the weights they came with
 *
 * A run that was resumed saved the text of the resuming command's config with
 * the weights of the run it went on from.  For ViT policies of December 2025
 * two settings then could be wrong, and the framework corrected them when a
 * strict load failed: core_resnet_pattern (the cells of the core: A or L) and
 * core_resnet_layers.  Without a strict load, only what keys and text show to
 * be a contradiction is changed here; nothing is ever added or renamed.
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
