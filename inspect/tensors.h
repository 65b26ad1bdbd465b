/*
 * tensors.h - the tensors of a source in an order of ours, and their statistics
 */
#ifndef INSPECT_TENSORS_H
#define INSPECT_TENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "formats/state_dict.h"
#include "inspect/source.h"

/* Pointers to all tensors, as their bytes lie: malloc'ed, or NULL. */
const struct tensor **tensors_by_place(const struct state_dict *sd,
				       struct error *err);

/* "[2, 3]"; a long one is cut. */
const char *tensors_shape(char buf[64], const struct tensor *t);

/* Of all tensors; shapes are products that do not overflow, their sum may. */
uint64_t tensors_parameters(const struct state_dict *sd);

/* Of the values of a tensor; those of a complex dtype are its parts. */
struct tensor_summary {
	bool judged;		/* false: a dtype below a byte, the rest is 0 */
	bool any_finite;	/* min, max and mean mean something */
	double min, max, mean, norm;	/* of the finite values */
	uint64_t nan, infinite;
};

/*
 * Read all elements; summaries is malloc'ed, [count], in the order of the state
 * dict.
 */
bool tensors_summarise(struct tensor_summary **summaries, struct source *s,
		       struct error *err);

#endif
