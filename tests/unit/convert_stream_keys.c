/* convert_stream_keys.c - numbers for keys, and the keys again */
#include "convert/stream_keys.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/check.h"

enum { MOST = 500, FIRST = 14 /* digits */ };

/* What a letter stands for: addresses of two processes, and other texts. */
static const char *text_of(char letter)
{
	switch (letter) {
	case 'a': return "93937264646112";
	case 'b': return "93937264646448";
	case 'c': return "139912345678912";
	case 'A': return "94111111111136";
	case 'B': return "94111111111152";
	case 'C': return "140123456789120";
	case 'w': return "weight";
	case 'h': return "height";
	case 's': return "12345678901";
	case 'z': return "94000000001234";
	case 'd': return "9393726464611x";
	default: return NULL;
	}
}

struct pickles {
	uint8_t bytes[MOST];
	size_t len, list;
};

/* Opcodes as they are: texts that are not plain. */
static const char *opcodes_of(char letter)
{
	switch (letter) {
	case 'Q': return "S'93937264646112'\n";
	case 'V': return "V9393726464611\\u0032\n";
	case 'L': return "V93937264646112\n";
	default: return NULL;
	}
}

static void add_bytes(struct pickles *p, const char *bytes)
{
	memcpy(p->bytes + p->len, bytes, strlen(bytes));
	p->len += strlen(bytes);
}

static void add_text(struct pickles *p, const char *text)
{
	size_t len = strlen(text);

	p->bytes[p->len++] = 'X';
	p->bytes[p->len++] = (uint8_t)len;
	memset(p->bytes + p->len, 0, 3);
	memcpy(p->bytes + p->len + 3, text, len);
	p->len += 3 + len;
}

/* A list of texts each. */
static struct pickles make(const char *object, const char *list)
{
	struct pickles p = { 0 };

	for (size_t i = 0; i < 2; i++) {
		p.list = p.len;
		memcpy(p.bytes + p.len, "\x80\x02](", 4);
		p.len += 4;
		for (const char *c = i ? list : object; *c; c++)
			if (opcodes_of(*c))
				add_bytes(&p, opcodes_of(*c));
			else
				add_text(&p, text_of(*c));
		memcpy(p.bytes + p.len, "e.", 2);
		p.len += 2;
	}
	return p;
}

static bool number(struct stream_keys *k, const struct pickles *p)
{
	struct error err = { 0 };

	assert_true(stream_keys_number(k, p->bytes, p->len, p->list, &err));
	return k->numbered != NULL;
}

static const struct pair {
	const char *name;
	const char *object, *list, *other_object, *other_list;
	bool same;
} pairs[] = {
	{ "one key", "a", "a", "B", "B", true },
	{ "used as listed, and not", "ab", "ab", "BA", "AB", true },
	{ "a longer key, which is listed first", "acb", "cab", "BCA", "CAB",
	  true },
	{ "used again", "abab", "ab", "BABA", "AB", true },
	{ "other texts beside", "wasd", "a", "wBsd", "B", true },
	{ "another pattern", "abab", "ab", "ABBA", "AB", false },
	{ "another key is the longer one", "ac", "ca", "CA", "CA", false },
	{ "other texts differ", "aw", "a", "Ah", "A", false },
	{ "an address that is no key", "ab", "a", "AB", "A", false },
};

static void test_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++) {
		const struct pair *row = &pairs[i];
		struct pickles p = make(row->object, row->list);
		struct pickles other = make(row->other_object,
					    row->other_list);
		struct stream_keys k, o;

		CHECK(row->name, number(&k, &p) && number(&o, &other));
		CHECK(row->name, p.len == other.len);
		CHECK(row->name, row->same == (memcmp(k.numbered, o.numbered,
						      p.len) == 0));
		stream_keys_free(&k);
		stream_keys_free(&o);
	}
	check_rows();
}

static void test_what_numbers_look_like(void **state)
{
	struct pickles p = make("bwca", "cab");
	struct stream_keys k;

	(void)state;
	assert_true(number(&k, &p));
	assert_memory_equal(k.numbered,
		"\x80\x02]("
		"X\x0e\0\0\0" "00000000000000" "X\x06\0\0\0weight"
		"X\x0f\0\0\0" "000000000000001" "X\x0e\0\0\0" "00000000000002"
		"e.\x80\x02]("
		"X\x0f\0\0\0" "000000000000001" "X\x0e\0\0\0" "00000000000000"
		"X\x0e\0\0\0" "00000000000002" "e.", p.len);
	stream_keys_free(&k);
}

