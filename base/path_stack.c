/* path_stack.c - a stack of malloc'ed paths */
#include "base/path_stack.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

bool path_stack_push(struct path_stack *stack, const char *path,
		     struct error *err)
{
	void *grown = stack->paths;
	char *copy = strdup(path);

	if (!copy)
		return error_set_memory(err, strlen(path) + 1);
	if (!memory_grow(&grown, &stack->capacity, stack->count + 1,
			 sizeof(*stack->paths), err)) {
		free(copy);
		return false;
	}
	stack->paths = grown;
	stack->paths[stack->count++] = copy;
	return true;
}

char *path_stack_pop(struct path_stack *stack)
{
	return stack->count > 0 ? stack->paths[--stack->count] : NULL;
}

void path_stack_free(struct path_stack *stack)
{
	while (stack->count > 0)
		free(stack->paths[--stack->count]);
	free(stack->paths);
	*stack = (struct path_stack){ 0 };
}
