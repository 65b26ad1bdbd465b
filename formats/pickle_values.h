/*
 * pickle_values.h - what a scan remembers of the values a pickle makes
 *
 * 16 bytes for each value, 8 for each member of a list or tuple: no contents.
 * Values are named by index and never freed one by one.  The first few are
 * shared by all values that need no record of their own.
 *
 * Hashing is what CPython does without a guard, so how deep hash() descends
 * into a value and how many others it visits is known exactly.  Only tuples and
 * frozensets hash by their members, and members are there before them; what is
 * later put into a list or a dict, or into an object, changes nothing.
 *
 * Not shared between threads.
 */
#ifndef FORMATS_PICKLE_VALUES_H
#define FORMATS_PICKLE_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* As far as a scan can know. */
enum pickle_kind {
	KIND_NONE,
	KIND_BOOL,
	KIND_NUMBER,
	KIND_TEXT,
	KIND_BYTES,
	KIND_TUPLE,
	KIND_LIST,
	KIND_DICT,
	KIND_SET,
	KIND_FROZENSET,
	KIND_GLOBAL,
	KIND_OBJECT,		/* the result of a call: could be anything */
	KIND_COUNT
};

/* The shared values. */
enum {
	VALUE_NONE,
	VALUE_BOOL,
	VALUE_NUMBER,
	VALUE_EMPTY_TUPLE,
	VALUE_GLOBAL,
	VALUE_FIRST		/* the first that is not shared */
};

#define PICKLE_STEPS_MANY UINT32_MAX	/* so many, or more */

struct pickle_value {
	uint32_t kind : 4;	/* enum pickle_kind */
	uint32_t hash_depth : 12;	/* levels hash() descends, up to 4095 */
	uint32_t depth : 16;	/* levels of containers, itself included */
	/*
	 * Text, bytes, numbers: length in bytes.  Dicts, sets: members.
	 * Tuples, frozensets, objects: how many values hash() visits.
	 */
	uint32_t size;
	union {
		const uint8_t *text;	/* in the input; NULL: not known */
		struct {
			uint32_t first, last;	/* cells; 0: none */
		} members;		/* of tuples and lists, in order */
	};
};

struct pickle_cell {
	uint32_t value, next;	/* next 0: the last */
};

struct pickle_values {
	struct pickle_value *values;
	size_t count, capacity;
	struct pickle_cell *cells;
	size_t cell_count, cell_capacity;
};

/* Make the shared values. */
bool pickle_values_init(struct pickle_values *vs, struct error *err);

void pickle_values_free(struct pickle_values *vs);

/*
 * Keep one more value.  Pointers to values are good until then.  Fewer than
 * 2^32 values, and cells, are the caller's to see to.
 */
bool pickle_values_add(struct pickle_values *vs,
		       const struct pickle_value *value, struct error *err);

/* Put a value last in list or tuple v, which need not be in vs. */
bool pickle_values_add_member(struct pickle_values *vs, struct pickle_value *v,
			      uint32_t member, struct error *err);

/* v now counts so many more bytes or members. */
void pickle_value_grow(struct pickle_value *v, uint64_t by);

/* How many values hash() visits in v. */
uint32_t pickle_value_hash_steps(const struct pickle_value *v);

/* From now on hash() of v descends into member, too. */
void pickle_value_hashes(struct pickle_value *v,
			 const struct pickle_value *member);

/*
 * Count for result what a call may do with its argument tuple, as if result
 * were a tuple of all it looks at: each argument is copied, members of lists
 * and tuples are copied and hashed, and if those are pairs their keys are.
 * Lists are taken as they are now.
 */
void pickle_values_call(const struct pickle_values *vs,
			struct pickle_value *result,
			const struct pickle_value *arguments);

#endif
