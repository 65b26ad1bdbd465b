/*
 * torch.h - load what torch.save wrote from memory, without a helper
 *
 * An input is a file, and behind TORCH_ANSWER what the helper would answer to
 * the pickle in it.  torch.c stands in for convert/helper.c.
 */
#ifndef TESTS_FUZZ_TORCH_H
#define TESTS_FUZZ_TORCH_H

#include "convert/load.h"
#include "tests/fuzz/fuzz.h"

#define TORCH_ANSWER "\n--answer--\n"

typedef bool torch_loader(struct checkpoint *c, const struct reader *bytes,
			  struct scratch *scratch, struct error *err);

/*
 * Give one input to a loader and demand what checkpoint.h promises: weights
 * that were checked, in storages that can be read, and, if they are small, a
 * file of them that is a sound one.  A second time the helper is not asked.
 */
void torch_fuzz(const uint8_t *data, size_t len, torch_loader *load);

#endif
