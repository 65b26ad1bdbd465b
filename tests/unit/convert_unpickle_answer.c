/* convert_unpickle_answer.c - answers of a helper that an enemy controls */
#include "convert/unpickle.h"

#include <stdlib.h>

#include "convert/unpickler/protocol.h"
#include "tests/unit/check.h"

/*
 * Answers are written as in the protocol's table, where a number takes its
 * size from the macro.
 */
#define BYTE(n, shift) (char)(uint8_t)((n) >> (shift))
#define U32(n) BYTE(n, 0), BYTE(n, 8), BYTE(n, 16), BYTE(n, 24)
#define U64(n) U32(UINT64_C(n)), U32(UINT64_C(n) >> 32)
#define NONE U32(0)			/* "", or a list of nothing */
#define W U32(1), 'w'
#define S U32(1), '7'
#define KIND U32(6), 'm', 'o', 'd', 'u', 'l', 'e'
#define STORAGE_WORD 'S', 't', 'o', 'r', 'a', 'g', 'e'
#define FLOAT_STORAGE U32(12), 'F', 'l', 'o', 'a', 't', STORAGE_WORD
#define UNTYPED 'U', 'n', 't', 'y', 'p', 'e', 'd'
#define UNTYPED_STORAGE U32(14), UNTYPED, STORAGE_WORD
#define INT64 U32(5), 'i', 'n', 't', '6', '4'
#define HEAD UNPICKLER_INDEX, KIND, 0
#define STORAGE S, FLOAT_STORAGE, U64(6), 0
#define ONE_STORAGE HEAD, U32(1), STORAGE, NONE
#define TENSOR_HEAD W, U32(0), NONE, U64(1)
#define TENSOR TENSOR_HEAD, U32(2), U64(2), U64(3), U64(3), U64(1), 0
#define TAIL NONE, NONE			/* no notes, no globals */

#define BODY(...) \
	(const char[]){ __VA_ARGS__ }, sizeof((const char[]){ __VA_ARGS__ })

struct answer {
	const char *name, *bytes;
	size_t len;
};

/* A copy of just its size, so that a sanitizer sees what reads behind it. */
static bool parse(struct pickle_index *index, const char *bytes, size_t len,
		  struct error *err)
{
	char *copy = malloc(len ? len : 1);
	bool ok;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	ok = pickle_index_parse(index, copy, len, err);
	free(copy);
	return ok;
}

static void test_index(void **state)
{
	static const char answer[] = {
		UNPICKLER_INDEX, KIND, 1, U32(3), 'p', '.', 'C',
		U32(2), STORAGE, U32(3), 'a', 0, 'b', UNTYPED_STORAGE,
		U64(48), 0, NONE,
		U32(2), TENSOR,
		NONE, U32(1), INT64, U64(2), U32(1), U64(4), U64(0),
		UNPICKLER_CONJ | UNPICKLER_NEG,
		U32(2), U32(2), 'h', 'i', NONE,
		U32(1), U32(3), 'm', ' ', 'n',
	};
	struct pickle_index index;
	struct error err = { 0 };
	const struct tensor *t;

	(void)state;
	assert_true(parse(&index, answer, sizeof(answer), &err));
	assert_false(index.not_a_policy);
	assert_string_equal(index.architecture, "p.C");
	assert_int_equal(index.storage_count, 2);
	assert_string_equal(index.storages[0].key, "7");
	assert_int_equal(index.storages[0].nbytes, 24);
	assert_int_equal(index.storages[1].key_len, 3);
	assert_memory_equal(index.storages[1].key, "a\0b", 4);
	assert_int_equal(index.storages[1].nbytes, 48);
	assert_int_equal(index.note_count, 2);
	assert_string_equal(index.notes[0], "hi");
	assert_string_equal(index.notes[1], "");
	assert_int_equal(index.weights.count, 2);
	t = &index.weights.tensors[0];
	assert_string_equal(t->key, "w");
	assert_int_equal(t->dtype, DTYPE_F32);
	assert_int_equal(t->storage, 0);
	assert_int_equal(t->start, 4);
	assert_int_equal(t->rank, 2);
	assert_int_equal(t->shape[0], 2);
	assert_int_equal(t->shape[1], 3);
	assert_int_equal(t->stride[0], 3);
	assert_int_equal(t->stride[1], 1);
	assert_false(t->conj || t->neg || t->packed);
	t = &index.weights.tensors[1];
	assert_int_equal(t->key_len, 0);
	assert_int_equal(t->dtype, DTYPE_I64);
	assert_int_equal(t->storage, 1);
	assert_int_equal(t->start, 16);
	assert_int_equal(t->shape[0], 4);
	assert_int_equal(t->stride[0], 0);
	assert_true(t->conj && t->neg);
	pickle_index_free(&index);
	assert_null(index.storages);
	pickle_index_free(&index);
}

