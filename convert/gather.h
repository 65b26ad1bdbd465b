/*
 * gather.h - read the elements of a tensor in row-major order
 *
 * A strided tensor is cut into boxes that are contiguous in the output, and
 * each box into spans that are dense in the source, so that both fit into two
 * fixed buffers whatever the tensor's size and strides.  Conjugated and
 * negated views and big-endian elements get their real values here.
 */
#ifndef CONVERT_GATHER_H
#define CONVERT_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reader.h"
#include "convert/sink.h"
#include "formats/state_dict.h"

/* Two buffers of a thread, allocated when first needed. */
struct gather {
	uint8_t *box, *span;
};

void gather_free(struct gather *g);

/*
 * Write the elements of t, which tensor_check() accepted for this storage, to
 * the sink, row-major, little-endian, with conj and neg resolved.
 */
bool gather_tensor(struct gather *g, const struct tensor *t,
		   const struct reader *storage, struct sink *sink,
		   struct error *err);

#endif
