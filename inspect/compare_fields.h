/*
 * compare_fields.h - what two policy specs, and two architectures, differ in
 *
 * Results borrow from the two sources and architectures.  Constant once made.
 */
#ifndef INSPECT_COMPARE_FIELDS_H
#define INSPECT_COMPARE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/architecture.h"
#include "formats/json.h"
#include "inspect/source.h"

/* What one of the two has; neither value nor text: nothing of that name. */
struct field_side {
	const struct json_value *value;		/* of a spec */
	const char *text;			/* of an architecture */
	size_t len;
};

struct field {
	const char *group;	/* "init_kwargs." or "" */
	const char *name;
	size_t name_len;
	struct field_side a, b;
};

struct field_list {
	struct field *fields;	/* malloc'ed, [count] */
	size_t count, capacity;
};

/*
 * Fields of the specs, and keywords of init_kwargs, that are not the same to a
 * reader.  architecture_spec is left to the other function if both have one.
 */
bool compare_fields_of_specs(struct field_list *list, const struct source *a,
			     const struct source *b, struct error *err);

/*
 * Class and keyword arguments that are not spelt the same; the whole text if
 * one does not parse (it is empty then), or if only their order or blanks
 * differ.  Both sources must have an architecture.
 */
bool compare_fields_of_architectures(struct field_list *list,
				     const struct source *a,
				     const struct architecture *parsed_a,
				     const struct source *b,
				     const struct architecture *parsed_b,
				     struct error *err);

void compare_fields_free(struct field_list *list);

#endif
