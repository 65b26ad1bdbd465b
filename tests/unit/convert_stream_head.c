/* convert_stream_head.c - what is recalled is what a scan would have found */
#include "convert/stream_head.h"

#include <stdlib.h>

#include "base/memory.h"
#include "tests/unit/check.h"

enum { MOST = 500, TEXT = 5 /* bytes before a text */, DIGITS = 14 };

struct bytes {
	uint8_t data[MOST];
	size_t len;
	size_t list;	/* where the fifth pickle begins */
};

static void add(struct bytes *b, const char *data, size_t len)
{
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

static void add_text(struct bytes *b, const char *text)
{
	const char head[TEXT] = { 'X', (char)strlen(text) };

	add(b, head, TEXT);
	add(b, text, strlen(text));
}

/* The machine's name, a list with two keys and a text, the list of keys. */
static struct bytes make(const char *machine, const char *first,
			 const char *second, const char *text)
{
	struct bytes b = { .len = 0 };

	add(&b, BYTES("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50"
		      "\x19\x2e\x80\x02M\xe9\x03.\x80\x02"));
	add_text(&b, machine);
	add(&b, BYTES(".\x80\x02]q\0("));
	add_text(&b, first);
	add(&b, BYTES("q\1"));
	add_text(&b, second);
	add_text(&b, text);
	add(&b, BYTES("h\1e."));
	b.list = b.len;
	add(&b, BYTES("\x80\x02]q\0("));
	add_text(&b, strcmp(first, second) < 0 ? first : second);
	add_text(&b, strcmp(first, second) < 0 ? second : first);
	add(&b, BYTES("e."));
	return b;
}

static struct bytes usual(void)
{
	return make("machine", "93937264646112", "93937264646448", "weight");
}

/* Both, zeroed and valid even after a failure. */
struct read {
	struct stream_head head;
	struct stream_keys keys;
};

static void read_free(struct read *r)
{
	stream_head_free(&r->head);
	stream_keys_free(&r->keys);
}

static bool scan(struct read *made, const struct bytes *b, struct error *err)
{
	struct reader_bytes bytes = { b->data, b->len };
	struct reader r = reader_memory(&bytes);

	*made = (struct read){ 0 };
	return stream_head_read(&made->head, &r, b->len, err) &&
	       stream_head_number(&made->head, &made->keys, err);
}

static struct stream_head model_of(const struct bytes *b)
{
	struct stream_head model = { 0 };
	struct error err = { 0 };
	struct read made;

	assert_true(scan(&made, b, &err));
	assert_non_null(made.keys.numbered);
	assert_true(stream_head_keep(&model, &made.head, &made.keys, &err));
	read_free(&made);
	return model;
}

static bool recall(struct read *made, const struct stream_head *model,
		   const struct bytes *b, uint64_t limit)
{
	struct reader_bytes bytes = { b->data, b->len };
	struct reader r = reader_memory(&bytes);
	struct error err = { 0 };

	assert_true(stream_head_recall(&made->head, &made->keys, model, &r,
				       limit, &err));
	if (!made->keys.numbered)
		assert_null(made->head.bytes);
	return made->keys.numbered != NULL;
}

static const struct {
	const char *name;
	const char *machine, *first, *second, *text;
	bool known;
} heads[] = {
	{ "the same", "machine", "93937264646112", "93937264646448", "weight",
	  true },
	{ "other keys", "machine", "94111111111136", "94111111111152",
	  "weight", true },
	{ "listed in the other order", "machine", "94111111111152",
	  "94111111111136", "weight", true },
	{ "another machine", "mochine", "93937264646112", "93937264646448",
	  "weight", false },
	{ "another text", "machine", "93937264646112", "93937264646448",
	  "height", false },
	{ "a text with zeros", "machine", "93937264646112", "93937264646448",
	  "00000000", false },
	{ "a longer key", "machine", "139937264646112", "93937264646448",
	  "weight", false },
	{ "one key", "machine", "93937264646112", "93937264646112", "weight",
	  false },
	{ "keys that are none", "machine", "9393726464611x",
	  "9393726464644x", "weight", false },
};

static void test_recall(void **state)
{
	struct bytes first = usual();
	struct stream_head model = model_of(&first);

	(void)state;
	for (size_t i = 0; i < COUNT(heads); i++) {
		struct bytes b = make(heads[i].machine, heads[i].first,
				      heads[i].second, heads[i].text);
		struct read made;

		CHECK(heads[i].name, recall(&made, &model, &b, MOST) ==
		      heads[i].known);
		if (heads[i].known)
			CHECK(heads[i].name, made.head.end == b.len &&
			      made.head.list == b.list &&
			      memcmp(made.head.bytes, b.data, b.len) == 0);
		read_free(&made);
	}
	stream_head_free(&model);
	check_rows();
}

static void test_bounds(void **state)
{
	struct bytes b = usual();
	struct stream_head none = { 0 }, model = model_of(&b);
	struct read made;

	(void)state;
	assert_false(recall(&made, &none, &b, MOST));
	assert_false(recall(&made, &model, &b, b.len - 1));
	assert_true(recall(&made, &model, &b, b.len));
	read_free(&made);
	b.len--;
	assert_false(recall(&made, &model, &b, MOST));
	stream_head_free(&model);
}

/* If it is recalled, then a scan says the same. */
static bool check_variant(const struct stream_head *model,
			  const struct bytes *b)
{
	struct error err = { 0 };
	struct read made, scanned = { 0 };
	bool known = recall(&made, model, b, MOST);

	if (known) {
		assert_true(scan(&scanned, b, &err));
		assert_int_equal(made.head.object, scanned.head.object);
		assert_int_equal(made.head.list, scanned.head.list);
		assert_int_equal(made.head.end, scanned.head.end);
		assert_non_null(scanned.keys.numbered);
		assert_memory_equal(made.keys.numbered,
				    scanned.keys.numbered,
				    made.head.end - made.head.object);
	}
	read_free(&made);
	read_free(&scanned);
	return known;
}

/* Every other value of every byte. */
static void test_one_byte_differs(void **state)
{
	struct bytes b = usual();
	struct stream_head model = model_of(&b);

	(void)state;
	for (size_t at = 0; at < b.len; at++)
		for (unsigned with = 1; with < 256; with++) {
			b.data[at] ^= (uint8_t)with;
			assert_false(check_variant(&model, &b));
			b.data[at] ^= (uint8_t)with;
		}
	stream_head_free(&model);
}

/* Of the first key, where it is used and where it is listed. */
static void test_one_byte_of_a_key_differs(void **state)
{
	struct bytes b = usual();
	struct stream_head model = model_of(&b);
	size_t used = model.object + 6 + TEXT, listed = b.list + 6 + TEXT;
	size_t known = 0;

	(void)state;
	assert_memory_equal(b.data + used, b.data + listed, DIGITS);
	for (size_t at = 0; at < DIGITS; at++)
		for (unsigned with = 1; with < 256; with++) {
			b.data[used + at] ^= (uint8_t)with;
			b.data[listed + at] ^= (uint8_t)with;
			known += check_variant(&model, &b);
			b.data[used + at] ^= (uint8_t)with;
			b.data[listed + at] ^= (uint8_t)with;
		}
	assert_int_equal(known, 9 * DIGITS);	/* every other digit */
	stream_head_free(&model);
}

static void test_too_large_to_be_recalled(void **state)
{
	struct bytes b = usual();
	struct error err = { 0 };
	struct read made;

	(void)state;
	assert_true(scan(&made, &b, &err));
	stream_keys_free(&made.keys);
	made.head.end = (1 << 20) + 1;
	assert_true(stream_head_number(&made.head, &made.keys, &err));
	assert_null(made.keys.numbered);
	read_free(&made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recall),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_one_byte_differs),
		cmocka_unit_test(test_one_byte_of_a_key_differs),
		cmocka_unit_test(test_too_large_to_be_recalled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
