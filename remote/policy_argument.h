/*
 * policy_argument.h - policies as the command line of the game takes them
 *
 *	class=NAME[,data=PATH][,proportion=1.0][,kw.KEY=VALUE]...
 *	URI[,proportion=1.0]
 *
 * Blanks around the parts mean nothing.  The text is hostile.  Zeroed is
 * empty; freeing twice is harmless.  Safe from any thread.
 */
#ifndef REMOTE_POLICY_ARGUMENT_H
#define REMOTE_POLICY_ARGUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"

struct policy_keyword {
	const char *key;	/* '-' has become '_' */
	const char *value;
};

struct policy_argument {
	const char *uri;	/* NULL: it is a class */
	const char *class_name;
	const char *data;	/* or NULL */
	bool has_proportion;
	double proportion;	/* positive and finite; 1 if none is given */
	struct policy_keyword *keywords;	/* [count], in their order */
	size_t count;
	struct arena arena;	/* of all of it */
};

/*
 * Take an argument apart; a URI in it is not parsed.  Refused are also what
 * the game takes without a use for it: a field twice, a proportion that is no
 * number.  On failure *a is empty.
 */
bool policy_argument_parse(struct policy_argument *a, const char *text,
			   struct error *err);

void policy_argument_free(struct policy_argument *a);

#endif
