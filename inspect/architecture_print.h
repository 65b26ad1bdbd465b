/*
 * architecture_print.h - an architecture text, laid out to be read
 *
 * Brackets that do not fit on a line are opened: an element a line, indented.
 * Literals stay as they are spelt.
 */
#ifndef INSPECT_ARCHITECTURE_PRINT_H
#define INSPECT_ARCHITECTURE_PRINT_H

#include <stddef.h>

#include "formats/architecture.h"
#include "inspect/answer.h"

/* Print lines that are indented by so many blanks. */
void architecture_print(struct answer *a, const struct architecture *parsed,
			size_t indent);

#endif
