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
		const struct recall_answer *found;
		struct recall r = { 0 };
		struct error err = { 0 };

		if (row->kept)
			CHECK(row->name, recall_keep(&r, row->kept, answer,
						     row->answer_len, &err));
		found = recall_find(&r, row->asked);
		CHECK(row->name, (found != NULL) == row->has);
		if (found)
			CHECK(row->name, found->answer_len == row->answer_len &&
			      memcmp(found->answer, answer,
				     found->answer_len) == 0);
		recall_free(&r);
		recall_free(&r);
	}
	check_rows();
}

/* Which of several are still held, after 'len' bytes were kept for each? */
static const struct several {
	const char *name;
	size_t len;		/* of each pickle */
	const char *uses;	/* capitals are kept, small letters asked */
	const char *held, *lost;
} several[] = {
	{ "one after the other", 10, "ABCDEFGH", "abcdefgh", "i" },
	{ "one too many", 10, "ABCDEFGHI", "bcdefghi", "a" },
	{ "asked for in between", 10, "ABCDaEFGHI", "acdefghi", "b" },
	{ "the last was asked for", 10, "ABCDEFGHhaI", "acdefghi", "b" },
	{ "two that are large", 1 << 19, "ABCD", "bcd", "a" },
	{ "one that fills all", 1 << 20, "AB", "b", "a" },
};

static struct pickle_request request_of(char name, size_t len)
{
	/* The same letters, from another one on. */
	static char letters[(1 << 20) + 32];

	for (size_t i = 0; i < sizeof(letters); i++)
		letters[i] = (char)('a' + i % 26);
	return (struct pickle_request){ UNPICKLER_ARCHIVE, NULL,
					letters + (name - 'a'), len };
}

static void check_held(const struct several *row, struct recall *r,
		       const char *names, bool held)
{
	for (; *names; names++) {
		struct pickle_request q = request_of(*names, row->len);

		CHECK(row->name, (recall_find(r, &q) != NULL) == held);
	}
}

static void test_several(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(several); i++) {
		const struct several *row = &several[i];
		struct recall r = { 0 };
		struct error err = { 0 };

		for (const char *c = row->uses; *c; c++) {
			bool keep = *c <= 'Z';
			char name = (char)(keep ? *c - 'A' + 'a' : *c);
			struct pickle_request q = request_of(name, row->len);

			if (keep)
				CHECK(row->name, recall_keep(
					&r, &q, q.pickle, row->len / 4, &err));
			else
				CHECK(row->name, recall_find(&r, &q) != NULL);
		}
		check_held(row, &r, row->lost, false);
		check_held(row, &r, row->held, true);
		recall_free(&r);
	}
	check_rows();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
