/*
 * convert_allocation.c - every allocation fails in turn
 *
 * Each row is run with its first allocation failing, then with its second, and
 * so on until none is left to fail.  Until then it must end in ERROR_MEMORY and
 * leave nothing allocated.  The program is linked with --wrap for the functions
 * below; what libraries allocate for themselves does not fail.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/options.h"
#include "convert/compare.h"
#include "convert/gather.h"
#include "convert/unpickle.h"
#include "convert/unpickler/protocol.h"
#include "formats/keys.h"
#include "formats/safetensors.h"
#include "formats/zip.h"
#include "formats/zip_write.h"
#include "tests/unit/check.h"

static struct {
	unsigned made, fail_at;		/* fail_at 0: none fails */
	long live;
} allocations;

static bool fails(void)
{
	return ++allocations.made == allocations.fail_at;
}

static void *counted(void *p)
{
	allocations.live += p != NULL;
	return p;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *p);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *old, size_t size)
{
	if (fails())
		return NULL;
	return old ? __real_realloc(old, size) : counted(__real_malloc(size));
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : counted(__real_strdup(text));
}

void __wrap_free(void *p)
{
	allocations.live -= p != NULL;
	__real_free(p);
}

/* ---- base ---- */

static bool buffers(struct error *err)
{
	struct buffer b = { 0 };
	bool ok = buffer_append(&b, "abc", 3, err) &&
		  buffer_print(&b, err, "%300d", 1) &&
		  buffer_terminate(&b, err);

	buffer_free(&b);
	return ok;
}

static bool arenas(struct error *err)
{
	struct arena a = { 0 };
	bool ok = arena_copy(&a, "abc", 3, err) &&
		  arena_array(&a, 20000, 1, err) &&
		  arena_array(&a, 10000, 1, err) &&
		  arena_array(&a, 10000, 1, err);

	arena_free(&a);
	return ok;
}

static bool options(struct error *err)
{
	static const struct option_spec specs[] = {
		{ "include", 'i', OPTION_LIST, 0, 0, 0, "GLOB", "" },
	};
	static const struct option_table table = { specs, COUNT(specs) };
	char *argv[] = { (char *)"mpt-x", (char *)"-i*.pt", (char *)"tree" };
	struct option_list include = { 0 }, operands = { 0 };
	bool ok = options_parse(&table, &include, &operands, 3, argv, err);

	option_list_free(&include);
	option_list_free(&operands);
	return ok;
}

static bool files(struct error *err)
{
	struct file unnamed = { 0 };
	char *path = file_join("/tmp", "..", err);
	bool ok = path && file_make_folders(path, err) &&
		  file_create_unnamed(&unnamed, "/tmp", err);

	file_discard(&unnamed);
	free(path);
	return ok;
}

static bool named_files(struct error *err)
{
	char name[] = "/tmp/mpt-test-XXXXXX";
	struct file made = { 0 }, opened = { 0 };
	bool ok;

	assert_true(close(mkstemp(name)) == 0 && unlink(name) == 0);
	ok = file_create(&made, name, err) && file_open(&opened, name, err);
	file_discard(&opened);
	file_discard(&made);
	unlink(name);
	return ok;
}

/* ---- formats ---- */

/* Two members, a local zip64 field in the first, and a comment. */
static const char archive[] =
	"PK\3\4\x14\0\0\0\0\0\0\0\0\0\xc2" "A$5\xff\xff\xff\xff\xff\xff\xff"
	"\xff\3\0\x14\0r/a\1\0\x10\0\3\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0abc"
	"PK\3\4\x14\0\0\0\0\0\0\0\0\0\xc2" "A$5\3\0\0\0\3\0\0\0\3\0\0\0r/babc"
	"PK\1\2\x14\3\x14\0\0\0\0\0\0\0\0\0\xc2" "A$5\3\0\0\0\3\0\0\0\3\0\0\0"
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0r/a"
	"PK\1\2\x14\3\x14\0\0\0\0\0\0\0\0\0\xc2" "A$5\3\0\0\0\3\0\0\0\3\0\0\0"
	"\0\0\0\0\0\0\0\0\0\0\x38\0\0\0r/b"
	"PK\5\6\0\0\0\0\2\0\2\0\x62\0\0\0\x5c\0\0\0\1\0x";

static bool archives(struct error *err)
{
	struct reader_bytes bytes = { archive, sizeof(archive) - 1 };
	struct reader r = reader_memory(&bytes);
	struct zip_stream *s = NULL;
	struct zip zip = { 0 };
	char got[3];
	bool ok = zip_read_directory(&zip, &r, err) &&
		  (s = zip_stream_open(&zip, &zip.members[1], &r, err)) &&
		  zip_stream_read(s, got, 3, err) &&
		  zip_stream_finish(s, err);

	zip_stream_close(s);
	zip_free(&zip);
	return ok;
}

static bool headers(struct error *err)
{
	static const char text[] =
		"{\"__metadata__\":{\"a\":\"b\"},"
		"\"w\\u0041\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1,"
		"1,1,1,1,1,1,1,2],\"data_offsets\":[0,2]},"
		"\"x\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[2,3]}}";
	struct safetensors_header header = { 0 };
	bool ok = safetensors_read_header(&header, text, sizeof(text) - 1, 3,
					  err);

	safetensors_header_free(&header);
	return ok;
}

static bool layouts(struct error *err)
{
	struct tensor tensors[] = {
		{ .key = "module._orig_mod.a", .key_len = 18, .nbytes = 1 },
		{ .key = "module.b", .key_len = 8, .nbytes = 1 },
	};
	struct state_dict sd = { .tensors = tensors, .count = 2 };
	struct safetensors_layout layout = { 0 };
	struct keys_report report;
	bool ok = keys_normalise(&sd, &report, err) &&
		  safetensors_lay_out(&layout, &sd, err);

	safetensors_layout_free(&layout);
	arena_free(&sd.arena);
	return ok;
}

