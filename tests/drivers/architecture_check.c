/*
 * architecture_check.c - judges many architecture texts in one process
 *
 * stdin: for each text its length, 4 bytes little-endian, and its bytes.
 * stdout: for each text a line, "ok CLASS KEYWORDS..." with the name and the
 * span of each value, "name=begin:end" in bytes of the text, or "err REASON".
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "formats/architecture.h"
#include "tests/drivers/texts.h"

static void judge(const char *text, size_t len)
{
	struct architecture a;
	struct error err = { 0 };
	char line[4096];

	if (!architecture_parse(&a, text, len, &err)) {
		error_format(&err, line, sizeof(line));
		printf("err %s\n", line);
		return;
	}
	printf("ok %.*s", (int)a.class_name_len, a.class_name);
	for (size_t i = 0; i < a.count; i++) {
		const struct architecture_keyword *k = &a.keywords[i];
		size_t begin = (size_t)(k->value - text);

		printf(" %.*s=%zu:%zu", (int)k->name_len, k->name, begin,
		       begin + k->value_len);
	}
	printf("\n");
	architecture_free(&a);
}

int main(void)
{
	return texts_each(stdin, judge) ? EXIT_SUCCESS : EXIT_FAILURE;
}