static const struct {
	const char *name, *object, *list;
} unfit[] = {
	{ "no keys", "w", "" },
	{ "short keys", "s", "s" },
	{ "keys that are no numbers", "d", "d" },
	{ "a key that the object does not name", "a", "ab" },
	{ "a key that stands twice", "ab", "aba" },
	{ "one short key", "as", "as" },
	{ "one key that is no number", "ad", "ad" },
	{ "a quoted text", "aQ", "a" },
	{ "a text with an escape", "aV", "a" },
	{ "a text that is a line", "aL", "a" },
	{ "a quoted key", "ab", "aQ" },
	{ "zeros in a key", "az", "az" },
	{ "zeros in another text", "az", "a" },
};

static void test_unfit(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(unfit); i++) {
		struct pickles p = make(unfit[i].object, unfit[i].list);
		struct stream_keys k;

		CHECK(unfit[i].name, !number(&k, &p) && k.count == 0);
		stream_keys_free(&k);
	}
	check_rows();
}

/* More keys than numbers have digits for behind their zeros. */
static void test_many_keys(void **state)
{
	enum { KEYS = 10001, EACH = 5 + FIRST };
	const size_t list = KEYS * EACH + 1, len = 2 * list;
	uint8_t *bytes = malloc(len);
	struct error err = { 0 };
	struct stream_keys k;

	(void)state;
	assert_non_null(bytes);
	for (size_t i = 0; i < 2 * KEYS; i++) {
		char text[EACH + 1];

		snprintf(text, sizeof(text), "X%c   9%013zu", FIRST,
			 1234567890123 + i % KEYS);
		memset(text + 2, 0, 3);
		memcpy(bytes + i / KEYS + i * EACH, text, EACH);
	}
	bytes[list - 1] = bytes[len - 1] = '.';
	for (size_t less = 0; less < 2; less++) {
		size_t cut = less * EACH;	/* the first key, in both */

		memmove(bytes + list, bytes + list + cut, list - cut);
		assert_true(stream_keys_number(&k, bytes + cut, len - 2 * cut,
					       list - cut, &err));
		assert_int_equal(k.numbered != NULL, less);
		stream_keys_free(&k);
	}
	free(bytes);
}

/* ---- the index of numbered pickles ---- */

/* Of make("bwca", "cab"): b, c and a are the numbers 0, 1 and 2. */
static const struct named {
	const char *name;
	const char *storages[3], *listed[3];
	const char *key;	/* of the tensor; NULL: it is no policy */
	const char *architecture, *note, *global;
	bool good;
} nameds[] = {
	{ "as it should be",
	  { "00000000000000", "000000000000001", "00000000000002" },
	  { "000000000000001", "00000000000000", "00000000000002" },
	  "w", "p.C()", "a note", "m C", true },
	{ "a storage that is not used, and no texts",
	  { "00000000000002", "00000000000000" },
	  { "000000000000001", "00000000000000", "00000000000002" },
	  "w", NULL, NULL, NULL, true },
	{ "a number in a tensor's key", { NULL },
	  { "000000000000001", "00000000000000", "00000000000002" },
	  "w.00000000000001", NULL, NULL, NULL, false },
	{ "a number in the architecture", { NULL },
	  { "000000000000001", "00000000000000", "00000000000002" },
	  "w", "p.C(s='00000000000001')", NULL, NULL, false },
	{ "a number in a note", { NULL },
	  { "000000000000001", "00000000000000", "00000000000002" },
	  "w", NULL, "took 00000000000001", NULL, false },
	{ "a number in a note, cut", { NULL },
	  { "000000000000001", "00000000000000", "00000000000002" },
	  "w", NULL, "ppp.0: no literal", NULL, false },
	{ "no policy", { NULL }, { NULL }, NULL, NULL, "an optimizer", NULL,
	  true },
	{ "no policy, and a number", { NULL }, { NULL }, NULL, NULL,
	  "an optimizer 00000000000001", NULL, false },
	{ "a number in a global", { NULL },
	  { "000000000000001", "00000000000000", "00000000000002" },
	  "w", NULL, NULL, "m 00000000000001", false },
	{ "a storage that is no number", { "93937264646112" },
	  { "000000000000001", "00000000000000", "00000000000002" },
	  "w", NULL, NULL, NULL, false },
	{ "a storage that is not there", { "00000000000003" },
	  { "000000000000001", "00000000000000", "00000000000002" },
	  "w", NULL, NULL, NULL, false },
	{ "a number of other length", { "00000000000001" },
	  { "000000000000001", "00000000000000", "00000000000002" },
	  "w", NULL, NULL, NULL, false },
	{ "a number and more", { "00000000x00002" },
	  { "000000000000001", "00000000000000", "00000000000002" },
	  "w", NULL, NULL, NULL, false },
	{ "another order than that of the list's texts", { NULL },
	  { "00000000000000", "000000000000001", "00000000000002" },
	  "w", NULL, NULL, NULL, false },
	{ "listed twice", { NULL },
	  { "000000000000001", "00000000000000", "00000000000000" },
	  "w", NULL, NULL, NULL, false },
	{ "one is not listed", { NULL },
	  { "000000000000001", "00000000000000" },
	  "w", NULL, NULL, NULL, false },
	{ "one that is listed is no number", { NULL },
	  { "000000000000001", "00000000000000", "w" },
	  "w", NULL, NULL, NULL, false },
};

