/* convert_recall.c - an answer is recalled for the same request and no other */
#include "convert/recall.h"

#include <stdlib.h>

#include "base/memory.h"
#include "tests/unit/check.h"

enum { LARGE = (1 << 20) + 1 };

static char large[LARGE];

static const char pickle[] = "\x80\x02}q\x01.", changed[] = "\x80\x02}q\x02.";
enum { LEN = sizeof(pickle) - 1 };

static const struct pickle_request
	kept = { UNPICKLER_ARCHIVE, NULL, pickle, LEN },
	stream = { UNPICKLER_STREAM, NULL, pickle, LEN },
	plain = { UNPICKLER_PLAIN, NULL, pickle, LEN },
	other = { UNPICKLER_ARCHIVE, NULL, changed, LEN },
	longer = { UNPICKLER_ARCHIVE, NULL, pickle, LEN + 1 },
	empty = { UNPICKLER_ARCHIVE, NULL, pickle, 0 },
	too_large = { UNPICKLER_ARCHIVE, NULL, large, LARGE };

static const struct row {
	const char *name;
	const struct pickle_request *kept;
	size_t answer_len;
	const struct pickle_request *asked;
	bool has;
} rows[] = {
	{ "nothing is held", NULL, 0, &kept, false },
	{ "nothing is held, and nothing asked", NULL, 0, &empty, false },
	{ "the same", &kept, 5, &kept, true },
	{ "an answer of no bytes", &kept, 0, &kept, true },
	{ "another byte", &kept, 5, &other, false },
	{ "a byte more", &kept, 5, &longer, false },
	{ "a byte less", &longer, 5, &kept, false },
	{ "another layout", &kept, 5, &stream, false },
	{ "brings bytes along", &plain, 5, &plain, false },
	{ "a large pickle", &too_large, 5, &too_large, false },
	{ "a large answer", &kept, LARGE, &kept, false },
};

static void test_rows(void **state)
{
	const uint8_t *answer = (const uint8_t *)large;

	(void)state;
	memcpy(large, "large", 5);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		struct recall r = { 0 };
		struct error err = { 0 };

		/* It gives up what it held before, kept or not. */
		CHECK(row->name, recall_keep(&r, &other, answer, 1, &err));
		if (row->kept)
			CHECK(row->name, recall_keep(&r, row->kept, answer,
						     row->answer_len, &err));
		else
			recall_free(&r);
		CHECK(row->name, recall_has(&r, row->asked) == row->has);
		if (row->has)
			CHECK(row->name, r.answer_len == row->answer_len &&
			      memcmp(r.answer, answer, r.answer_len) == 0);
		recall_free(&r);
		recall_free(&r);
	}
	check_rows();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
