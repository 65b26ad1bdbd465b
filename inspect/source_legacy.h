/*
 * source_legacy.h - legacy checkpoints as sources
 *
 * Part of inspect/source; see there.
 */
#ifndef INSPECT_SOURCE_LEGACY_H
#define INSPECT_SOURCE_LEGACY_H

#include <stdbool.h>

#include "base/error.h"
#include "inspect/source.h"

/*
 * Read all but the elements, with keys as they would be written, and fill in
 * s->header.  False may leave parts open: source_close() closes them.
 */
bool source_legacy_open(struct source *s, struct error *err);

/* Write the tensors, as they would be, to the temporary file s->file. */
bool source_legacy_unpack(struct source *s, struct error *err);

void source_legacy_close(struct source *s);

#endif
