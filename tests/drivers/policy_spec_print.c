/*
 * policy_spec_print.c - the policy spec of many architecture texts
 *
 * stdin: for each text its length, 4 bytes little-endian, and its bytes.
 * stdout: for each text a line, "ok" and the spec, or "err REASON".
 */
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/policy_spec.h"
#include "tests/drivers/texts.h"

static void judge(const char *text, size_t len)
{
	struct error err = { 0 };
	struct buffer out = { 0 };
	char line[4096];

	if (policy_spec_print(&out, text, len, &err)) {
		printf("ok %.*s\n", (int)out.len, out.data);
	} else {
		error_format(&err, line, sizeof(line));
		printf("err %s\n", line);
	}
	buffer_free(&out);
}

int main(void)
{
	return texts_each(stdin, judge) ? EXIT_SUCCESS : EXIT_FAILURE;
}
