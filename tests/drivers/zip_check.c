/*
 * zip_check.c - reads zip archives, and every byte of their members
 *
 * Archives are the files named as arguments or, without any, the texts on
 * stdin (see texts.h).  stdout: for each archive a line, "ok" and a JSON object
 *
 *	{"crc_absent":false,"members":[[NAME,METHOD,SIZE,ADLER-32],...]}
 *
 * with the members in the order of the directory, or "err KIND REASON".
 */
#include <stdlib.h>
#include <zlib.h>

#include "base/file.h"
#include "formats/json.h"
#include "formats/zip.h"
#include "tests/drivers/texts.h"

enum { CHUNK = 1 << 20 };

static uint8_t chunk[CHUNK];

static bool sum_member(const struct zip *zip, const struct zip_member *m,
		       const struct reader *r, uLong *sum, struct error *err)
{
	struct zip_stream *s = zip_stream_open(zip, m, r, err);
	uint64_t left = m->usize;
	bool ok = s != NULL;

	*sum = adler32_z(0, NULL, 0);
	while (ok && left > 0) {
		size_t n = left < CHUNK ? (size_t)left : CHUNK;

		ok = zip_stream_read(s, chunk, n, err);
		if (ok)
			*sum = adler32_z(*sum, chunk, n);
		left -= n;
	}
	ok = ok && zip_stream_finish(s, err);
	zip_stream_close(s);
	return ok;
}

static bool print_members(struct json_writer *w, const struct zip *zip,
			  const struct reader *r, struct error *err)
{
	json_open(w, NULL, '{');
	json_put_bool(w, "crc_absent", zip->crc_absent);
	json_open(w, "members", '[');
	for (size_t i = 0; i < zip->count; i++) {
		const struct zip_member *m = &zip->members[i];
		const struct zip_member *found = zip_find_member(
			zip, m->name, m->name_len);
		uLong sum = 1;

		if (found != (m->folder ? NULL : m))
			return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
					 "look-up finds another member");
		if (!m->folder && !sum_member(zip, m, r, &sum, err))
			return false;
		json_open(w, NULL, '[');
		json_put_string(w, NULL, m->name);
		json_put_u64(w, NULL, m->method);
		json_put_u64(w, NULL, m->usize);
		json_put_u64(w, NULL, sum);
		json_close(w, ']');
	}
	json_close(w, ']');
	json_close(w, '}');
	return !w->failed;
}

static void judge_reader(const struct reader *r)
{
	struct error err = { 0 };
	struct buffer out = { 0 };
	struct json_writer w = { .out = &out, .err = &err };
	struct zip zip;
	char line[4096];

	if (zip_read_directory(&zip, r, &err) &&
	    print_members(&w, &zip, r, &err)) {
		printf("ok %.*s\n", (int)out.len, out.data);
	} else {
		error_format_reason(&err, line, sizeof(line));
		printf("err %s %s\n", error_kind_name(err.kind), line);
	}
	buffer_free(&out);
	zip_free(&zip);
}

static void judge_text(const char *text, size_t len)
{
	struct reader_bytes bytes = { text, len };
	struct reader r = reader_memory(&bytes);

	judge_reader(&r);
}

static bool judge_file(const char *path)
{
	struct error err = { 0 };
	struct file file;
	struct reader r;

	if (!file_open(&file, path, &err)) {
		error_print(stderr, "zip_check", &err);
		return false;
	}
	r = file_reader(&file);
	judge_reader(&r);
	file_discard(&file);
	return true;
}

int main(int argc, char **argv)
{
	bool ok = true;

	if (argc < 2)
		ok = texts_each(stdin, judge_text);
	for (int i = 1; ok && i < argc; i++)
		ok = judge_file(argv[i]);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
