/*
 * fuzz_safetensors.c - read a safetensors header, and lay its tensors out anew
 *
 * The input is a file.  It is also taken as a header alone, in front of which
 * stands not its length but that of the data, so that tensors may be large.
 * Demanded are: tensors that cover the data, each byte once, and a layout that
 * reads back as the same tensors and is laid out the same again.
 */
#include "base/cursor.h"
#include "formats/bundle.h"
#include "formats/safetensors.h"
#include "tests/fuzz/fuzz.h"

/* Keys are looked for in the other header one by one. */
enum { COMPARED_LIMIT = 100 };

static const struct tensor *find(const struct state_dict *sd,
				 const struct tensor *wanted)
{
	for (size_t i = 0; i < sd->count; i++)
		if (tensor_compare_keys(&sd->tensors[i], wanted) == 0)
			return &sd->tensors[i];
	return NULL;
}

static void require_same(const struct tensor *a, const struct tensor *b)
{
	REQUIRE(b != NULL);
	REQUIRE(a->dtype == b->dtype && a->rank == b->rank);
	REQUIRE(a->nbytes == b->nbytes && a->nelements == b->nelements);
	for (size_t i = 0; i < a->rank; i++)
		REQUIRE(a->shape[i] == b->shape[i]);
}

static void check_tensors(const struct safetensors_header *header)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < header->tensors.count; i++) {
		const struct tensor *t = &header->tensors.tensors[i];

		REQUIRE(text_is_utf8(t->key, t->key_len));
		REQUIRE(t->key[t->key_len] == '\0');
		REQUIRE(t->dtype < DTYPE_SAFETENSORS_COUNT);
		REQUIRE(!t->stride && t->storage == 0);
		REQUIRE(t->start <= header->data_nbytes);
		REQUIRE(t->nbytes <= header->data_nbytes - t->start);
		REQUIRE(!__builtin_add_overflow(sum, t->nbytes, &sum));
	}
	REQUIRE(sum == header->data_nbytes);
}

/* The widest dtypes first, then by key, without holes. */
static void check_order(const struct state_dict *sd)
{
	uint64_t end = 0;

	for (size_t i = 0; i < sd->count; i++) {
		const struct tensor *t = &sd->tensors[i];

		REQUIRE(t->start == end);
		end += t->nbytes;
		REQUIRE(i == 0 || t->dtype < t[-1].dtype ||
			(t->dtype == t[-1].dtype &&
			 tensor_compare_keys(&t[-1], t) < 0));
	}
}

/* Read a layout's header with what a validator would say of it. */
static void read_layout(struct safetensors_header *header,
			const struct safetensors_layout *layout)
{
	const uint8_t *bytes = (const uint8_t *)layout->header.data;
	struct error err = { 0 };
	size_t len;

	REQUIRE(layout->header.len % 8 == 0);
	REQUIRE(safetensors_read_length(bytes, layout->file_nbytes, &len,
					&err));
	REQUIRE(len == layout->header.len - SAFETENSORS_LENGTH_SIZE);
	REQUIRE(safetensors_read_header(
		header, layout->header.data + SAFETENSORS_LENGTH_SIZE, len,
		layout->file_nbytes - layout->header.len, &err));
}

static void check_layout(const struct safetensors_header *header)
{
	struct safetensors_layout layout, again;
	struct safetensors_header read;
	struct error err = { 0 };

	if (!safetensors_lay_out(&layout, &header->tensors, &err)) {
		/* One tensor can have so many bits, but not all together. */
		REQUIRE(err.kind == ERROR_LIMIT);
		REQUIRE(header->data_nbytes > UINT64_MAX / 8);
		REQUIRE(!layout.header.data && !layout.order && !layout.begin);
		return;
	}
	read_layout(&read, &layout);
	check_tensors(&read);
	check_order(&read.tensors);
	REQUIRE(read.tensors.count == header->tensors.count);
	REQUIRE(read.metadata_count == 0);
	for (size_t i = 0; i < read.tensors.count && i < COMPARED_LIMIT; i++)
		require_same(&read.tensors.tensors[i],
			     find(&header->tensors, &read.tensors.tensors[i]));
	REQUIRE(safetensors_lay_out(&again, &read.tensors, &err));
	REQUIRE(again.header.len == layout.header.len);
	REQUIRE(memcmp(again.header.data, layout.header.data,
		       layout.header.len) == 0);
	safetensors_layout_free(&again);
	safetensors_header_free(&read);
	safetensors_layout_free(&layout);
}

static void check_empty(const struct safetensors_header *header)
{
	REQUIRE(!header->tensors.tensors && header->tensors.count == 0);
	REQUIRE(!header->tensors.arena.blocks);
	REQUIRE(header->data_nbytes == 0 && header->metadata_count == 0);
}

static void check_header(const char *text, size_t len, uint64_t data_nbytes)
{
	struct safetensors_header header;
	struct error err = { 0 };

	if (safetensors_read_header(&header, text, len, data_nbytes, &err)) {
		REQUIRE(header.data_nbytes == data_nbytes);
		check_tensors(&header);
		check_layout(&header);
		safetensors_header_free(&header);
	} else {
		fuzz_require_fault(&err);
		REQUIRE(err.offset == ERROR_NO_OFFSET ||
			(err.offset >= SAFETENSORS_LENGTH_SIZE &&
			 err.offset - SAFETENSORS_LENGTH_SIZE <= len));
	}
	check_empty(&header);
}

/* Length, header, data: if one of them cannot be read, that is the fault. */
static void check_flaky(const uint8_t *data, size_t len, unsigned reads)
{
	for (unsigned n = 1; n <= reads; n++) {
		struct fuzz_flaky flaky = { data, len, 0, n };
		struct reader r = fuzz_flaky_reader(&flaky);
		struct safetensors_header header;
		struct error err = { 0 };

		REQUIRE(!bundle_check_weights_at(&header, &r, &err));
		REQUIRE(err.kind == ERROR_IO);
		check_empty(&header);
	}
}

static void check_file(const uint8_t *data, size_t len)
{
	struct fuzz_flaky sound = { .data = data, .len = len };
	struct reader r = fuzz_flaky_reader(&sound);
	struct safetensors_header header;
	struct error err = { 0 };

	if (bundle_check_weights_at(&header, &r, &err)) {
		REQUIRE(header.data_nbytes < len);
		check_tensors(&header);
		safetensors_header_free(&header);
		check_flaky(data, len, sound.reads);
	} else {
		fuzz_require_fault(&err);
	}
	check_empty(&header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct cursor c = cursor_over(data, len);
	uint64_t data_nbytes = cursor_u64(&c);
	struct error err = { 0 };
	size_t n;

	check_file(data, len);
	if (c.bad)
		return 0;
	if (safetensors_read_length(data, len, &n, &err))
		REQUIRE(n >= 2 && n <= len - SAFETENSORS_LENGTH_SIZE);
	else
		fuzz_require_fault(&err);
	check_header((const char *)data + SAFETENSORS_LENGTH_SIZE,
		     len - SAFETENSORS_LENGTH_SIZE, data_nbytes);
	return 0;
}
