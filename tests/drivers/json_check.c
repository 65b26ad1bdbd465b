/*
 * json_check.c - judges many JSON texts in one process
 *
 * stdin: for each text its length, 4 bytes little-endian, and its bytes.
 * stdout: for each text a line, "ok" and the value written again
 * (see print_value()), or
 * "err REASON".
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/json.h"
#include "tests/drivers/texts.h"

/* Small integers come as digits, for other numbers stands a word. */
static void print_number(struct json_writer *w, const struct json_value *v)
{
	struct error ignored = { 0 };
	uint64_t number;

	if (json_to_u64(v, "number", &number, &ignored))
		json_put_u64(w, NULL, number);
	else
		json_put_string(w, NULL, "number");
}

static void print_value(struct json_writer *w, const struct json_value *v)
{
	struct error ignored = { 0 };
	const char *text = "";
	bool flag = false, object = json_type(v) == JSON_OBJECT;

	switch (json_type(v)) {
	case JSON_NULL:
		json_put_null(w, NULL);
		break;
	case JSON_BOOL:
		json_to_bool(v, "flag", &flag, &ignored);
		json_put_bool(w, NULL, flag);
		break;
	case JSON_NUMBER:
		print_number(w, v);
		break;
	case JSON_STRING:
		json_to_string(v, "text", &text, &ignored);
		json_put_string(w, NULL, text);
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		/* An object becomes the array of its keys and values. */
		json_open(w, NULL, '[');
		json_put_bool(w, NULL, object);
		for (v = json_first(v); v; v = json_next(v)) {
			if (json_key(v))
				json_put_string(w, NULL, json_key(v));
			print_value(w, v);
		}
		json_close(w, ']');
		break;
	}
}

static void judge(const char *text, size_t len)
{
	struct json_document doc;
	struct error err = { 0 };
	struct buffer out = { 0 };
	struct json_writer w = { .out = &out, .err = &err };
	char line[4096];

	if (!json_parse(&doc, text, len, &err)) {
		error_format(&err, line, sizeof(line));
		printf("err %s\n", line);
		return;
	}
	print_value(&w, doc.root);
	printf("ok %.*s\n", (int)out.len, out.data);
	buffer_free(&out);
	json_free(&doc);
}

int main(void)
{
	return texts_each(stdin, judge) ? EXIT_SUCCESS : EXIT_FAILURE;
}
