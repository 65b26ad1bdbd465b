/* compare.c - headers tensor by tensor, elements byte by byte */
#include "convert/compare.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { PART_SIZE = 1 << 18 };

/* ---- headers ---- */

static void set(struct error *difference, uint64_t offset, const char *reason)
{
	error_set(difference, ERROR_DIFFERENT, offset, "%s", reason);
}

/* The text of a header, malloc'ed; or the difference says what is wrong. */
static bool read_text(struct there_member *there, char **text, size_t *len,
		      struct error *difference, struct error *err)
{
	uint8_t length[SAFETENSORS_LENGTH_SIZE] = { 0 };
	size_t have = there->nbytes < sizeof(length) ? (size_t)there->nbytes
						     : sizeof(length);
	struct error fault = { 0 };

	if (!there_read(there, 0, length, have, difference, err))
		return false;
	if (!safetensors_read_length(length, there->nbytes, len, &fault))
		set(difference, fault.offset, fault.reason);
	if (difference->kind != ERROR_NONE)
		return true;
	*text = memory_array(*len, 1, err);
	return *text && there_read(there, sizeof(length), *text, *len,
				   difference, err);
}

static bool read_header(struct there_member *there,
			struct safetensors_header *header,
			struct error *difference, struct error *err)
{
	struct error fault = { 0 };
	char *text = NULL;
	size_t len = 0;
	bool ok = read_text(there, &text, &len, difference, err);

	if (ok && difference->kind == ERROR_NONE &&
	    !safetensors_read_header(header, text, len, there->nbytes -
				     SAFETENSORS_LENGTH_SIZE - len, &fault)) {
		ok = fault.kind != ERROR_MEMORY;
		if (ok)
			set(difference, fault.offset, fault.reason);
		else
			*err = fault;
	}
	free(text);
	return ok;
}

/* "F32 [2,3]" */
static void print_kind(char *buf, size_t size, const struct tensor *t)
{
	size_t used = (size_t)snprintf(buf, size, "%s [",
				       dtype_info(t->dtype)->name);

	for (size_t i = 0; i < t->rank && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%" PRIu64,
					 i ? "," : "", t->shape[i]);
	if (used < size)
		snprintf(buf + used, size - used, "]");
}

static bool same_kind(const struct tensor *a, const struct tensor *b)
{
	return a->dtype == b->dtype && a->rank == b->rank &&
	       (a->rank == 0 || memcmp(a->shape, b->shape, a->rank *
				       sizeof(*a->shape)) == 0);
}

static int by_key(const void *a, const void *b)
{
	return tensor_compare_keys(a, b);
}

/* The first tensor, by name, that only one of them has or that is not alike. */
static void compare_tensors(struct state_dict *ours, struct state_dict *theirs,
			    struct error *difference)
{
	char is[100], would_be[100];

	qsort(ours->tensors, ours->count, sizeof(*ours->tensors), by_key);
	qsort(theirs->tensors, theirs->count, sizeof(*theirs->tensors),
	      by_key);
	for (size_t i = 0; i < ours->count || i < theirs->count; i++) {
		const struct tensor *a = &ours->tensors[i];
		const struct tensor *b = &theirs->tensors[i];
		int order = i == ours->count ? 1 : i == theirs->count ? -1 :
			    tensor_compare_keys(a, b);

		if (order < 0)
			tensor_error(a, difference, ERROR_DIFFERENT,
				     "is not there");
		if (order > 0)
			tensor_error(b, difference, ERROR_DIFFERENT,
				     "is there, and the source has none");
		if (order == 0 && !same_kind(a, b)) {
			print_kind(is, sizeof(is), b);
			print_kind(would_be, sizeof(would_be), a);
			tensor_error(a, difference, ERROR_DIFFERENT,
				     "is %s, would be %s", is, would_be);
		}
		if (difference->kind != ERROR_NONE)
			return;
	}
}

/* The bytes of two headers differ from 'offset' on: what does that mean? */
static bool explain_header(const struct safetensors_layout *layout,
			   struct there_member *there, uint64_t offset,
			   struct error *difference, struct error *err)
{
	struct safetensors_header ours = { 0 }, theirs = { 0 };
	const char *text = layout->header.data + SAFETENSORS_LENGTH_SIZE;
	size_t len = layout->header.len - SAFETENSORS_LENGTH_SIZE;
	bool ok = read_header(there, &theirs, difference, err);

	if (!ok || difference->kind != ERROR_NONE)
		goto done;
	ok = safetensors_read_header(&ours, text, len, layout->file_nbytes -
				     layout->header.len, err);
	if (!ok)
		goto done;
	compare_tensors(&ours.tensors, &theirs.tensors, difference);
	set(difference, offset, "the header differs from here on, though not "
	    "in names, dtypes and shapes");
done:
	safetensors_header_free(&ours);
	safetensors_header_free(&theirs);
	return ok;
}

