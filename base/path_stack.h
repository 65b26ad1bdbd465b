/*
 * path_stack.h - folders still to be visited by a walk
 *
 * A zeroed struct is empty.  Not shared between threads.
 */
#ifndef BASE_PATH_STACK_H
#define BASE_PATH_STACK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct path_stack {
	char **paths;
	size_t count, capacity;
};

bool path_stack_push(struct path_stack *stack, const char *path,
		     struct error *err);

/* The last path pushed, which the caller frees; NULL if there is none. */
char *path_stack_pop(struct path_stack *stack);

void path_stack_free(struct path_stack *stack);

#endif
