/* storages.c - tensors that are views of storages: check them, move them */
#include "convert/storages.h"

#include <inttypes.h>
#include <string.h>

#include "base/interrupt.h"
#include "formats/crc32.h"

/* Read a storage for its checksum alone. */
static bool verify_storage(struct storage *s, struct scratch *scratch,
			   struct error *err)
{
	uint64_t done = 0;
	uint32_t crc = 0;

	while (s->check_crc && done < s->bytes.size) {
		uint64_t left = s->bytes.size - done;
		size_t n = left < SCRATCH_BUFFER_SIZE ? (size_t)left
						      : SCRATCH_BUFFER_SIZE;

		if (!interrupt_check(err) ||
		    !reader_read(&s->bytes, done, scratch->buffer, n, err))
			return error_in(err, NULL, s->name);
		crc = crc32_update(crc, scratch->buffer, n);
		done += n;
	}
	if (!s->check_crc || crc == s->crc) {
		s->check_crc = false;
		return true;
	}
	error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
		  "CRC-32 of its bytes is %08" PRIx32 ", the archive says %08"
		  PRIx32, crc, s->crc);
	return error_in(err, NULL, s->name);
}

/* A tensor that is its storage's bytes in their order; summed if need be. */
static bool copy_dense(const struct tensor *t, struct storage *s,
		       struct sink *sink, struct error *err)
{
	bool whole = t->start == 0 && t->nbytes == s->bytes.size;
	bool sum = whole && s->check_crc;
	uint64_t done = 0;
	uint32_t crc = 0;

	while (done < t->nbytes) {
		uint64_t left = t->nbytes - done;
		size_t n = left < SIZE_MAX ? (size_t)left : SIZE_MAX;
		uint8_t *room = sink_reserve(sink, &n, err);

		if (!room)
			return false;	/* a fault of the output */
		if (!interrupt_check(err) ||
		    !reader_read(&s->bytes, t->start + done, room, n, err))
			return error_in(err, NULL, s->name);
		if (sum)
			crc = crc32_update(crc, room, n);
		sink_commit(sink, n);
		done += n;
	}
	if (sum && crc != s->crc) {
		error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			  "CRC-32 of its bytes is %08" PRIx32 ", the archive "
			  "says %08" PRIx32, crc, s->crc);
		return error_in(err, NULL, s->name);
	}
	if (sum)
		s->check_crc = false;
	return true;
}

static bool copy_storages(struct checkpoint *c,
			  const struct safetensors_layout *layout,
			  struct sink *sink, struct scratch *scratch,
			  struct error *err)
{
	for (size_t i = 0; i < c->weights.count; i++) {
		size_t which = layout->order[i];
		const struct tensor *t = &c->weights.tensors[which];
		struct storage *s = &c->storages[t->storage];
		bool ok;

		if (!sink_seek(sink, layout->header.len +
			       layout->begin[which], err))
			return false;
		if (t->stride || t->conj || t->neg || t->big_endian)
			ok = gather_tensor(&scratch->gather, t, &s->bytes,
					   sink, err);
		else
			ok = copy_dense(t, s, sink, err);
		if (!ok)
			return false;
	}
	/* The scratch buffer is the sink's: it is free once that is flushed. */
	if (!sink_flush(sink, err))
		return false;
	for (size_t i = 0; i < c->weights.count; i++)
		if (!verify_storage(&c->storages[c->weights.tensors[i].storage],
				    scratch, err))
			return false;
	return true;
}

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

static struct pickle_request request_of(enum unpickler_layout layout,
					const void *pickle, size_t len,
					const struct scratch *scratch)
{
	return (struct pickle_request){
		.layout = layout, .state_dict_path = scratch->state_dict_path,
		.pickle = pickle, .len = len,
	};
}

bool storages_are_known(enum unpickler_layout layout, const void *pickle,
			size_t len, struct scratch *scratch)
{
	const struct pickle_request request = request_of(layout, pickle, len,
							 scratch);

	return recall_find(&scratch->recall, &request) != NULL;
}

bool storages_ask(enum unpickler_layout layout, const void *pickle, size_t len,
		  struct scratch *scratch, struct pickle_index *index,
		  struct error *err)
{
	const struct pickle_request request = request_of(layout, pickle, len,
							 scratch);
	const struct recall_answer *known = recall_find(&scratch->recall,
							&request);

	if (known)
		return pickle_index_parse(index, known->answer,
					  known->answer_len, err);
	if (!unpickle_index(&scratch->helper, &request, index, err))
		return false;
	if (recall_keep(&scratch->recall, &request, index->answer,
			index->answer_len, err))
		return true;
	pickle_index_free(index);
	return false;
}

bool storages_look(struct checkpoint *c, const struct pickle_index *index,
		   struct error *err)
{
	if (!index->not_a_policy)
		return keep_globals(c, index, err);
	c->skip = arena_copy(&c->arena, index->notes[0],
			     strlen(index->notes[0]), err);
	return c->skip != NULL;
}

bool storages_index(struct checkpoint *c, enum unpickler_layout layout,
		    const void *pickle, size_t len, struct scratch *scratch,
		    struct pickle_index *index, struct error *err)
{
	return storages_ask(layout, pickle, len, scratch, index, err) &&
	       storages_look(c, index, err);
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
	c->copy = copy_storages;
	return true;
}