/* torch counts bytes that hold two values each, as the writer must know. */
static void test_two_values_in_a_byte(void **state)
{
	static const char answer[] = {
		HEAD, U32(1), S, UNTYPED_STORAGE, U64(8), 0, NONE,
		U32(1), W, U32(0), U32(16), 'f', 'l', 'o', 'a', 't', '4', '_',
		'e', '2', 'm', '1', 'f', 'n', '_', 'x', '2', U64(0), NONE, 0,
		TAIL,
	};
	struct pickle_index index;
	struct error err = { 0 };

	(void)state;
	assert_true(parse(&index, answer, sizeof(answer), &err));
	assert_int_equal(index.weights.tensors[0].dtype, DTYPE_F4);
	assert_true(index.weights.tensors[0].packed);
	pickle_index_free(&index);
}

/* What a plain pickle and a stream have more than an archive. */
static void test_inside_and_listed(void **state)
{
	static const char answer[] = {
		HEAD, U32(2), S, FLOAT_STORAGE, U64(1), 1, U64(4), 1, 2, 3, 4,
		STORAGE,
		U32(2), S, U64(6), U32(4), U32(1),
		W, U64(3), U32(8), U32(0xffffffff),
		NONE, TAIL,
	};
	struct pickle_index index;
	struct error err = { 0 };

	(void)state;
	assert_true(pickle_index_parse(&index, answer, sizeof(answer), &err));
	assert_memory_equal(index.storages[0].bytes, "\1\2\3\4", 4);
	assert_null(index.storages[1].bytes);
	assert_int_equal(index.listed_count, 2);
	assert_int_equal(index.listed[0].nelements, 6);
	assert_int_equal(index.listed[0].nbytes, 24);
	assert_int_equal(index.listed[0].storage, 1);
	assert_string_equal(index.listed[1].key, "w");
	assert_int_equal(index.listed[1].nbytes, 24);
	assert_true(index.listed[1].storage == PICKLE_NO_STORAGE);
	pickle_index_free(&index);
}

static void test_nothing_in_it(void **state)
{
	static const char answer[] = { HEAD, NONE, NONE, NONE, TAIL };
	struct pickle_index index;
	struct error err = { 0 };

	(void)state;
	assert_true(parse(&index, answer, sizeof(answer), &err));
	assert_null(index.architecture);
	assert_int_equal(index.weights.count, 0);
	pickle_index_free(&index);
}

static void test_not_a_policy(void **state)
{
	static const char answer[] = {
		UNPICKLER_NOT_A_POLICY, U32(5), 'a', '\n', 0, 'b', 'c', NONE
	};
	struct pickle_index index;
	struct error err = { 0 };

	(void)state;
	assert_true(parse(&index, answer, sizeof(answer), &err));
	assert_true(index.not_a_policy);
	assert_int_equal(index.note_count, 1);
	assert_string_equal(index.notes[0], "a\\n\\x00bc");
	assert_int_equal(index.weights.count, 0);
	pickle_index_free(&index);
}

#define NOWHERE ERROR_NO_OFFSET