/* The offset of the first byte that differs; len if none does. */
static size_t first_difference(const uint8_t *a, const uint8_t *b, size_t len)
{
	size_t i = 0;

	while (i < len && a[i] == b[i])
		i++;
	return i;
}

bool compare_header(const struct safetensors_layout *layout,
		    struct there_member *there, struct error *difference,
		    struct error *err)
{
	const struct buffer *ours = &layout->header;
	size_t len = there->nbytes < ours->len ? (size_t)there->nbytes
					       : ours->len;
	uint8_t *theirs = memory_array(len, 1, err);
	bool ok = theirs && there_read(there, 0, theirs, len, difference, err);
	size_t same;

	if (!ok || difference->kind != ERROR_NONE)
		goto done;
	same = first_difference((const uint8_t *)ours->data, theirs, len);
	ok = same == ours->len ||
	     explain_header(layout, there, same, difference, err);
	if (there->nbytes != layout->file_nbytes)
		error_set(difference, ERROR_DIFFERENT, ERROR_NO_OFFSET,
			  "has %" PRIu64 " bytes, would have %" PRIu64,
			  there->nbytes, layout->file_nbytes);
done:
	free(theirs);
	return ok;
}

/* ---- elements ---- */

bool compare_begin(struct compare *c, const struct state_dict *sd,
		   const struct safetensors_layout *layout,
		   struct there_member *there, struct error *err)
{
	*c = (struct compare){ .sd = sd, .layout = layout, .there = there,
			       .first = UINT64_MAX };
	c->buffer = memory_array(PART_SIZE, 1, err);
	c->differs = memory_array(sd->count, sizeof(*c->differs), err);
	return c->buffer && c->differs;
}

/* The last tensor, in the layout's order, that begins at or before a place. */
static size_t tensor_at(const struct compare *c, uint64_t place)
{
	size_t low = 0, high = c->sd->count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (c->layout->begin[c->layout->order[middle]] <= place)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Two spans, at a place counted behind the header, differ: in which tensors? */
static void find_tensors(struct compare *c, uint64_t place,
			 const uint8_t *ours, const uint8_t *theirs,
			 size_t len)
{
	for (size_t i = tensor_at(c, place); i < c->sd->count; i++) {
		size_t which = c->layout->order[i];
		uint64_t begin = c->layout->begin[which];
		uint64_t end = begin + c->sd->tensors[which].nbytes;
		size_t from, to, at;

		if (begin >= place + len)
			break;
		from = begin > place ? (size_t)(begin - place) : 0;
		to = end < place + len ? (size_t)(end - place) : len;
		at = from + first_difference(ours + from, theirs + from,
					     to - from);
		if (at == to)
			continue;
		c->differing += !c->differs[which];
		c->differs[which] = true;
		if (place + at < c->first) {
			c->first = place + at;
			c->first_tensor = which;
			c->is = theirs[at];
			c->would_be = ours[at];
		}
	}
}

static bool compare_write(void *to, uint64_t offset, const void *buf,
			  size_t len, struct error *err)
{
	struct compare *c = to;
	const uint8_t *ours = buf;

	/* The source is read to its end, even if this is of no more use. */
	while (len > 0 && c->fault.kind == ERROR_NONE) {
		size_t n = len < PART_SIZE ? len : PART_SIZE;

		if (!there_read(c->there, offset, c->buffer, n, &c->fault,
				err))
			return false;
		if (c->fault.kind != ERROR_NONE)
			return true;
		if (memcmp(ours, c->buffer, n) != 0)
			find_tensors(c, offset - c->layout->header.len, ours,
				     c->buffer, n);
		ours += n;
		offset += n;
		len -= n;
	}
	return true;
}

struct writer compare_writer(struct compare *c)
{
	return (struct writer){ .write = compare_write, .to = c };
}

void compare_end(const struct compare *c, struct error *difference)
{
	const struct tensor *t = &c->sd->tensors[c->first_tensor];
	char others[64] = "";

	if (c->fault.kind != ERROR_NONE)
		*difference = c->fault;
	if (c->differing == 0 || c->fault.kind != ERROR_NONE)
		return;
	if (c->differing > 1)
		snprintf(others, sizeof(others), "; %zu of %zu tensors differ",
			 c->differing, c->sd->count);
	tensor_error(t, difference, ERROR_DIFFERENT,
		     "byte %" PRIu64 " of its %" PRIu64 " is 0x%02x, would be "
		     "0x%02x%s", c->first - c->layout->begin[c->first_tensor],
		     t->nbytes, c->is, c->would_be, others);
	difference->offset = c->layout->header.len + c->first;
}

void compare_free(struct compare *c)
{
	free(c->buffer);
	free(c->differs);
	*c = (struct compare){ 0 };
}
