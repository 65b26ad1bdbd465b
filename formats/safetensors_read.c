/*
 * safetensors_read.c - a strict scanner for safetensors headers
 *
 *	{"name":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},...}
 *
 * The scanner knows just this shape, so nothing nests deeper than it and no
 * tree is built.  Numbers are exact 64-bit integers.
 */
#include "formats/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/text.h"
#include "formats/json_string.h"

/* More dimensions than any tensor has, few enough to bound the work. */
enum {
	RANK_LIMIT = 4096,
	/* Of headers that were deflated. */
	INFLATED_FREE = 4 << 20,
	INFLATED_FREE_NBYTES = 1 << 20,
	INFLATED_PER_BYTE = 8
};

struct scan {
	const char *text;
	size_t len, pos;
	struct arena *arena;
	struct buffer string;	/* the last string, unescaped */
	struct error *err;
};

struct numbers {
	uint64_t *values;
	size_t count, capacity;
};

static bool fault(struct scan *s, size_t pos, const char *reason)
{
	return error_set(s->err, ERROR_CORRUPT, SAFETENSORS_LENGTH_SIZE + pos,
			 "header: %s", reason);
}

/* The same for what the reference reader lets through. */
static bool fault_strict(struct scan *s, size_t pos, const char *reason)
{
	return error_set(s->err, ERROR_UNSAFE, SAFETENSORS_LENGTH_SIZE + pos,
			 "header: %s", reason);
}

/* The next byte that is not white space, or -1; it is not consumed. */
static int peek(struct scan *s)
{
	while (s->pos < s->len &&
	       (s->text[s->pos] == ' ' || s->text[s->pos] == '\t' ||
		s->text[s->pos] == '\r' || s->text[s->pos] == '\n'))
		s->pos++;
	return s->pos < s->len ? (unsigned char)s->text[s->pos] : -1;
}

static bool expect(struct scan *s, char wanted)
{
	if (peek(s) == wanted) {
		s->pos++;
		return true;
	}
	if (s->pos >= s->len)
		return error_set(s->err, ERROR_TRUNCATED,
				 SAFETENSORS_LENGTH_SIZE + s->pos,
				 "header: ends where '%c' should stand",
				 wanted);
	return error_set(s->err, ERROR_CORRUPT,
			 SAFETENSORS_LENGTH_SIZE + s->pos,
			 "header: byte 0x%02x where '%c' should stand",
			 (unsigned char)s->text[s->pos], wanted);
}

/* The same; only the reference reader takes 'other' in its place. */
static bool expect_not(struct scan *s, char wanted, char other)
{
	int next = peek(s);

	if (expect(s, wanted))
		return true;
	if (next == other)
		s->err->kind = ERROR_UNSAFE;
	return false;
}

/* After a value: true if another follows, with *more saying so. */
static bool next_or_end(struct scan *s, char end, bool *more)
{
	*more = peek(s) == ',';
	if (!*more)
		return expect(s, end);
	s->pos++;
	return true;
}

/* The string that starts here, into s->string. */
static bool string(struct scan *s)
{
	const char *reason;

	s->string.len = 0;
	if (!expect(s, '"'))
		return false;
	return json_string_read(&s->string, s->text, s->len, &s->pos, &reason,
				s->err) ||
	       (reason && fault(s, s->pos, reason));
}

static bool string_is(const struct scan *s, const char *text)
{
	return s->string.len == strlen(text) &&
	       (s->string.len == 0 ||
		memcmp(s->string.data, text, s->string.len) == 0);
}

/* A bare decimal integer below 2^64: no sign, point, exponent or zero first. */
static bool number(struct scan *s, uint64_t *value)
{
	size_t start;
	uint64_t v = 0;

	peek(s);
	start = s->pos;
	while (s->pos < s->len && s->text[s->pos] >= '0' &&
	       s->text[s->pos] <= '9') {
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(
			v, (uint64_t)(s->text[s->pos] - '0'), &v))
			return fault(s, start, "a number above 64 bits");
		s->pos++;
	}
	if (s->pos == start)
		return fault(s, start, "a number of bare digits is needed");
	if (s->pos - start > 1 && s->text[start] == '0')
		return fault(s, start, "a number starts with 0");
	if (s->pos < s->len && strchr(".eE", s->text[s->pos]) &&
	    s->text[s->pos] != '\0')
		return fault(s, start, "a number is not an integer");
	*value = v;
	return true;
}