static const struct {
	struct answer answer;
	enum error_kind kind;
	uint64_t offset;
	const char *reason;
} rejects[] = {
	/* the helper says no */
	{ { "corrupt", BODY(UNPICKLER_CORRUPT, U32(2), 'n', 'o', W) },
	  ERROR_CORRUPT, NOWHERE, "\"w\": no" },
	{ { "unsupported", BODY(UNPICKLER_UNSUPPORTED, U32(2), 'n', 'o', W) },
	  ERROR_UNSUPPORTED, NOWHERE, "\"w\": no" },
	{ { "limit, about nothing", BODY(UNPICKLER_LIMIT, U32(2), 'n', 'o',
					 NONE) },
	  ERROR_LIMIT, NOWHERE, "no" },
	{ { "hostile bytes in the reason",
	    BODY(UNPICKLER_CORRUPT, U32(3), '\x1b', '[', 'J', U32(1), 0) },
	  ERROR_CORRUPT, NOWHERE, "\"\\x00\": \\x1b[J" },
	{ { "bytes behind a refusal",
	    BODY(UNPICKLER_NOT_A_POLICY, NONE, NONE, 0) },
	  ERROR_PYTHON, 9, "it goes on behind its end" },
	{ { "refusal without a reason", BODY(UNPICKLER_UNSUPPORTED, NONE, W) },
	  ERROR_PYTHON, 10, "a refusal without a reason" },
	{ { "nothing said", BODY(UNPICKLER_NOT_A_POLICY, NONE, NONE) },
	  ERROR_PYTHON, 9, "a refusal without a reason" },
	{ { "reason cut", BODY(UNPICKLER_CORRUPT, U32(3), 'n', 'o') },
	  ERROR_PYTHON, 5, "it ends inside a text" },
	{ { "reason is not UTF-8",
	    BODY(UNPICKLER_CORRUPT, U32(1), '\xff', NONE) },
	  ERROR_PYTHON, 6, "a text is not UTF-8" },
	{ { "where it is is cut", BODY(UNPICKLER_CORRUPT, NONE, 0, 0, 0) },
	  ERROR_PYTHON, 5, "it ends inside a text" },
	{ { "first unknown verdict", BODY(UNPICKLER_MEMORY + 1, NONE, NONE) },
	  ERROR_PYTHON, 1, "an unknown verdict" },
	{ { "last unknown verdict", BODY('\xff', NONE, NONE) },
	  ERROR_PYTHON, 1, "an unknown verdict" },
	/* what stands in front */
	{ { "nothing", "", 0 }, ERROR_PYTHON, 0, "it is empty" },
	{ { "kind cut", BODY(UNPICKLER_INDEX, U32(1)) },
	  ERROR_PYTHON, 5, "it ends inside a text" },
	{ { "kind of 4 GiB", BODY(UNPICKLER_INDEX, U32(0xffffffff), 'x') },
	  ERROR_PYTHON, 5, "it ends inside a text" },
	{ { "architecture neither there nor not",
	    BODY(UNPICKLER_INDEX, NONE, 2, NONE, NONE, NONE, TAIL) },
	  ERROR_PYTHON, 6, "an architecture neither there nor not" },
	{ { "architecture cut", BODY(UNPICKLER_INDEX, NONE, 1, U32(2), 'x') },
	  ERROR_PYTHON, 10, "it ends inside a text" },
	{ { "architecture is not UTF-8",
	    BODY(UNPICKLER_INDEX, NONE, 1, U32(2), '\xc3', 'x', NONE, NONE,
		 TAIL) },
	  ERROR_PYTHON, 12, "a text is not UTF-8" },
	/* storages */
	{ { "no number of storages", BODY(HEAD) },
	  ERROR_PYTHON, 12, "a list is longer than the answer" },
	{ { "2^32 - 1 storages", BODY(HEAD, U32(0xffffffff), STORAGE) },
	  ERROR_PYTHON, 16, "a list is longer than the answer" },
	{ { "one more than can be",
	    BODY(HEAD, U32(2), NONE, NONE, U64(0), NONE, NONE, U32(0)) },
	  ERROR_PYTHON, 16, "a list is longer than the answer" },
	{ { "storage cut before its size",
	    BODY(HEAD, U32(1), S, FLOAT_STORAGE) },
	  ERROR_PYTHON, 37, "it ends inside a storage" },
	{ { "storage cut in its size",
	    BODY(HEAD, U32(1), S, FLOAT_STORAGE, 6, 0, 0, 0, 0, 0, 0) },
	  ERROR_PYTHON, 37, "it ends inside a storage" },
	{ { "storage key is not UTF-8",
	    BODY(HEAD, U32(1), U32(1), '\xff', FLOAT_STORAGE, U64(0)) },
	  ERROR_PYTHON, 21, "a text is not UTF-8" },
	{ { "unknown storage class",
	    BODY(HEAD, U32(1), S, U32(3), 'Q', '\n', 'x', U64(6)) },
	  ERROR_UNSUPPORTED, NOWHERE,
	  "storage \"7\" of unknown class \"Q\\nx\"" },
	{ { "storage class cut",
	    BODY(HEAD, U32(1), S, U32(11), 'F', 'l', 'o', 'a', 't', 'S', 't',
		 'o', 'r', 'a', 'g', U64(6)) },
	  ERROR_UNSUPPORTED, NOWHERE, "unknown class \"FloatStorag\"" },
	{ { "storage of 2^64 bytes",
	    BODY(HEAD, U32(1), S, FLOAT_STORAGE, U64(0x4000000000000000)) },
	  ERROR_CORRUPT, NOWHERE, "storage \"7\": 4611686018427387904 "
	  "elements of 4 bytes overflow 64 bits" },
	{ { "storage cut before its place",
	    BODY(HEAD, U32(1), S, FLOAT_STORAGE, U64(6)) },
	  ERROR_PYTHON, 45, "it ends inside a storage" },
	{ { "storage neither inside nor out",
	    BODY(HEAD, U32(1), S, FLOAT_STORAGE, U64(6), 2, NONE, NONE,
		 TAIL) },
	  ERROR_PYTHON, 46, "a storage neither inside nor out" },
	{ { "storage inside, cut",
	    BODY(HEAD, U32(1), S, FLOAT_STORAGE, U64(1), 1, U64(4), 0, 0) },
	  ERROR_PYTHON, 54, "it ends inside a storage" },
	{ { "storage inside, of 2^64 - 1 bytes",
	    BODY(HEAD, U32(1), S, FLOAT_STORAGE, U64(1), 1,
		 U64(0xffffffffffffffff), 0, 0) },
	  ERROR_PYTHON, 54, "it ends inside a storage" },
	{ { "storage inside, of another size",
	    BODY(HEAD, U32(1), S, FLOAT_STORAGE, U64(1), 1, U64(3), 0, 0, 0,
		 NONE, NONE, TAIL) },
	  ERROR_CORRUPT, NOWHERE,
	  "storage \"7\" has 3 bytes, its pickle says 4" },
	/* the list of a stream */
	{ { "2^32 - 1 listed",
	    BODY(HEAD, U32(1), STORAGE, U32(0xffffffff), NONE) },
	  ERROR_PYTHON, 50, "a list is longer than the answer" },
	{ { "listed storage that is not there",
	    BODY(HEAD, U32(1), STORAGE, U32(1), S, U64(6), U32(4), U32(1)) },
	  ERROR_PYTHON, 71, "it lists a storage that is not there" },
	{ { "listed storage of 2^64 bytes",
	    BODY(HEAD, U32(1), STORAGE, U32(1), S, U64(0x4000000000000000),
		 U32(4), U32(0)) },
	  ERROR_CORRUPT, NOWHERE, "overflow 64 bits" },
	/* tensors */
	{ { "no number of tensors", BODY(ONE_STORAGE) },
	  ERROR_PYTHON, 50, "a list is longer than the answer" },
	{ { "2^32 - 1 tensors", BODY(ONE_STORAGE, U32(0xffffffff), TENSOR) },
	  ERROR_PYTHON, 54, "a list is longer than the answer" },
	{ { "one tensor more than can be",
	    BODY(ONE_STORAGE, U32(1), NONE, U32(0), NONE, U64(0), NONE) },
	  ERROR_PYTHON, 54, "a list is longer than the answer" },
	{ { "key is not UTF-8",
	    BODY(ONE_STORAGE, U32(1), U32(1), '\x80', U32(0), NONE, U64(1),
		 NONE, 0, TAIL) },
	  ERROR_PYTHON, 59, "a text is not UTF-8" },
	{ { "storage that is not there",
	    BODY(ONE_STORAGE, U32(1), W, U32(1), NONE, U64(0), NONE, 0,
		 TAIL) },
	  ERROR_PYTHON, 63, "a tensor in a storage that is not there" },
	{ { "storage 2^32 - 1",
	    BODY(ONE_STORAGE, U32(1), W, U32(0xffffffff), NONE, U64(0), NONE,
		 0, TAIL) },
	  ERROR_PYTHON, 63, "a tensor in a storage that is not there" },
	{ { "a tensor, but no storage",
	    BODY(HEAD, NONE, NONE, U32(1), W, U32(0), NONE, U64(0), NONE, 0,
		 TAIL) },
	  ERROR_PYTHON, 33, "a tensor in a storage that is not there" },
	{ { "unknown dtype",
	    BODY(ONE_STORAGE, U32(1), W, U32(0), U32(5), 'q', 'i', 'n', 't',
		 '8', U64(0), NONE, 0, TAIL) },
	  ERROR_UNSUPPORTED, NOWHERE,
	  "tensor \"w\": unknown dtype \"qint8\"" },
	{ { "unknown dtype of a letter",
	    BODY(ONE_STORAGE, U32(1), W, U32(0), U32(1), 'f', U64(0), NONE,
		 0, TAIL) },
	  ERROR_UNSUPPORTED, NOWHERE, "tensor \"w\": unknown dtype \"f\"" },
	{ { "dtype cut",
	    BODY(ONE_STORAGE, U32(1), W, U32(0), U32(99), U64(0), NONE, 0,
		 TAIL) },
	  ERROR_PYTHON, 67, "it ends inside a text" },
	{ { "offset in bytes overflows",
	    BODY(ONE_STORAGE, U32(1), W, U32(0), NONE,
		 U64(0x4000000000000000), NONE, 0, TAIL) },
	  ERROR_CORRUPT, NOWHERE,
	  "tensor \"w\": offset 4611686018427387904 overflows 64 bits" },
	{ { "2^32 - 1 dimensions",
	    BODY(ONE_STORAGE, U32(1), TENSOR_HEAD, U32(0xffffffff), U64(2),
		 U64(1), 0, TAIL) },
	  ERROR_PYTHON, 79,
	  "a tensor of more dimensions than the answer can hold" },
	{ { "one dimension too many",
	    BODY(ONE_STORAGE, U32(1), TENSOR_HEAD, U32(2), U64(2), U64(1), 0,
		 TAIL) },
	  ERROR_PYTHON, 79,
	  "a tensor of more dimensions than the answer can hold" },
	{ { "no flags",
	    BODY(ONE_STORAGE, U32(1), TENSOR_HEAD, U32(1), U64(2), U64(1)) },
	  ERROR_PYTHON, 95, "it ends inside a tensor" },
	{ { "unknown flag",
	    BODY(ONE_STORAGE, U32(1), TENSOR_HEAD, NONE, 4, TAIL) },
	  ERROR_PYTHON, 80, "unknown flags" },
	{ { "cut in the offset",
	    BODY(ONE_STORAGE, U32(1), U32(4), 'l', 'o', 'n', 'g', U32(0),
		 NONE, 0, 0, 0, 0, 0, 0, 0, 0, 0) },
	  ERROR_PYTHON, 78,
	  "a tensor of more dimensions than the answer can hold" },
	/* notes and globals */
	{ { "no notes", BODY(ONE_STORAGE, U32(1), TENSOR) },
	  ERROR_PYTHON, 112, "a list is longer than the answer" },
	{ { "2^32 - 1 notes",
	    BODY(ONE_STORAGE, U32(1), TENSOR, U32(0xffffffff), NONE) },
	  ERROR_PYTHON, 116, "a list is longer than the answer" },
	{ { "a note is not UTF-8",
	    BODY(HEAD, NONE, NONE, NONE, U32(1), U32(1), '\xff', NONE) },
	  ERROR_PYTHON, 33, "a text is not UTF-8" },
	{ { "no globals", BODY(HEAD, NONE, NONE, NONE, NONE) },
	  ERROR_PYTHON, 28, "a list is longer than the answer" },
	{ { "a global cut", BODY(HEAD, NONE, NONE, NONE, NONE, U32(1), U32(1)) },
	  ERROR_PYTHON, 36, "it ends inside a text" },
	{ { "bytes behind the end", BODY(HEAD, NONE, NONE, NONE, TAIL, 0) },
	  ERROR_PYTHON, 32, "it goes on behind its end" },
};