/* An index that says what the row does. */
struct made {
	struct pickle_index index;
	struct tensor tensor;
	struct pickle_storage storages[3];
	struct pickle_listed listed[3];
	const char *note, *global;
};

static void make_index(struct made *m, const struct named *row)
{
	struct pickle_index *index = &m->index;

	*m = (struct made){ .note = row->note, .global = row->global,
			    .tensor.key = row->key };
	index->not_a_policy = !row->key;
	if (row->key) {
		m->tensor.key_len = strlen(row->key);
		index->weights.tensors = &m->tensor;
		index->weights.count = 1;
	}
	index->architecture = row->architecture;
	index->notes = &m->note;
	index->note_count = row->note != NULL;
	index->globals = &m->global;
	index->global_count = row->global != NULL;
	index->storages = m->storages;
	index->listed = m->listed;
	for (size_t i = 0; i < 3 && row->storages[i]; i++)
		m->storages[index->storage_count++] = (struct pickle_storage){
			.key = row->storages[i],
			.key_len = strlen(row->storages[i]), .nbytes = i
		};
	for (size_t i = 0; i < 3 && row->listed[i]; i++)
		m->listed[index->listed_count++] = (struct pickle_listed){
			.key = row->listed[i],
			.key_len = strlen(row->listed[i]), .nbytes = 100 + i
		};
}

static void check_names(const struct named *row,
			const struct pickle_index *index)
{
	static const char numbers[] = "bca", list[] = "cab";

	for (size_t i = 0; i < index->storage_count; i++) {
		char letter = numbers[row->storages[i][FIRST - 1] - '0'];

		if (strlen(row->storages[i]) > FIRST)
			letter = 'c';
		check_text(row->name, index->storages[i].key,
			   text_of(letter));
		CHECK(row->name, index->storages[i].nbytes == i);
	}
	for (size_t i = 0; i < 3; i++)
		check_text(row->name, index->listed[i].key, text_of(list[i]));
	/* c, b, a came; what else was said of them moved along. */
	CHECK(row->name, index->listed[0].nbytes == 100 &&
	      index->listed[1].nbytes == 102 && index->listed[2].nbytes == 101);
}

static void test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(nameds); i++) {
		const struct named *row = &nameds[i];
		struct pickles p = make("bwca", "cab");
		struct stream_keys k;
		struct made m;

		assert_true(number(&k, &p));
		make_index(&m, row);
		if (CHECK(row->name, stream_keys_name(&k, &m.index) ==
			  row->good) && row->good && row->key)
			check_names(row, &m.index);
		stream_keys_free(&k);
		stream_keys_free(&k);
	}
	check_rows();
}

/* What a helper says must not make a key longer than it is. */
static void test_number_with_more_behind_a_nul(void **state)
{
	static const char number_and_more[] = "00000000000000\0x";

	(void)state;
	for (size_t listed = 0; listed < 2; listed++) {
		struct pickles p = make("bwca", "cab");
		struct stream_keys k;
		struct made m;

		assert_true(number(&k, &p));
		make_index(&m, &nameds[0]);
		if (listed) {
			assert_string_equal(m.listed[1].key, number_and_more);
			m.listed[1].key = number_and_more;
			m.listed[1].key_len = sizeof(number_and_more) - 1;
		} else {
			m.storages[0].key = number_and_more;
			m.storages[0].key_len = sizeof(number_and_more) - 1;
		}
		assert_false(stream_keys_name(&k, &m.index));
		stream_keys_free(&k);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_what_numbers_look_like),
		cmocka_unit_test(test_unfit),
		cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_number_with_more_behind_a_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
