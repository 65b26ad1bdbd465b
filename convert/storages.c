/* storages.c - what a pickle says of tensors, checked against the storages */
#include "convert/storages.h"

#include <string.h>

static bool keep_globals(struct checkpoint *c,
			 const struct pickle_index *index, struct error *err)
{
	c->globals = arena_array(&c->arena, index->global_count,
				 sizeof(*c->globals), err);
	for (size_t i = 0; c->globals && i < index->global_count; i++) {
		const char *name = index->globals[i];

		c->globals[i] = arena_copy(&c->arena, name, strlen(name), err);
		if (!c->globals[i])
			return false;
		c->global_count++;
	}
	return c->globals != NULL;
}

static bool ask(struct scratch *scratch, const struct pickle_request *request,
		struct pickle_index *index, struct error *err)
{
	const struct recall_answer *known = recall_find(&scratch->recall,
							request);

	if (known)
		return pickle_index_parse(index, known->answer,
					  known->answer_len, err);
	return unpickle_index(&scratch->helper, request, index, err) &&
	       recall_keep(&scratch->recall, request, index->answer,
			   index->answer_len, err);
}

bool storages_index(struct checkpoint *c, enum unpickler_layout layout,
		    const void *pickle, size_t len, struct scratch *scratch,
		    struct pickle_index *index, struct error *err)
{
	struct pickle_request request = {
		.layout = layout, .state_dict_path = scratch->state_dict_path,
		.pickle = pickle, .len = len,
	};

	if (!ask(scratch, &request, index, err))
		return false;
	if (!index->not_a_policy)
		return keep_globals(c, index, err);
	c->skip = arena_copy(&c->arena, index->notes[0],
			     strlen(index->notes[0]), err);
	return c->skip != NULL;
}

bool storages_take_index(struct checkpoint *c, struct pickle_index *index,
			 struct error *err)
{
	for (size_t i = 0; i < index->note_count; i++)
		if (!notes_add(&c->notes, err, "%s", index->notes[i]))
			return false;
	if (index->architecture) {
		c->architecture_len = strlen(index->architecture);
		c->architecture = arena_copy(&c->arena, index->architecture,
					     c->architecture_len, err);
		c->architecture_origin = "pickled config";
		if (!c->architecture)
			return false;
	}
	for (size_t i = 0; i < index->weights.count; i++) {
		struct tensor *t = &index->weights.tensors[i];

		if (!tensor_check(t, c->storages[t->storage].bytes.size, err))
			return false;
		t->big_endian = c->storages[t->storage].big_endian &&
				dtype_info(t->dtype)->part > 1;
	}
	c->weights = index->weights;
	index->weights = (struct state_dict){ 0 };
	c->copy = storages_copy;
	return true;
}
