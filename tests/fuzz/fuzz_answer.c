/*
 * fuzz_answer.c - take a helper's answer apart, and check its tensors
 *
 * Demanded are: what convert/unpickle.h promises of an index, nothing accepted
 * that is a byte longer or shorter, tensors that lie in their storages once
 * checked, and a layout for them that reads back.
 */
#include "convert/unpickle.h"
#include "formats/keys.h"
#include "formats/safetensors.h"
#include "tests/fuzz/fuzz.h"

static bool parse_copy(struct pickle_index *index, const uint8_t *data,
		       size_t len, struct error *err)
{
	uint8_t *copy = fuzz_copy(data, len);
	bool ok = pickle_index_parse(index, copy, len, err);

	if (ok)
		index->answer = copy;
	else
		free(copy);
	return ok;
}

static void check_empty(const struct pickle_index *index)
{
	REQUIRE(!index->weights.tensors && index->weights.count == 0);
	REQUIRE(!index->weights.arena.blocks && !index->storages);
	REQUIRE(index->storage_count == 0 && !index->listed);
	REQUIRE(index->listed_count == 0 && !index->architecture);
	REQUIRE(!index->notes && index->note_count == 0);
	REQUIRE(!index->globals && index->global_count == 0);
	REQUIRE(!index->answer && !index->not_a_policy);
}

static void check_text(const char *text)
{
	REQUIRE(text && text_is_utf8(text, strlen(text)));
}

static void check_storages(const struct pickle_index *index)
{
	for (size_t i = 0; i < index->storage_count; i++) {
		const struct pickle_storage *s = &index->storages[i];

		REQUIRE(s->key[s->key_len] == '\0');
		if (s->bytes)
			free(fuzz_copy(s->bytes, (size_t)s->nbytes));
	}
	for (size_t i = 0; i < index->listed_count; i++) {
		const struct pickle_listed *l = &index->listed[i];

		REQUIRE(l->key[l->key_len] == '\0');
		REQUIRE(l->storage == PICKLE_NO_STORAGE ||
			l->storage < index->storage_count);
	}
}

static void check_texts(const struct pickle_index *index)
{
	if (index->architecture)
		check_text(index->architecture);
	for (size_t i = 0; i < index->note_count; i++)
		check_text(index->notes[i]);
	for (size_t i = 0; i < index->global_count; i++)
		check_text(index->globals[i]);
}

/* A tensor that passes lies in its storage; false if it does not pass. */
static bool check_tensor(const struct pickle_index *index, struct tensor *t)
{
	uint64_t nbytes = index->storages[t->storage].nbytes;
	struct error err = { 0 };

	REQUIRE(t->key[t->key_len] == '\0');
	REQUIRE(text_is_utf8(t->key, t->key_len));
	REQUIRE(t->dtype < DTYPE_COUNT);
	if (!tensor_check(t, nbytes, &err)) {
		fuzz_require_fault(&err);
		return false;
	}
	REQUIRE(t->nbytes / dtype_info(t->dtype)->item == t->nelements);
	REQUIRE(tensor_span(t) <= nbytes - t->start);
	REQUIRE((t->nelements == 0) == (tensor_span(t) == 0));
	REQUIRE(t->stride || tensor_span(t) == t->nbytes);
	return true;
}

static void check_layout(const struct state_dict *sd)
{
	struct safetensors_layout layout;
	struct safetensors_header header;
	struct error err = { 0 };
	const char *text;
	size_t len;

	if (!safetensors_lay_out(&layout, sd, &err)) {
		fuzz_require_fault(&err);
		REQUIRE(!layout.header.data && !layout.order && !layout.begin);
		return;
	}
	text = layout.header.data + SAFETENSORS_LENGTH_SIZE;
	len = layout.header.len - SAFETENSORS_LENGTH_SIZE;
	REQUIRE(safetensors_read_header(
		&header, text, len, layout.file_nbytes - layout.header.len,
		&err));
	REQUIRE(header.tensors.count == sd->count);
	for (size_t i = 0; i < sd->count; i++) {
		const struct tensor *read = &header.tensors.tensors[i];
		const struct tensor *t = &sd->tensors[layout.order[i]];

		REQUIRE(tensor_compare_keys(read, t) == 0);
		REQUIRE(read->dtype == t->dtype && read->nbytes == t->nbytes);
		REQUIRE(read->start == layout.begin[layout.order[i]]);
	}
	safetensors_header_free(&header);
	safetensors_layout_free(&layout);
}

/* What a look at the keys counts, and what stripping one leaves. */
static void look_at_keys(const struct state_dict *sd)
{
	struct keys_prefixes found;

	keys_look(&found, sd);
	REQUIRE(found.module <= sd->count && found.wrapped <= sd->count);
	REQUIRE((found.module == 0) == !found.a_module);
	REQUIRE((found.wrapped == 0) == !found.a_wrapped);
	for (size_t i = 0; i < sd->count; i++) {
		const struct tensor *t = &sd->tensors[i];
		char *stripped = malloc(t->key_len + 1);

		REQUIRE(stripped);
		REQUIRE(keys_strip(stripped, t->key, t->key_len) <=
			t->key_len);
		free(stripped);
	}
}

/* Without what wrappers add, keys differ as before; twice changes no more. */
static void check_keys(struct state_dict *sd)
{
	struct keys_report report;
	struct error err = { 0 };

	look_at_keys(sd);
	if (!state_dict_check_keys(sd, &err)) {
		fuzz_require_fault(&err);
		return;
	}
	if (!keys_normalise(sd, &report, &err)) {
		fuzz_require_fault(&err);
		return;
	}
	REQUIRE(state_dict_check_keys(sd, &err));
	REQUIRE(keys_normalise(sd, &report, &err) && report.changed == 0);
	check_layout(sd);
}

static void check_weights(struct pickle_index *index)
{
	struct state_dict *sd = &index->weights;
	bool ok = true;

	for (size_t i = 0; i < sd->count; i++) {
		REQUIRE(sd->tensors[i].storage < index->storage_count);
		ok = check_tensor(index, &sd->tensors[i]) && ok;
	}
	if (!ok)
		return;
	check_layout(sd);
	check_keys(sd);
}

/* No answer is the start of another one. */
static void check_neighbours(const uint8_t *data, size_t len)
{
	uint8_t *longer = malloc(len + 1);
	struct pickle_index index;
	struct error err = { 0 };

	REQUIRE(longer != NULL);
	memcpy(longer, data, len);
	longer[len] = 0;
	REQUIRE(!parse_copy(&index, longer, len + 1, &err));
	REQUIRE(err.kind == ERROR_PYTHON);
	check_empty(&index);
	err = (struct error){ 0 };
	REQUIRE(!parse_copy(&index, longer, len - 1, &err));
	check_empty(&index);
	free(longer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct pickle_index index;
	struct error err = { 0 };

	if (!parse_copy(&index, data, len, &err)) {
		/* The memory that was lacking is the helper's. */
		if (err.kind == ERROR_MEMORY && data[0] == UNPICKLER_MEMORY)
			fuzz_require_reason(&err);
		else
			fuzz_require_fault(&err);
		check_empty(&index);
		return 0;
	}
	REQUIRE(!index.not_a_policy ||
		(index.note_count == 1 && index.weights.count == 0));
	check_texts(&index);
	check_storages(&index);
	check_weights(&index);
	pickle_index_free(&index);
	check_empty(&index);
	check_neighbours(data, len);
	return 0;
}
