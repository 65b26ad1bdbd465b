/*
 * safetensors_check.c - judges many safetensors files in one process
 *
 * stdin: the files (see texts.h).  stdout: for each a line, "ok" and for each
 * tensor, in the order of the header, a blank and
 *
 *	KEY:DTYPE:SIZE,SIZE...:BEGIN:END
 *
 * with the key in hex and the offsets counted from behind the header, or
 * "err KIND REASON".
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "formats/safetensors.h"
#include "tests/drivers/texts.h"

static void print_tensor(const struct tensor *t)
{
	putchar(' ');
	for (size_t i = 0; i < t->key_len; i++)
		printf("%02x", (unsigned char)t->key[i]);
	printf(":%s:", dtype_info(t->dtype)->name);
	for (size_t i = 0; i < t->rank; i++)
		printf("%s%" PRIu64, i ? "," : "", t->shape[i]);
	printf(":%" PRIu64 ":%" PRIu64, t->start, t->start + t->nbytes);
}

/* The header is parsed in a block of its own size: nothing lies behind it. */
static bool read_header(struct safetensors_header *header, const char *file,
			size_t len, struct error *err)
{
	uint8_t head[SAFETENSORS_LENGTH_SIZE] = { 0 };
	size_t n, front = sizeof(head);
	char *text;
	bool ok;

	memcpy(head, file, len < front ? len : front);
	if (!safetensors_read_length(head, len, &n, err))
		return false;
	text = memory_array(n, 1, err);
	if (!text)
		return false;
	memcpy(text, file + front, n);
	ok = safetensors_read_header(header, text, n, len - front - n, err);
	free(text);
	return ok;
}

static void judge(const char *file, size_t len)
{
	struct safetensors_header header;
	struct error err = { 0 };
	char line[4096];

	if (!read_header(&header, file, len, &err)) {
		error_format_reason(&err, line, sizeof(line));
		printf("err %s %s\n", error_kind_name(err.kind), line);
		return;
	}
	printf("ok");
	for (size_t i = 0; i < header.tensors.count; i++)
		print_tensor(&header.tensors.tensors[i]);
	putchar('\n');
	safetensors_header_free(&header);
}

int main(void)
{
	return texts_each(stdin, judge) ? EXIT_SUCCESS : EXIT_FAILURE;
}
