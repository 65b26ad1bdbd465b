/*
 * state_dict.h - named tensors, and where their bytes are
 *
 * What every era becomes before anything is written.  The tensors say which
 * storage holds their elements and how they lie in it; the storages themselves
 * belong to whoever reads the container.  A state dict owns
 * its array and, through the arena, what the tensors point to.
 *
 * A tensor that went through tensor_check() can be trusted: the products do
 * not overflow and every element lies inside its storage.
 */
#ifndef FORMATS_STATE_DICT_H
#define FORMATS_STATE_DICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/dtype.h"

struct tensor {
	const char *key;	/* UTF-8, may hold NUL; NUL-terminated */
	size_t key_len;
	enum dtype dtype;
	size_t rank;
	const uint64_t *shape;	/* [rank], in torch elements */
	const uint64_t *stride;	/* [rank], in elements; NULL: row-major */
	uint64_t start;		/* of the first element in its storage, bytes */
	uint64_t nelements;	/* set by tensor_check() */
	uint64_t nbytes;	/* as written, row-major: set likewise */
	size_t storage;		/* index of its storage */
	bool conj, neg;		/* the value is the conjugate, the negative */
	bool big_endian;	/* so are the parts of its elements */
	bool packed;		/* one torch element is two of the dtype's:
				   the last size doubles when written */
};

struct state_dict {
	struct tensor *tensors;	/* malloc'ed, [count] */
	size_t count;
	struct arena arena;	/* keys, shapes and strides */
};

void state_dict_free(struct state_dict *sd);

/*
 * Its tensors in the order of a comparison of pointers to them, as qsort()
 * takes one, or of their keys: malloc'ed, [count]; NULL if there is no memory.
 * Borrows them.
 */
const struct tensor **state_dict_sorted(const struct state_dict *sd,
					int (*compare)(const void *,
						       const void *),
					struct error *err);
const struct tensor **state_dict_by_key(const struct state_dict *sd,
					struct error *err);

/* Fail if two tensors have one key. */
bool state_dict_check_keys(const struct state_dict *sd, struct error *err);

/*
 * Check one tensor against the size in bytes of its storage, and fill in
 * nelements and nbytes.  A stride that is row-major anyway becomes NULL.
 */
bool tensor_check(struct tensor *t, uint64_t storage_nbytes,
		  struct error *err);

/*
 * The bytes of the storage between a tensor's first and last element, both
 * included; 0 for an empty tensor.  Needs tensor_check().
 */
uint64_t tensor_span(const struct tensor *t);

/* Order of keys as bytes: negative, 0 or positive. */
int tensor_compare_keys(const struct tensor *a, const struct tensor *b);

/* Record a fault of one tensor: the reason starts with its key, escaped. */
__attribute__((format(printf, 4, 5)))
bool tensor_error(const struct tensor *t, struct error *err,
		  enum error_kind kind, const char *fmt, ...);

#endif
