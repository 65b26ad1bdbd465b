/*
 * fuzz_key_manifest.c - read key manifests, and compare their keys
 *
 * The input is a manifest, or two with a NUL between them.  Demanded are: one
 * that is read and can be written is the same when it is read again; no
 * difference from itself; and of two the same differences from either side.
 */
#include "formats/key_diff.h"
#include "formats/key_manifest.h"
#include "tests/fuzz/fuzz.h"

/* Where the second manifest begins, or len. */
static size_t find_second(const uint8_t *data, size_t len)
{
	const uint8_t *nul = len > 0 ? memchr(data, 0, len) : NULL;

	return nul ? (size_t)(nul - data) : len;
}

static bool parse(struct state_dict *sd, const uint8_t *data, size_t len)
{
	char *text = fuzz_copy(data, len);
	struct error err = { 0 };
	bool ok = key_manifest_parse(sd, text, len, &err);

	free(text);
	if (!ok) {
		fuzz_require_fault(&err);
		REQUIRE(!sd->tensors && sd->count == 0 && !sd->arena.blocks);
	}
	return ok;
}

static void check_written(const struct state_dict *sd)
{
	struct buffer once = { 0 }, twice = { 0 };
	struct state_dict again;
	struct error err = { 0 };

	REQUIRE(key_manifest_print(&once, sd, &err));
	REQUIRE(key_manifest_is_start(once.data, once.len));
	if (once.len <= KEY_MANIFEST_LIMIT) {
		REQUIRE(key_manifest_parse(&again, once.data, once.len, &err));
		REQUIRE(again.count == sd->count);
		REQUIRE(key_manifest_print(&twice, &again, &err));
		REQUIRE(once.len == twice.len);
		REQUIRE(memcmp(once.data, twice.data, once.len) == 0);
		state_dict_free(&again);
	}
	buffer_free(&once);
	buffer_free(&twice);
}

static void count(size_t kinds[4], const struct state_dict *ours,
		  const struct state_dict *theirs)
{
	char text[KEY_DIFF_TEXT];
	struct key_diff diff;
	struct error err = { 0 };

	REQUIRE(key_diff_find(&diff, ours, theirs, &err));
	for (size_t i = 0; i < diff.count; i++) {
		const struct key_difference *d = &diff.items[i];

		kinds[d->kind]++;
		REQUIRE(d->kind == KEY_MISSING || d->ours);
		REQUIRE(d->kind == KEY_UNEXPECTED || d->theirs);
		key_diff_print(text, d);
		REQUIRE(strlen(text) > 0);
	}
	key_diff_free(&diff);
}

static void check_pair(const struct state_dict *a, const struct state_dict *b)
{
	size_t there[4] = { 0 }, back[4] = { 0 }, none[4] = { 0 };

	count(there, a, b);
	count(back, b, a);
	count(none, a, a);
	REQUIRE(there[KEY_MISSING] == back[KEY_UNEXPECTED]);
	REQUIRE(there[KEY_UNEXPECTED] == back[KEY_MISSING]);
	REQUIRE(there[KEY_SHAPE] == back[KEY_SHAPE]);
	REQUIRE(there[KEY_DTYPE] == back[KEY_DTYPE]);
	REQUIRE(none[0] + none[1] + none[2] + none[3] == 0);
	REQUIRE(a->count + there[KEY_MISSING] ==
		b->count + there[KEY_UNEXPECTED]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	size_t end = find_second(data, len);
	struct state_dict first = { 0 }, second = { 0 };
	bool both;

	if (!parse(&first, data, end))
		return 0;
	check_written(&first);
	both = end < len && parse(&second, data + end + 1, len - end - 1);
	check_pair(&first, both ? &second : &first);
	state_dict_free(&first);
	state_dict_free(&second);
	return 0;
}
