/*
 * policy_spec_check.c - judges many policy specs in one process
 *
 * stdin: for each text its length, 4 bytes little-endian, and its bytes.
 * stdout: for each text a line, "ok" and a JSON array of class_path, data_path,
 * setup_script and architecture_spec, null where there is none, or
 * "err REASON".
 */
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/bundle.h"
#include "formats/json.h"
#include "tests/drivers/texts.h"

static void put(struct json_writer *w, const char *text)
{
	if (text)
		json_put_string(w, NULL, text);
	else
		json_put_null(w, NULL);
}

static void judge(const char *text, size_t len)
{
	struct policy_spec spec;
	struct error err = { 0 };
	struct buffer out = { 0 };
	struct json_writer w = { .out = &out, .err = &err };
	char line[4096];

	if (!bundle_check_spec(&spec, text, len, &err)) {
		error_format(&err, line, sizeof(line));
		printf("err %s\n", line);
		return;
	}
	json_open(&w, NULL, '[');
	put(&w, spec.class_path);
	put(&w, spec.data_path);
	put(&w, spec.setup_script);
	put(&w, spec.architecture_spec);
	json_close(&w, ']');
	printf("ok %.*s\n", (int)out.len, out.data);
	buffer_free(&out);
	policy_spec_free(&spec);
}

int main(void)
{
	return texts_each(stdin, judge) ? EXIT_SUCCESS : EXIT_FAILURE;
}
