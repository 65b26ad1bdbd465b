/* pickle_values.c - descriptions of values, and what hashing them takes */
#include "formats/pickle_values.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define HASH_DEPTH_MOST ((1u << 12) - 1)

static const struct pickle_value shared[VALUE_FIRST] = {
	[VALUE_NONE] = { .kind = KIND_NONE },
	[VALUE_BOOL] = { .kind = KIND_BOOL },
	[VALUE_NUMBER] = { .kind = KIND_NUMBER },
	[VALUE_EMPTY_TUPLE] = { .kind = KIND_TUPLE, .hash_depth = 1,
				.depth = 1, .size = 1 },
	[VALUE_GLOBAL] = { .kind = KIND_GLOBAL },
};

bool pickle_values_init(struct pickle_values *vs, struct error *err)
{
	for (size_t i = 0; i < VALUE_FIRST; i++)
		if (!pickle_values_add(vs, &shared[i], err))
			return false;
	vs->cell_count = 1;		/* number 0 means none */
	return true;
}

void pickle_values_free(struct pickle_values *vs)
{
	free(vs->values);
	free(vs->cells);
	*vs = (struct pickle_values){ 0 };
}

bool pickle_values_add(struct pickle_values *vs,
		       const struct pickle_value *value, struct error *err)
{
	void *grown = vs->values;

	if (vs->count == vs->capacity) {
		if (!memory_grow(&grown, &vs->capacity, vs->count + 1,
				 sizeof(*value), err))
			return false;
		vs->values = grown;
	}
	vs->values[vs->count++] = *value;
	return true;
}

bool pickle_values_add_member(struct pickle_values *vs, struct pickle_value *v,
			      uint32_t member, struct error *err)
{
	uint32_t number = (uint32_t)vs->cell_count;
	void *grown = vs->cells;

	if (vs->cell_count >= vs->cell_capacity) {
		if (!memory_grow(&grown, &vs->cell_capacity,
				 vs->cell_count + 1, sizeof(*vs->cells), err))
			return false;
		vs->cells = grown;
	}
	vs->cells[number] = (struct pickle_cell){ .value = member };
	if (v->members.first == 0)
		v->members.first = number;
	else
		vs->cells[v->members.last].next = number;
	v->members.last = number;
	vs->cell_count++;
	return true;
}

void pickle_value_grow(struct pickle_value *v, uint64_t by)
{
	v->size = by < PICKLE_STEPS_MANY - v->size ? v->size + (uint32_t)by
						   : PICKLE_STEPS_MANY;
}

uint32_t pickle_value_hash_steps(const struct pickle_value *v)
{
	switch (v->kind) {
	case KIND_NUMBER:
	case KIND_TEXT:
	case KIND_BYTES:
		return 1 + v->size / 8;
	case KIND_TUPLE:
	case KIND_FROZENSET:
	case KIND_OBJECT:
		return v->size;
	default:
		return 1;
	}
}

void pickle_value_hashes(struct pickle_value *v,
			 const struct pickle_value *member)
{
	pickle_value_grow(v, pickle_value_hash_steps(member));
	if (member->hash_depth == HASH_DEPTH_MOST)
		v->hash_depth = HASH_DEPTH_MOST;
	else if (v->hash_depth <= member->hash_depth)
		v->hash_depth = (member->hash_depth + 1u) & HASH_DEPTH_MOST;
}

static void count_argument(const struct pickle_values *vs,
			   struct pickle_value *result,
			   const struct pickle_value *argument)
{
	uint32_t cell = 0;

	if (argument->kind == KIND_LIST || argument->kind == KIND_TUPLE) {
		pickle_value_grow(result, 1);
		cell = argument->members.first;
	} else {
		pickle_value_hashes(result, argument);
	}
	if (argument->kind == KIND_DICT || argument->kind == KIND_SET)
		pickle_value_grow(result, (uint64_t)argument->size * 2);
	for (; cell != 0; cell = vs->cells[cell].next) {
		const struct pickle_value *v =
			&vs->values[vs->cells[cell].value];

		/* A list of two is as good a pair as a tuple. */
		pickle_value_hashes(result, v);
		if (v->kind == KIND_LIST && v->members.first != 0)
			pickle_value_hashes(result, &vs->values[
				vs->cells[v->members.first].value]);
	}
}

void pickle_values_call(const struct pickle_values *vs,
			struct pickle_value *result,
			const struct pickle_value *arguments)
{
	for (uint32_t cell = arguments->members.first; cell != 0;
	     cell = vs->cells[cell].next)
		count_argument(vs, result,
			       &vs->values[vs->cells[cell].value]);
}
