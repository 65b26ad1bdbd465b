/* torch.c - loaders over bytes in memory, their helper played by the input */
#include "tests/fuzz/torch.h"

#include "base/cursor.h"
#include "formats/bundle.h"
#include "formats/pickle.h"

enum {
	/* Bytes of weights to write: a stride of 0 repeats one element. */
	WRITTEN_LIMIT = 1 << 20,
	/* Real limits are far above what seeds have. */
	SPILLED_LIMIT = 16 << 10, PICKLE_LIMIT = 16 << 10
};

/* For files without a name. */
static const char folder[] = "/tmp";

/* The input at hand, and the conversation with the helper about it. */
static struct {
	const uint8_t *answer;
	size_t answer_len;
	struct buffer request;
	uint64_t request_nbytes;	/* as announced */
	bool length_sent;		/* of the answer */
	bool silent;			/* nothing may be asked */
} talk;

/* ---- convert/helper.c, played ---- */

bool helper_begin(struct helper *h, uint64_t nbytes, struct error *err)
{
	(void)err;
	REQUIRE(!talk.silent);
	h->pid = 1;
	talk.request.len = 0;
	talk.request_nbytes = nbytes;
	talk.length_sent = false;
	return true;
}

bool helper_send(struct helper *h, const void *data, size_t len,
		 struct error *err)
{
	REQUIRE(h->pid != 0);
	return buffer_append(&talk.request, data, len, err);
}

/* Only what the scan let through may reach a helper. */
static void require_scanned(const uint8_t *pickle, size_t len, size_t expected)
{
	size_t count = 0;

	for (; len > 0; count++) {
		struct pickle_scan scan;
		struct error err = { 0 };

		REQUIRE(pickle_scan(&scan, pickle, len, &err));
		pickle += scan.nbytes;
		len -= (size_t)scan.nbytes;
		pickle_scan_free(&scan);
	}
	REQUIRE(count == expected);
}

/* A request as convert/unpickler/protocol.h has it. */
static void check_request(void)
{
	struct cursor c = cursor_over(talk.request.data, talk.request.len);
	uint64_t nbytes = cursor_u64(&c);
	uint8_t layout = cursor_u8(&c);
	const uint8_t *pickle;
	size_t len;

	cursor_take(&c, cursor_u32(&c));
	len = cursor_left(&c);
	pickle = cursor_take(&c, len);
	REQUIRE(!c.bad && nbytes == talk.request.len - 8);
	REQUIRE(nbytes == talk.request_nbytes);
	require_scanned(pickle, len, layout == UNPICKLER_STREAM ? 2 : 1);
}

/* The length, and then the body. */
bool helper_receive(struct helper *h, void *data, size_t len,
		    struct error *err)
{
	uint8_t *bytes = data;

	(void)err;
	REQUIRE(h->pid != 0);
	if (talk.length_sent) {
		REQUIRE(len == talk.answer_len);
		if (len > 0)
			memcpy(data, talk.answer, len);
		return true;
	}
	check_request();
	REQUIRE(len == 8);
	for (unsigned i = 0; i < 8; i++)
		bytes[i] = (uint8_t)((uint64_t)talk.answer_len >> 8 * i & 0xff);
	talk.length_sent = true;
	return true;
}

void helper_kill(struct helper *h)
{
	h->pid = 0;
}

void helper_stop(struct helper *h)
{
	h->pid = 0;
}

/* ---- one input ---- */

/* The length of the file, at whose end the answer is cut off. */
static size_t split(const uint8_t *data, size_t len)
{
	static const char mark[] = TORCH_ANSWER;
	size_t n = sizeof(mark) - 1;

	talk.answer = data + len;
	talk.answer_len = 0;
	for (size_t at = 0; len >= n && at <= len - n; at++) {
		if (memcmp(data + at, mark, n) != 0)
			continue;
		talk.answer = data + at + n;
		talk.answer_len = len - at - n;
		return at;
	}
	return len;
}

/* Both ends of a storage are there. */
static void check_storage(const struct storage *s)
{
	struct error err = { 0 };
	uint8_t byte;

	REQUIRE(s->name != NULL);
	if (s->bytes.size == 0)
		return;
	REQUIRE(reader_read(&s->bytes, 0, &byte, 1, &err));
	REQUIRE(reader_read(&s->bytes, s->bytes.size - 1, &byte, 1, &err));
}

