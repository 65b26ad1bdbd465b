/* state_dict.c - does a tensor's geometry fit its storage */
#include "formats/state_dict.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

void state_dict_free(struct state_dict *sd)
{
	free(sd->tensors);
	arena_free(&sd->arena);
	*sd = (struct state_dict){ 0 };
}

int tensor_compare_keys(const struct tensor *a, const struct tensor *b)
{
	size_t shorter = a->key_len < b->key_len ? a->key_len : b->key_len;
	int order = memcmp(a->key, b->key, shorter);

	if (order != 0)
		return order;
	return a->key_len < b->key_len ? -1 : a->key_len > b->key_len;
}

static int by_key(const void *a, const void *b)
{
	return tensor_compare_keys(*(const struct tensor *const *)a,
				   *(const struct tensor *const *)b);
}

const struct tensor **state_dict_sorted(const struct state_dict *sd,
					int (*compare)(const void *,
						       const void *),
					struct error *err)
{
	const struct tensor **sorted = memory_array(sd->count, sizeof(*sorted),
						    err);

	if (!sorted)
		return NULL;
	for (size_t i = 0; i < sd->count; i++)
		sorted[i] = &sd->tensors[i];
	qsort(sorted, sd->count, sizeof(*sorted), compare);
	return sorted;
}

const struct tensor **state_dict_by_key(const struct state_dict *sd,
					struct error *err)
{
	return state_dict_sorted(sd, by_key, err);
}

bool state_dict_check_keys(const struct state_dict *sd, struct error *err)
{
	const struct tensor **sorted = state_dict_by_key(sd, err);
	bool ok = sorted != NULL;

	for (size_t i = 1; ok && i < sd->count; i++)
		if (tensor_compare_keys(sorted[i - 1], sorted[i]) == 0)
			ok = tensor_error(sorted[i], err, ERROR_CORRUPT,
					  "stands twice");
	free(sorted);
	return ok;
}

bool tensor_error(const struct tensor *t, struct error *err,
		  enum error_kind kind, const char *fmt, ...)
{
	char key[200], reason[300];
	va_list args;

	text_escape(key, sizeof(key), t->key, t->key_len);
	va_start(args, fmt);
	vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	return error_set(err, kind, ERROR_NO_OFFSET, "tensor \"%s\": %s", key,
			 reason);
}

/* The product of the shape; an overflow is one even if a later size is 0. */
static bool count_elements(struct tensor *t, struct error *err)
{
	uint64_t n = 1;

	for (size_t i = 0; i < t->rank; i++)
		if (__builtin_mul_overflow(n, t->shape[i], &n) ||
		    n > INT64_MAX)
			return tensor_error(t, err, ERROR_CORRUPT,
					    "the product of its %zu sizes "
					    "overflows 63 bits", t->rank);
	t->nelements = n;
	return true;
}

/* Strides of dimensions of one element mean nothing, and torch ignores them. */
static bool is_row_major(const struct tensor *t)
{
	uint64_t expected = 1;

	for (size_t n = t->rank; n > 0; n--) {
		size_t i = n - 1;

		if (t->shape[i] == 1)
			continue;
		if (t->stride[i] != expected)
			return false;
		expected *= t->shape[i];
	}
	return true;
}

/* Elements from the first to the last, both included; not for empty ones. */
static bool span_elements(const struct tensor *t, uint64_t *span)
{
	uint64_t last = 0, reach;

	if (!t->stride) {
		*span = t->nelements;
		return true;
	}
	for (size_t i = 0; i < t->rank; i++)
		if (__builtin_mul_overflow(t->shape[i] - 1, t->stride[i],
					   &reach) ||
		    __builtin_add_overflow(last, reach, &last))
			return false;
	return !__builtin_add_overflow(last, 1, span);
}

bool tensor_check(struct tensor *t, uint64_t storage_nbytes,
		  struct error *err)
{
	const struct dtype_info *info = dtype_info(t->dtype);
	uint64_t span, nbytes;

	if (!count_elements(t, err))
		return false;
	if (__builtin_mul_overflow(t->nelements, info->item, &t->nbytes))
		return tensor_error(t, err, ERROR_CORRUPT,
				    "%" PRIu64 " elements of %u bytes "
				    "overflow 64 bits", t->nelements,
				    info->item);
	if (t->nelements == 0) {
		/* torch lets an empty tensor start anywhere. */
		t->stride = NULL;
		t->start = 0;
		return true;
	}
	if (t->stride && is_row_major(t))
		t->stride = NULL;
	if (!span_elements(t, &span) ||
	    __builtin_mul_overflow(span, info->item, &nbytes))
		return tensor_error(t, err, ERROR_CORRUPT,
				    "its strides overflow 64 bits");
	if (t->start > storage_nbytes || nbytes > storage_nbytes - t->start)
		return tensor_error(t, err, ERROR_CORRUPT,
				    "reaches over %" PRIu64 " bytes from %"
				    PRIu64 " on, in a storage of %" PRIu64,
				    nbytes, t->start, storage_nbytes);
	return true;
}

uint64_t tensor_span(const struct tensor *t)
{
	uint64_t span = 0;

	if (t->nelements > 0)
		span_elements(t, &span);
	return span * dtype_info(t->dtype)->item;
}