static bool is_empty(const struct pickle_index *index)
{
	return index->weights.count == 0 && !index->weights.tensors &&
	       !index->weights.arena.blocks && index->storage_count == 0 &&
	       !index->storages && !index->architecture && !index->notes;
}

static void test_rejects(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rejects); i++) {
		const struct answer *a = &rejects[i].answer;
		struct pickle_index index;
		struct error err = { 0 };

		if (!CHECK(a->name, !parse(&index, a->bytes, a->len, &err)))
			pickle_index_free(&index);
		check_fault(a->name, &err, rejects[i].kind, rejects[i].offset,
			    rejects[i].reason);
		CHECK(a->name, is_empty(&index));
	}
	check_rows();
}

/* ---- answers cut and changed ---- */

static const char whole[] = {
	UNPICKLER_INDEX, KIND, 1, U32(1), 'C', U32(1), STORAGE, U32(2),
	TENSOR, W, U32(0), INT64, U64(0), U32(1), U64(3), U64(1), 3,
	U32(1), U32(1), 'n', U32(1), U32(1), 'g',
};

static void test_every_prefix_is_refused(void **state)
{
	struct pickle_index index;

	(void)state;
	for (size_t len = 0; len < sizeof(whole); len++) {
		struct error err = { 0 };

		assert_false(parse(&index, whole, len, &err));
		assert_int_equal(err.kind, ERROR_PYTHON);
	}
}

