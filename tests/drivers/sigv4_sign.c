/*
 * sigv4_sign.c - signs many requests in one process
 *
 * stdin: texts (see texts.h), each a JSON object with the strings method, host,
 * path, query, payload, region, service, access_key, secret_key, a token or
 * null, headers, an array of strings, and time, in seconds.
 * stdout: for each a line, "ok" and a JSON array of the lines that
 * sigv4_sign() appends, or "err REASON".
 */
#include <stdlib.h>
#include <string.h>

#include "formats/json.h"
#include "remote/sigv4.h"
#include "tests/drivers/texts.h"

enum { HEADERS_MOST = 16 };

struct row {
	struct sigv4_request request;
	struct sigv4_keys keys;
	const char *headers[HEADERS_MOST];
	uint64_t time;
};

static bool read_headers(struct row *row, const struct json_value *root,
			 struct error *err)
{
	const struct json_value *v;
	size_t n = 0;
	bool ok = json_get_array(root, "headers", &v, err);

	for (v = ok ? json_first(v) : NULL; ok && v && n < HEADERS_MOST;
	     v = json_next(v))
		ok = json_to_string(v, "header", &row->headers[n++], err);
	row->request.headers = row->headers;
	row->request.header_count = n;
	return ok;
}

static bool read_row(struct row *row, const struct json_value *root,
		     struct error *err)
{
	const struct {
		const char *key, **value;
	} fields[] = {
		{ "method", &row->request.method },
		{ "host", &row->request.host },
		{ "path", &row->request.path },
		{ "query", &row->request.query },
		{ "payload", &row->request.payload_sha256 },
		{ "region", &row->request.region },
		{ "service", &row->request.service },
		{ "access_key", &row->keys.access_key },
		{ "secret_key", &row->keys.secret_key },
	};
	const struct json_value *token = json_find(root, "token");
	bool ok = json_get_u64(root, "time", &row->time, err);

	for (size_t i = 0; ok && i < sizeof(fields) / sizeof(*fields); i++)
		ok = json_get_string(root, fields[i].key, fields[i].value,
				     err);
	if (ok && token && json_type(token) == JSON_STRING)
		ok = json_to_string(token, "token", &row->keys.token, err);
	return ok && read_headers(row, root, err);
}

static void print_lines(const struct buffer *lines, struct error *err)
{
	struct buffer out = { 0 };
	struct json_writer w = { .out = &out, .err = err };

	json_open(&w, NULL, '[');
	for (size_t i = 0; i < lines->len; i += strlen(lines->data + i) + 1)
		json_put_string(&w, NULL, lines->data + i);
	json_close(&w, ']');
	printf("ok %.*s\n", (int)out.len, out.data);
	buffer_free(&out);
}

static void judge(const char *text, size_t len)
{
	struct row row = { 0 };
	struct json_document doc;
	struct error err = { 0 };
	struct buffer lines = { 0 };

	if (json_parse(&doc, text, len, &err) &&
	    read_row(&row, doc.root, &err) &&
	    sigv4_sign(&lines, &row.request, &row.keys, (time_t)row.time,
		       &err))
		print_lines(&lines, &err);
	else
		printf("err %s\n", err.reason);
	buffer_free(&lines);
	json_free(&doc);
}

int main(void)
{
	return texts_each(stdin, judge) ? EXIT_SUCCESS : EXIT_FAILURE;
}