/* ---- convert ---- */

static bool answers(struct error *err)
{
	static const char answer[] = {
		UNPICKLER_INDEX, 0, 0, 0, 0, 1, 1, 0, 0, 0, 'C',
		1, 0, 0, 0,
		1, 0, 0, 0, '0', 11, 0, 0, 0,
		'B', 'y', 't', 'e', 'S', 't', 'o', 'r', 'a', 'g', 'e',
		9, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0,
		1, 0, 0, 0,
		1, 0, 0, 0, 'w', 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0,
		9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,
		1, 0, 0, 0, 1, 0, 0, 0, 'n', 0, 0, 0, 0,
	};
	struct pickle_index index;
	bool ok = pickle_index_parse(&index, answer, sizeof(answer), err);

	pickle_index_free(&index);
	return ok;
}

static bool refusals(struct error *err)
{
	static const char answer[] = {
		UNPICKLER_NOT_A_POLICY, 1, 0, 0, 0, 'x', 0, 0, 0, 0,
	};
	struct pickle_index index;
	bool ok = pickle_index_parse(&index, answer, sizeof(answer), err);

	pickle_index_free(&index);
	return ok;
}

static bool take_nothing(void *to, uint64_t offset, const void *buf,
			 size_t len, struct error *err)
{
	(void)to;
	(void)offset;
	(void)buf;
	(void)len;
	(void)err;
	return true;
}

static bool writers(struct error *err)
{
	struct zip_writer *w = zip_write_new(err);
	uint64_t nbytes;
	bool ok = false;

	if (w) {
		zip_write_begin(w, (struct writer){ take_nothing, NULL });
		ok = zip_write_member(w, "a", 3, err) &&
		     zip_write_data(w, "abc", 3, err) &&
		     zip_write_end_member(w, err) &&
		     zip_write_finish(w, &nbytes, err);
	}
	zip_write_free(w);
	return ok;
}

static bool gathers(struct error *err)
{
	static const char data[8] = "abcdefg";
	static uint8_t buffer[16];
	uint64_t shape[] = { 2, 2 }, stride[] = { 1, 2 };
	struct tensor t = { .key = "w", .key_len = 1, .dtype = DTYPE_U8,
			    .rank = 2, .shape = shape, .stride = stride };
	struct reader_bytes bytes = { data, sizeof(data) };
	struct reader storage = reader_memory(&bytes);
	struct file unused = { .fd = -1 };
	struct sink sink = sink_over(file_writer(&unused), buffer,
				     sizeof(buffer));
	struct gather g = { 0 };
	bool ok = tensor_check(&t, 8, err) &&
		  gather_tensor(&g, &t, &storage, &sink, err);

	gather_free(&g);
	return ok;
}

/* Short of memory, nothing is known to differ. */
static bool compares(struct error *err)
{
	uint64_t shape[] = { 1 };
	struct tensor tensors[] = {
		{ .key = "a", .key_len = 1, .dtype = DTYPE_U8, .rank = 1,
		  .shape = shape, .nelements = 1, .nbytes = 1 },
		{ .key = "b", .key_len = 1, .dtype = DTYPE_U8, .rank = 1,
		  .shape = shape, .nelements = 1, .nbytes = 1 },
	};
	struct state_dict a = { .tensors = &tensors[0], .count = 1 };
	struct state_dict b = { .tensors = &tensors[1], .count = 1 };
	struct safetensors_layout ours = { 0 }, theirs = { 0 };
	struct error difference = { 0 };
	struct compare compare = { 0 };
	struct reader_bytes bytes;
	struct there_member there = { 0 };
	bool ok = safetensors_lay_out(&ours, &a, err) &&
		  safetensors_lay_out(&theirs, &b, err) &&
		  buffer_append(&theirs.header, "x", 1, err);

	if (ok) {
		bytes = (struct reader_bytes){ theirs.header.data,
					       theirs.header.len };
		there.reader = reader_memory(&bytes);
		there.nbytes = bytes.len;
		ok = compare_header(&ours, &there, &difference, err) &&
		     compare_begin(&compare, &a, &ours, &there, err);
	}
	compare_free(&compare);
	safetensors_layout_free(&ours);
	safetensors_layout_free(&theirs);
	return ok;
}

static const struct {
	const char *name;
	bool (*run)(struct error *err);
	unsigned least;		/* allocations that must have failed */
} rows[] = {
	{ "buffers", buffers, 3 },
	{ "arenas", arenas, 4 },
	{ "options", options, 3 },
	{ "files", files, 3 },
	{ "named files", named_files, 2 },
	{ "archives", archives, 6 },
	{ "writers of archives", writers, 2 },
	{ "safetensors headers", headers, 6 },
	{ "keys and layouts", layouts, 6 },
	{ "answers", answers, 2 },
	{ "refusals", refusals, 1 },
	{ "gathers", gathers, 3 },
	{ "compares", compares, 14 },
};

static void test_every_allocation_fails(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		bool ok = false;
		unsigned n = 0;

		while (!ok && n < 100) {
			struct error err = { 0 };
			long live = allocations.live;

			allocations.made = 0;
			allocations.fail_at = ++n;
			ok = rows[i].run(&err);
			allocations.fail_at = 0;
			CHECK(rows[i].name, ok || err.kind == ERROR_MEMORY);
			CHECK(rows[i].name, allocations.live == live);
		}
		CHECK(rows[i].name, ok);
		CHECK(rows[i].name, n > rows[i].least);
	}
	check_rows();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_allocation_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
