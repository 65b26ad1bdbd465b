/*
 * unpickle.h - ask a helper process what a pickle holds
 *
 * Python never runs in mpt-convert itself: a helper is started when the first
 * pickle comes and kept for the next ones.  If it dies, says nothing, talks
 * nonsense or refuses the pickle, that is the error of the file at hand, and
 * the next file gets a new helper.
 *
 * Its answers are treated as hostile: all that is promised about a pickle_index
 * is that its counts are those of its arrays and that each storage index is
 * valid.  Tensors must still go through tensor_check().
 */
#ifndef CONVERT_UNPICKLE_H
#define CONVERT_UNPICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"
#include "convert/helper.h"
#include "convert/unpickler/protocol.h"
#include "formats/state_dict.h"

/* What is asked.  Everything is borrowed. */
struct pickle_request {
	enum unpickler_layout layout;
	const char *state_dict_path;	/* NULL: the only one there is */
	const void *pickle;
	size_t len;
};

struct pickle_storage {
	const char *key;	/* as in the persistent id, NUL-terminated */
	size_t key_len;
	uint64_t nbytes;	/* element count times element size */
	const uint8_t *bytes;	/* [nbytes] if they came along, else NULL */
};

/* A storage as it stands in the file of a torch stream. */
struct pickle_listed {
	const char *key;	/* NUL-terminated */
	size_t key_len;
	uint64_t nelements, nbytes;
	size_t storage;		/* index, or PICKLE_NO_STORAGE */
};

#define PICKLE_NO_STORAGE SIZE_MAX

struct pickle_index {
	struct state_dict weights;	/* start in bytes, storage = index */
	struct pickle_storage *storages;
	size_t storage_count;
	struct pickle_listed *listed;
	size_t listed_count;
	const char *architecture;	/* NUL-terminated, or NULL */
	const char **notes;
	size_t note_count;
	const char **globals;	/* "module name", in order of first use */
	size_t global_count;
	uint8_t *answer;	/* what storages' bytes borrow from; owned */
	size_t answer_len;
	bool not_a_policy;		/* e.g. a trainer state; why is in
					   notes[0], and nothing else is set */
};

/*
 * Index one pickle.  What the pickle's author did wrong, and the
 * helper's death, are errors; on failure *index is empty.
 */
bool unpickle_index(struct helper *helper,
		    const struct pickle_request *request,
		    struct pickle_index *index, struct error *err);

void pickle_index_free(struct pickle_index *index);

/*
 * Parse the body of an answer; the part of unpickle_index() without I/O.
 * The bytes of storages borrow from it.
 */
bool pickle_index_parse(struct pickle_index *index, const void *answer,
			size_t len, struct error *err);

#endif
