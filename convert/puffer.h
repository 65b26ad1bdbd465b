/*
 * puffer.h - state dicts of the PufferLib policy, known by their keys
 *
 * PufferLib's trainer saves bare state dicts.  The framework took one with
 * three certain keys for its PufferPolicy, so such a file needs no
 * architecture from the user.
 */
#ifndef CONVERT_PUFFER_H
#define CONVERT_PUFFER_H

#include <stdbool.h>

#include "formats/state_dict.h"

/* What the framework prints for PufferPolicyConfig() with its defaults. */
extern const char puffer_architecture[];

bool puffer_recognised(const struct state_dict *weights);

#endif
