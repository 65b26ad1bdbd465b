/*
 * safetensors_write.c - the header the reference writer would write
 *
 * Tensors are ordered by dtype, the widest first, then by name as bytes; their
 * data follows in the same order without holes; the header is compact JSON,
 * padded with blanks so that the data starts at a multiple of 8.
 */
#include "formats/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "formats/json.h"

/* Readers count a tensor's bits, in 64 bits. */
#define DATA_LIMIT (UINT64_MAX / 8)

static int by_layout(const void *a, const void *b)
{
	const struct tensor *x = *(const struct tensor *const *)a;
	const struct tensor *y = *(const struct tensor *const *)b;

	if (x->dtype != y->dtype)
		return x->dtype > y->dtype ? -1 : 1;
	return tensor_compare_keys(x, y);
}

static bool check_tensor(const struct tensor *t, struct error *err)
{
	static const char reserved[] = "__metadata__";

	if (!dtype_info(t->dtype)->name)
		return tensor_error(t, err, ERROR_UNSUPPORTED,
				    "safetensors has no dtype for %s",
				    dtype_info(t->dtype)->torch);
	if (t->packed && t->rank == 0)
		return tensor_error(t, err, ERROR_UNSUPPORTED,
				    "a %s tensor needs a dimension",
				    dtype_info(t->dtype)->torch);
	if (t->packed && t->shape[t->rank - 1] > UINT64_MAX / 2)
		return tensor_error(t, err, ERROR_LIMIT,
				    "twice its last size of %" PRIu64
				    " overflows 64 bits",
				    t->shape[t->rank - 1]);
	if (t->key_len == sizeof(reserved) - 1 &&
	    memcmp(t->key, reserved, t->key_len) == 0)
		return tensor_error(t, err, ERROR_UNSUPPORTED,
				    "safetensors keeps this name for itself");
	return true;
}

static bool append(struct buffer *b, const char *text, struct error *err)
{
	return buffer_append(b, text, strlen(text), err);
}

/* Without printf(), which was half of the work of laying out. */
static bool append_number(struct buffer *b, const char *before, uint64_t n,
			  struct error *err)
{
	char digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	return append(b, before, err) &&
	       buffer_append(b, digits + at, sizeof(digits) - at, err);
}

static bool append_tensor(struct buffer *b, const struct tensor *t,
			  uint64_t begin, struct error *err)
{
	if (!json_append_string(b, t->key, t->key_len, err) ||
	    !append(b, ":{\"dtype\":\"", err) ||
	    !append(b, dtype_info(t->dtype)->name, err) ||
	    !append(b, "\",\"shape\":[", err))
		return false;
	for (size_t i = 0; i < t->rank; i++) {
		uint64_t size = t->shape[i];

		if (t->packed && i + 1 == t->rank)
			size *= 2;
		if (!append_number(b, i ? "," : "", size, err))
			return false;
	}
	return append_number(b, "],\"data_offsets\":[", begin, err) &&
	       append_number(b, ",", begin + t->nbytes, err) &&
	       append(b, "]}", err);
}

static bool write_header(struct safetensors_layout *layout,
			 const struct tensor *const *sorted, size_t count,
			 uint64_t *data_nbytes, struct error *err)
{
	struct buffer *b = &layout->header;
	uint64_t begin = 0, length;
	uint8_t le[SAFETENSORS_LENGTH_SIZE] = { 0 };

	if (!buffer_append(b, le, sizeof(le), err) ||
	    !buffer_append(b, "{", 1, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		if ((i > 0 && !buffer_append(b, ",", 1, err)) ||
		    !append_tensor(b, sorted[i], begin, err))
			return false;
		layout->begin[layout->order[i]] = begin;
		if (sorted[i]->nbytes > DATA_LIMIT - begin)
			return tensor_error(sorted[i], err, ERROR_LIMIT,
					    "its %" PRIu64 " bytes at %" PRIu64
					    " are over the limit of %" PRIu64,
					    sorted[i]->nbytes, begin,
					    DATA_LIMIT);
		begin += sorted[i]->nbytes;
	}
	if (!buffer_append(b, "}", 1, err))
		return false;
	while (b->len % 8 != 0)
		if (!buffer_append(b, " ", 1, err))
			return false;
	length = b->len - sizeof(le);
	if (length > SAFETENSORS_HEADER_LIMIT)
		return error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
				 "its safetensors header would have %" PRIu64
				 " bytes, over the limit of %u", length,
				 SAFETENSORS_HEADER_LIMIT);
	for (size_t i = 0; i < sizeof(le); i++)
		b->data[i] = (char)(length >> (8 * i));
	*data_nbytes = begin;
	return true;
}

bool safetensors_lay_out(struct safetensors_layout *layout,
			 const struct state_dict *sd, struct error *err)
{
	const struct tensor **sorted = NULL;
	uint64_t data_nbytes = 0;
	bool ok = false;

	*layout = (struct safetensors_layout){ 0 };
	sorted = memory_array(sd->count, sizeof(*sorted), err);
	layout->order = memory_array(sd->count, sizeof(*layout->order), err);
	layout->begin = memory_array(sd->count, sizeof(*layout->begin), err);
	if (!sorted || !layout->order || !layout->begin)
		goto done;
	for (size_t i = 0; i < sd->count; i++) {
		if (!check_tensor(&sd->tensors[i], err))
			goto done;
		sorted[i] = &sd->tensors[i];
	}
	if (!state_dict_check_keys(sd, err))
		goto done;
	qsort(sorted, sd->count, sizeof(*sorted), by_layout);
	for (size_t i = 0; i < sd->count; i++)
		layout->order[i] = (size_t)(sorted[i] - sd->tensors);
	if (!write_header(layout, sorted, sd->count, &data_nbytes, err))
		goto done;
	layout->file_nbytes = data_nbytes + layout->header.len;
	ok = true;
done:
	free(sorted);
	if (!ok)
		safetensors_layout_free(layout);
	return ok;
}

void safetensors_layout_free(struct safetensors_layout *layout)
{
	buffer_free(&layout->header);
	free(layout->order);
	free(layout->begin);
	*layout = (struct safetensors_layout){ 0 };
}