/* The storages are those of the answer, and the tensors lie in them. */
static void check_weights(const struct checkpoint *c)
{
	struct pickle_index index;
	struct error err = { 0 };

	REQUIRE(pickle_index_parse(&index, talk.answer, talk.answer_len,
				   &err));
	REQUIRE(index.weights.count == c->weights.count);
	for (size_t i = 0; i < index.storage_count; i++) {
		check_storage(&c->storages[i]);
		REQUIRE(c->storages[i].bytes.size == index.storages[i].nbytes);
	}
	for (size_t i = 0; i < c->weights.count; i++) {
		const struct tensor *t = &c->weights.tensors[i];
		uint64_t size;

		REQUIRE(t->storage < index.storage_count);
		size = c->storages[t->storage].bytes.size;
		REQUIRE(t->start <= size);
		REQUIRE(tensor_span(t) <= size - t->start);
	}
	pickle_index_free(&index);
}

static void check_written(const struct file *file)
{
	struct safetensors_header header;
	struct reader r = file_reader(file);
	struct error err = { 0 };

	REQUIRE(bundle_check_weights_at(&header, &r, &err));
	safetensors_header_free(&header);
}

/* Write the weights as mpt-convert does, to a file without a name. */
static void write_weights(struct checkpoint *c, struct scratch *scratch)
{
	struct safetensors_layout layout;
	struct file file = { 0 };
	struct error err = { 0 };
	struct sink sink;

	if (!safetensors_lay_out(&layout, &c->weights, &err)) {
		fuzz_require_fault(&err);
		return;
	}
	if (layout.file_nbytes > WRITTEN_LIMIT)
		goto done;
	REQUIRE(file_create_unnamed(&file, folder, &err));
	sink = sink_over(file_writer(&file), scratch->buffer,
			 SCRATCH_BUFFER_SIZE);
	REQUIRE(sink_write(&sink, layout.header.data, layout.header.len,
			   &err));
	if (c->copy(c, &layout, &sink, scratch, &err)) {
		REQUIRE(sink_flush(&sink, &err));
		file.size = layout.file_nbytes;
		check_written(&file);
	} else {
		fuzz_require_fault(&err);
	}
done:
	file_discard(&file);
	safetensors_layout_free(&layout);
}

static void check_loaded(struct checkpoint *c, struct scratch *scratch)
{
	REQUIRE(c->era != NULL);
	if (c->skip) {
		REQUIRE(c->weights.count == 0);
		return;
	}
	REQUIRE(!c->architecture ||
		strlen(c->architecture) == c->architecture_len);
	check_weights(c);
	write_weights(c, scratch);
}

static bool load_once(torch_loader *load, const struct reader *r,
		      struct scratch *scratch)
{
	struct checkpoint c = { .tensors_limit = SPILLED_LIMIT,
				.pickle_limit = PICKLE_LIMIT };
	struct error err = { 0 };
	bool ok = load(&c, r, scratch, &err);

	if (ok)
		check_loaded(&c, scratch);
	else if (err.kind == ERROR_MEMORY && talk.answer_len > 0 &&
		 talk.answer[0] == UNPICKLER_MEMORY)
		fuzz_require_reason(&err);	/* it lacked it, not we */
	else
		fuzz_require_fault(&err);
	checkpoint_close(&c);
	return ok;
}

void torch_fuzz(const uint8_t *data, size_t len, torch_loader *load)
{
	static struct scratch scratch;	/* of the only thread there is */
	size_t file_len = split(data, len);
	uint8_t *file = fuzz_copy(data, file_len);
	struct reader_bytes bytes = { file, file_len };
	struct reader r = reader_memory(&bytes);
	struct error err = { 0 };

	if (!scratch.buffer)
		REQUIRE(scratch_init(&scratch, folder, NULL, &err));
	recall_free(&scratch.recall);
	scratch.helper.pid = 1;		/* as after another file */
	if (load_once(load, &r, &scratch) && scratch.recall.held[0].pickle) {
		/* The same pickle again: the helper has answered already. */
		talk.silent = true;
		REQUIRE(load_once(load, &r, &scratch));
		talk.silent = false;
	}
	free(file);
}
