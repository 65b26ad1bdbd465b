/*
 * architecture_weights.h - does an architecture contradict the weights it has
 *
 * A run that was resumed saved the text of the resuming command's config with
 * the weights of the run it went on from.  For ViT policies of December 2025
 * two settings then could be wrong, which the framework corrected when a strict
 * load failed: core_resnet_pattern (the cells of the core: L or A) and
 * core_resnet_layers.  Without a strict load, only what keys and text show to
 * be a contradiction is one here.
 *
 * Keys are hostile; time is linear in them.  Nothing can fail.
 */
#ifndef FORMATS_ARCHITECTURE_WEIGHTS_H
#define FORMATS_ARCHITECTURE_WEIGHTS_H

#include <stdint.h>

#include "formats/architecture.h"
#include "formats/state_dict.h"

/* Both keywords NULL: there is none.  They borrow from the architecture. */
struct architecture_contradiction {
	const struct architecture_keyword *pattern;
	char letter;		/* what the pattern should be; '\0': it should
				   name both kinds of cell, in what order only
				   the loader could tell */
	const struct architecture_keyword *layers;
	uint64_t layers_said, layers_there;
};

void architecture_hold_to(struct architecture_contradiction *found,
			  const struct architecture *a,
			  const struct state_dict *weights);

#endif
