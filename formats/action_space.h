/*
 * action_space.h - how many actions a policy chooses from, by its actor head
 *
 * The head is a linear layer from hidden features to the logits of the actions,
 * so the first size of its weight is their number.  It is known by name: a
 * component "actor_head", "actor" or the like in the key of a matrix that ends
 * in "weight", as in "_sequential_network.actor_head._module.module.weight".
 *
 *	actor.0.weight [9,512], actor.1.weight [10,512]	two heads, one for each
 *			part of an action: 9 x 10 actions
 *	actor.0.weight [64,128], actor.2.weight [5,64]	layers; the last counts
 *
 * Keys are hostile; time is linear in them.
 */
#ifndef FORMATS_ACTION_SPACE_H
#define FORMATS_ACTION_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/state_dict.h"

struct action_space {
	size_t heads;		/* 0: none was found, or what was is unclear */
	uint64_t actions;	/* the product over the heads */
	const struct tensor *head;	/* the weight that was found, the first
				   of several; borrowed */
};

void action_space_find(struct action_space *found,
		       const struct state_dict *sd);

/* Is this a tensor, weight or bias, of what is taken for an actor head? */
bool action_space_is_head(const struct tensor *t);

#endif
