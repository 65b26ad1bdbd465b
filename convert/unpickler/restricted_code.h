/*
 * restricted_code.h - the helper's Python modules, compiled into the program
 *
 * embed.py makes the definitions when the program is built.  Constant data.
 */
#ifndef CONVERT_UNPICKLER_RESTRICTED_CODE_H
#define CONVERT_UNPICKLER_RESTRICTED_CODE_H

#include <stddef.h>

struct restricted_module {
	const char *name;
	const char *code;	/* a marshalled code object */
	size_t len;
};

/* In the order they must be imported in; ends with a name of NULL. */
extern const struct restricted_module restricted_modules[];

/* Prefix of the embedded interpreter, and its library folders up to NULL. */
extern const char python_home[];
extern const char *const python_folders[];

#endif
