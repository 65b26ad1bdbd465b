/*
 * pickle_globals.h - the names a pickle looks up, each once
 *
 * The names are hostile bytes of the input.  They are compared by bisection,
 * so no choice of names makes that slow.
 */
#ifndef FORMATS_PICKLE_GLOBALS_H
#define FORMATS_PICKLE_GLOBALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "formats/pickle.h"

/* The order of scan->globals by name. */
struct pickle_order {
	uint32_t *data;
	size_t capacity;
};

/*
 * Add a name to scan->globals unless it is there; *added says which.  module
 * and name may point into the input: they are checked and copied.  offset is
 * that of opcode.
 */
bool pickle_globals_add(struct pickle_scan *scan, struct pickle_order *order,
			const struct pickle_global *global, const char *opcode,
			bool *added, struct error *err);

void pickle_order_free(struct pickle_order *order);

#endif
