/*
 * safetensors_print.c - the headers we would write for many state dicts
 *
 * stdin: the state dicts (see texts.h), each a row of tensors:
 *
 *	u32  length of the key, and the key
 *	u8   dtype, as number in the order of the format
 *	u8   1 if packed: one torch element is two of the dtype's
 *	u32  rank, then u64 sizes[rank] in torch elements
 *
 * all little-endian, row-major, in a storage that is large enough.  stdout: for
 * each a line, "ok N HEADER" with the header's length and its padded text, or
 * "err KIND REASON".
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "formats/safetensors.h"
#include "tests/drivers/texts.h"

static bool read_tensor(struct cursor *c, struct state_dict *sd,
			struct error *err)
{
	struct tensor *t = &sd->tensors[sd->count++];
	uint64_t *shape;

	t->key_len = cursor_u32(c);
	t->key = (const char *)cursor_take(c, t->key_len);
	t->dtype = (enum dtype)cursor_u8(c);
	t->packed = cursor_u8(c) == 1;
	t->rank = cursor_u32(c);
	shape = arena_array(&sd->arena, t->rank, sizeof(*shape), err);
	if (!shape)
		return false;
	for (size_t i = 0; i < t->rank; i++)
		shape[i] = cursor_u64(c);
	t->shape = shape;
	return !c->bad && tensor_check(t, UINT64_MAX, err);
}

static bool read_state_dict(struct state_dict *sd, const char *text,
			    size_t len, struct error *err)
{
	struct cursor c = cursor_over(text, len);
	size_t capacity = 0;

	while (cursor_left(&c) > 0) {
		void *grown = sd->tensors;

		if (!memory_grow(&grown, &capacity, sd->count + 1,
				 sizeof(*sd->tensors), err))
			return false;
		sd->tensors = grown;
		if (!read_tensor(&c, sd, err))
			return false;
	}
	return true;
}

static void judge(const char *text, size_t len)
{
	struct state_dict sd = { 0 };
	struct safetensors_layout layout = { 0 };
	struct error err = { 0 };
	size_t front = SAFETENSORS_LENGTH_SIZE;
	uint64_t n = 0;
	char line[4096];

	if (!read_state_dict(&sd, text, len, &err) ||
	    !safetensors_lay_out(&layout, &sd, &err)) {
		error_format_reason(&err, line, sizeof(line));
		printf("err %s %s\n", error_kind_name(err.kind), line);
	} else {
		for (size_t i = front; i-- > 0; )
			n = n << 8 | (uint8_t)layout.header.data[i];
		printf("ok %" PRIu64 " ", n);
		fwrite(layout.header.data + front, 1,
		       layout.header.len - front, stdout);
		putchar('\n');
	}
	safetensors_layout_free(&layout);
	state_dict_free(&sd);
}

int main(void)
{
	return texts_each(stdin, judge) ? EXIT_SUCCESS : EXIT_FAILURE;
}