static bool number_list(struct scan *s, struct numbers *list)
{
	bool more = true;

	list->count = 0;
	if (!expect(s, '['))
		return false;
	if (peek(s) == ']') {
		s->pos++;
		return true;
	}
	while (more) {
		void *values = list->values;

		if (list->count >= RANK_LIMIT)
			return fault_strict(s, s->pos,
					    "over 4096 sizes in a list");
		if (!memory_grow(&values, &list->capacity, list->count + 1,
				 sizeof(uint64_t), s->err))
			return false;
		list->values = values;
		if (!number(s, &list->values[list->count++]) ||
		    !next_or_end(s, ']', &more))
			return false;
	}
	return true;
}

enum field { FIELD_DTYPE, FIELD_SHAPE, FIELD_OFFSETS, FIELD_COUNT };

static const char *const field_names[FIELD_COUNT] = {
	"dtype", "shape", "data_offsets"
};

static bool dtype_field(struct scan *s, struct tensor *t)
{
	char name[40];

	if (!string(s))
		return false;
	if (dtype_by_name(s->string.data, s->string.len, &t->dtype))
		return true;
	text_escape(name, sizeof(name), s->string.data, s->string.len);
	return tensor_error(t, s->err, ERROR_CORRUPT, "unknown dtype \"%s\"",
			    name);
}

static bool shape_field(struct scan *s, struct tensor *t, struct numbers *list)
{
	uint64_t *shape;

	if (!number_list(s, list))
		return false;
	shape = arena_array(s->arena, list->count, sizeof(*shape), s->err);
	if (!shape)
		return false;
	if (list->count > 0)
		memcpy(shape, list->values, list->count * sizeof(*shape));
	t->shape = shape;
	t->rank = list->count;
	return true;
}

static bool offsets_field(struct scan *s, struct tensor *t,
			  struct numbers *list)
{
	if (!number_list(s, list))
		return false;
	if (list->count != 2)
		return tensor_error(t, s->err, ERROR_CORRUPT,
				    "data_offsets has %zu numbers, not 2",
				    list->count);
	t->start = list->values[0];
	t->nbytes = list->values[1];	/* the end, until check_size() */
	return true;
}

/*
 * Does the shape need just the bytes that data_offsets gives?  Asked when all
 * names are known to stand once: the reference reader never asks it of a tensor
 * whose name comes again.
 */
static bool check_size(struct tensor *t, struct error *err)
{
	unsigned bits = dtype_info(t->dtype)->bits;
	uint64_t n = 1, total, end = t->nbytes;

	if (end < t->start)
		return tensor_error(t, err, ERROR_CORRUPT,
				    "data_offsets [%" PRIu64 ",%" PRIu64
				    ") end before they begin", t->start, end);
	t->nbytes = end - t->start;

	for (size_t i = 0; i < t->rank; i++)
		if (__builtin_mul_overflow(n, t->shape[i], &n))
			return tensor_error(t, err, ERROR_CORRUPT,
					    "the product of its sizes "
					    "overflows 64 bits");
	if (__builtin_mul_overflow(n, bits, &total))
		return tensor_error(t, err, ERROR_CORRUPT,
				    "%" PRIu64 " elements of %u bits "
				    "overflow 64 bits", n, bits);
	if (total % 8 != 0)
		return tensor_error(t, err, ERROR_CORRUPT,
				    "%" PRIu64 " elements of %u bits do not "
				    "end at a whole byte", n, bits);
	if (total / 8 != t->nbytes)
		return tensor_error(t, err, ERROR_CORRUPT,
				    "its shape and dtype need %" PRIu64
				    " bytes, data_offsets give %" PRIu64,
				    total / 8, t->nbytes);
	t->nelements = n;
	return true;
}

static bool tensor_field(struct scan *s, struct tensor *t, bool *seen,
			 struct numbers *list)
{
	char name[40];
	size_t i = 0;

