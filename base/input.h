/*
 * input.h - small files that the user names on the command line
 */
#ifndef BASE_INPUT_H
#define BASE_INPUT_H

#include <stdbool.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/options.h"

/*
 * Append the whole of a file ("-": standard input) to *out, with a NUL behind
 * it that out->len does not count.  Over 1 GiB is ERROR_LIMIT.
 */
bool input_read(struct buffer *out, const char *path, struct error *err);

/*
 * Cut what was read into names that end with 'end' and add them to the list,
 * which borrows them.  Empty ones are passed over.
 */
bool input_split(struct option_list *names, struct buffer *content, char end,
		 struct error *err);

#endif
