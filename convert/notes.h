/*
 * notes.h - remarks on one source that are no faults, for its report
 *
 * A zeroed struct is empty.  Notes may quote hostile text; whoever prints
 * them escapes it.  Not shared between threads.
 */
#ifndef CONVERT_NOTES_H
#define CONVERT_NOTES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct notes {
	char **texts;		/* malloc'ed, as each of them; [count] */
	size_t count, capacity;
};

__attribute__((format(printf, 3, 4)))
bool notes_add(struct notes *notes, struct error *err, const char *fmt, ...);

void notes_free(struct notes *notes);

#endif