/* What is promised of an index, and that its tensors can be checked. */
static void check_sound(const char *row, struct pickle_index *index)
{
	for (size_t i = 0; i < index->weights.count; i++) {
		struct tensor *t = &index->weights.tensors[i];
		struct error err = { 0 };

		if (!CHECK(row, t->storage < index->storage_count))
			continue;
		CHECK(row, strlen(t->key) <= t->key_len);
		if (tensor_check(t, index->storages[t->storage].nbytes, &err))
			CHECK(row, t->start + tensor_span(t) <=
			      index->storages[t->storage].nbytes);
	}
	for (size_t i = 0; i < index->storage_count; i++)
		CHECK(row, strlen(index->storages[i].key) <=
		      index->storages[i].key_len);
	for (size_t i = 0; i < index->note_count; i++)
		CHECK(row, index->notes[i] != NULL);
	CHECK(row, !index->not_a_policy || index->note_count == 1);
}

static void test_every_changed_byte(void **state)
{
	char copy[sizeof(whole)], row[60];

	(void)state;
	for (size_t at = 0; at < sizeof(whole); at++) {
		for (int value = 0; value < 256; value++) {
			struct pickle_index index;
			struct error err = { 0 };

			memcpy(copy, whole, sizeof(whole));
			copy[at] = (char)value;
			snprintf(row, sizeof(row), "byte %zu becomes 0x%02x",
				 at, (unsigned)value);
			if (parse(&index, copy, sizeof(copy), &err))
				check_sound(row, &index);
			else
				CHECK(row, err.kind && is_empty(&index));
			pickle_index_free(&index);
		}
	}
	check_rows();
}

static uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1;
	return (uint32_t)(*seed >> 33);
}

/* Many changes at once, most of them of a whole number. */
static void test_random_changes(void **state)
{
	static const uint8_t values[] = { 0, 0, 1, 2, 3, 4, 25, 0x7f, 0x80,
					  0xff, 0xff };
	uint64_t seed = 1;
	char row[40];

	(void)state;
	for (int n = 0; n < 50000; n++) {
		uint32_t changes = 1 + next_random(&seed) % 4;
		struct pickle_index index;
		struct error err = { 0 };
		char copy[sizeof(whole)];

		memcpy(copy, whole, sizeof(whole));
		for (uint32_t i = 0; i < changes; i++) {
			size_t at = next_random(&seed) % sizeof(whole);
			size_t len = next_random(&seed) % 2 ? 1 : 4;
			uint8_t value = values[next_random(&seed) %
					       COUNT(values)];

			if (len > sizeof(whole) - at)
				len = sizeof(whole) - at;
			memset(copy + at, value, len);
		}
		snprintf(row, sizeof(row), "random answer %d", n);
		if (parse(&index, copy, sizeof(copy), &err))
			check_sound(row, &index);
		else
			CHECK(row, err.kind && is_empty(&index));
		pickle_index_free(&index);
	}
	check_rows();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_index),
		cmocka_unit_test(test_two_values_in_a_byte),
		cmocka_unit_test(test_inside_and_listed),
		cmocka_unit_test(test_nothing_in_it),
		cmocka_unit_test(test_not_a_policy),
		cmocka_unit_test(test_rejects),
		cmocka_unit_test(test_every_prefix_is_refused),
		cmocka_unit_test(test_every_changed_byte),
		cmocka_unit_test(test_random_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