	if (!string(s))
		return false;
	while (i < FIELD_COUNT && !string_is(s, field_names[i]))
		i++;
	if (i == FIELD_COUNT) {
		text_escape(name, sizeof(name), s->string.data, s->string.len);
		return tensor_error(t, s->err, ERROR_UNSAFE,
				    "unknown field \"%s\"", name);
	}
	if (seen[i])
		return tensor_error(t, s->err, ERROR_CORRUPT,
				    "field \"%s\" stands twice",
				    field_names[i]);
	seen[i] = true;
	if (!expect(s, ':'))
		return false;
	if (i == FIELD_DTYPE)
		return dtype_field(s, t);
	if (i == FIELD_SHAPE)
		return shape_field(s, t, list);
	return offsets_field(s, t, list);
}

static bool tensor_object(struct scan *s, struct tensor *t,
			  struct numbers *list)
{
	bool seen[FIELD_COUNT] = { false };
	bool more = true;

	if (!expect_not(s, '{', '['))
		return false;
	if (peek(s) == '}') {
		s->pos++;
		more = false;
	}
	while (more)
		if (!tensor_field(s, t, seen, list) ||
		    !next_or_end(s, '}', &more))
			return false;
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (!seen[i])
			return tensor_error(t, s->err, ERROR_CORRUPT,
					    "field \"%s\" is missing",
					    field_names[i]);
	return true;
}

/* An object of strings; what they say is not kept. */
static bool metadata_object(struct scan *s, size_t *count)
{
	bool more = true;

	if (!expect_not(s, '{', 'n'))
		return false;
	if (peek(s) == '}') {
		s->pos++;
		return true;
	}
	while (more) {
		if (!string(s) || !expect(s, ':') || !string(s) ||
		    !next_or_end(s, '}', &more))
			return false;
		(*count)++;
	}
	return true;
}

static bool members(struct scan *s, struct safetensors_header *header,
		    struct numbers *list)
{
	struct state_dict *sd = &header->tensors;
	size_t capacity = 0;
	bool more = true, metadata = false;

	if (!expect(s, '{'))
		return false;
	if (peek(s) == '}') {
		s->pos++;
		return true;
	}
	while (more) {
		void *grown = sd->tensors;
		struct tensor *t;

		if (!string(s) || !expect(s, ':'))
			return false;
		if (string_is(s, "__metadata__")) {
			if (metadata)
				return fault(s, s->pos,
					     "\"__metadata__\" stands twice");
			metadata = true;
			if (!metadata_object(s, &header->metadata_count) ||
			    !next_or_end(s, '}', &more))
				return false;
			continue;
		}
		if (!memory_grow(&grown, &capacity, sd->count + 1,
				 sizeof(*t), s->err))
			return false;
		sd->tensors = grown;
		t = &sd->tensors[sd->count];
		t->key = arena_copy(s->arena, s->string.data, s->string.len,
				    s->err);
		t->key_len = s->string.len;
		if (!t->key || !tensor_object(s, t, list) ||
		    !next_or_end(s, '}', &more))
			return false;
		sd->count++;
	}
	return true;
}

static int by_offset(const void *a, const void *b)
{
	const struct tensor *x = *(const struct tensor *const *)a;
	const struct tensor *y = *(const struct tensor *const *)b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->nbytes < y->nbytes ? -1 : x->nbytes > y->nbytes;
}

const struct tensor **
safetensors_by_offset(const struct safetensors_header *header,
		      struct error *err)
{
	return state_dict_sorted(&header->tensors, by_offset, err);
}

/* Names first: of two tensors of one name no other fault is told. */
static bool check_tensors(struct state_dict *sd, struct error *err)
{
	if (!state_dict_check_keys(sd, err)) {
		if (err->kind == ERROR_CORRUPT)
			err->kind = ERROR_UNSAFE;
		return false;
	}
	for (size_t i = 0; i < sd->count; i++)
		if (!check_size(&sd->tensors[i], err))
			return false;
	return true;
}

/* In order of offset, each tensor begins where the one before ends. */
static bool check_coverage(const struct safetensors_header *header,
			   struct error *err)
{
	const struct state_dict *sd = &header->tensors;
	const struct tensor **sorted = safetensors_by_offset(header, err);
	uint64_t data_nbytes = header->data_nbytes, end = 0;
	bool ok = false;

	if (!sorted)
		return false;
	for (size_t i = 0; i < sd->count; i++) {
		const struct tensor *t = sorted[i];

		if (t->start != end) {
			tensor_error(t, err, ERROR_CORRUPT,
				     "data_offsets [%" PRIu64 ",%" PRIu64
				     ") %s %" PRIu64, t->start,
				     t->start + t->nbytes,
				     t->start > end ? "leave a gap after" :
				     "overlap what ends at", end);
			goto done;
		}
		end = t->start + t->nbytes;
	}
	if (end != data_nbytes) {
		error_set(err, end > data_nbytes ? ERROR_TRUNCATED :
			  ERROR_CORRUPT, ERROR_NO_OFFSET,
			  "the tensors cover %" PRIu64 " bytes, %" PRIu64
			  " follow the header", end, data_nbytes);
		goto done;
	}
	ok = true;
done:
	free(sorted);
	return ok;
}

/* The description of the format allows only blanks here; JSON would more. */
static bool check_padding(struct scan *s)
{
	static const char reason[] = "bytes other than blanks behind the "
				     "object";

	for (; s->pos < s->len; s->pos++) {
		char c = s->text[s->pos];

		if (c == '\t' || c == '\r' || c == '\n')
			return fault_strict(s, s->pos, reason);
		if (c != ' ')
			return fault(s, s->pos, reason);
	}
	return true;
}

bool safetensors_read_length(const uint8_t bytes[SAFETENSORS_LENGTH_SIZE],
			     uint64_t file_nbytes, size_t *len,
			     struct error *err)
{
	struct cursor c = cursor_over(bytes, SAFETENSORS_LENGTH_SIZE);
	uint64_t n = cursor_u64(&c);

	if (file_nbytes < SAFETENSORS_LENGTH_SIZE)
		return error_set(err, ERROR_TRUNCATED, 0,
				 "a safetensors file needs 8 bytes, this has "
				 "%" PRIu64, file_nbytes);
	if (n > SAFETENSORS_HEADER_LIMIT)
		return error_set(err, ERROR_LIMIT, 0,
				 "header of %" PRIu64 " bytes, over the limit "
				 "of %u", n, SAFETENSORS_HEADER_LIMIT);
	if (n > file_nbytes - SAFETENSORS_LENGTH_SIZE)
		return error_set(err, ERROR_TRUNCATED, 0,
				 "header of %" PRIu64 " bytes, only %" PRIu64
				 " follow", n,
				 file_nbytes - SAFETENSORS_LENGTH_SIZE);
	if (n < 2)
		return error_set(err, ERROR_CORRUPT, 0,
				 "header of %" PRIu64 " bytes, {} needs 2", n);
	*len = (size_t)n;
	return true;
}

bool safetensors_read_header(struct safetensors_header *header,
			     const char *text, size_t len,
			     uint64_t data_nbytes, struct error *err)
{
	static const char first_byte[] = "the first byte is not '{'";
	struct scan s = { .text = text, .len = len, .err = err };
	struct numbers list = { 0 };
	size_t valid = text_utf8_span(text, len);
	bool ok = false;

	*header = (struct safetensors_header){ .data_nbytes = data_nbytes };
	s.arena = &header->tensors.arena;
	if (valid < len) {
		fault(&s, valid, "not UTF-8");
		goto done;
	}
	if (len == 0 || text[0] != '{') {
		if (peek(&s) == '{')
			fault_strict(&s, 0, first_byte);
		else
			fault(&s, 0, first_byte);
		goto done;
	}
	if (!members(&s, header, &list) || !check_padding(&s))
		goto done;
	ok = check_tensors(&header->tensors, err) &&
	     check_coverage(header, err);
done:
	buffer_free(&s.string);
	free(list.values);
	if (!ok)
		safetensors_header_free(header);
	return ok;
}

void safetensors_header_free(struct safetensors_header *header)
{
	state_dict_free(&header->tensors);
	*header = (struct safetensors_header){ 0 };
}

bool safetensors_check_inflated(size_t len, uint64_t stored_nbytes,
				struct error *err)
{
	uint64_t limit = INFLATED_FREE;

	if (stored_nbytes > SAFETENSORS_HEADER_LIMIT)
		return true;
	if (stored_nbytes > INFLATED_FREE_NBYTES)
		limit += (stored_nbytes - INFLATED_FREE_NBYTES) *
			 INFLATED_PER_BYTE;
	if (len <= limit)
		return true;
	return error_set(err, ERROR_UNSAFE, 0, "header of %zu bytes, over the "
			 "limit of %" PRIu64 " for a file that takes %" PRIu64
			 " in its archive", len, limit, stored_nbytes);
}
