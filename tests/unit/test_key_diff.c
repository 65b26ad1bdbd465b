/* test_key_diff.c - differences of keys, and what is said of their causes */
#include "formats/key_diff.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/check.h"

enum { TENSORS = 4 };

struct given {
	const char *key;
	enum dtype dtype;
	uint64_t rank, shape[3];
};

static const struct {
	const char *name;
	struct given ours[TENSORS], theirs[TENSORS];
	const char *texts[TENSORS];
} rows[] = {
	{ "the same, in another order",
	  { { "a", DTYPE_F32, 1, { 2 } }, { "b", DTYPE_I64, 0, { 0 } } },
	  { { "b", DTYPE_I64, 0, { 0 } }, { "a", DTYPE_F32, 1, { 2 } } },
	  { NULL } },
	{ "nothing like it",
	  { { "a", DTYPE_F32, 1, { 2 } } },
	  { { "a", DTYPE_F32, 1, { 2 } }, { "b", DTYPE_F32, 1, { 2 } } },
	  { "missing key \"b\", F32 [2]; no key without a partner is like it" }
	},
	{ "unlike",
	  { { "encoder.weight", DTYPE_F32, 1, { 2 } } },
	  { { "count", DTYPE_I64, 0, { 0 } } },
	  { "missing key \"count\", I64 []; no key without a partner",
	    "unexpected key \"encoder.weight\", F32 [2]; no key without" } },
	{ "a wrapper in front",
	  { { "module.a.weight", DTYPE_F32, 1, { 2 } } },
	  { { "a.weight", DTYPE_F32, 1, { 2 } } },
	  { "missing key \"a.weight\", F32 [2]; \"module.a.weight\" is the "
	    "same but for the names of wrappers",
	    "unexpected key \"module.a.weight\", F32 [2]; \"a.weight\" is" } },
	{ "a wrapper inside",
	  { { "a.weight", DTYPE_F32, 1, { 2 } } },
	  { { "a._orig_mod.weight", DTYPE_F32, 1, { 2 } } },
	  { "missing key \"a._orig_mod.weight\", F32 [2]; \"a.weight\" is the "
	    "same but for the names of wrappers",
	    "unexpected key \"a.weight\", F32 [2]; \"a._orig_mod.weight\"" } },
	{ "a prefix",
	  { { "weight", DTYPE_F32, 1, { 2 } } },
	  { { "policy.net.weight", DTYPE_F32, 1, { 2 } } },
	  { "missing key \"policy.net.weight\", F32 [2]; \"weight\" is the "
	    "same but for a prefix",
	    "unexpected key \"weight\", F32 [2]; \"policy.net.weight\" is" } },
	{ "renamed in front",
	  { { "network.fc.weight", DTYPE_F32, 2, { 2, 3 } } },
	  { { "_sequential_network.fc.weight", DTYPE_F32, 2, { 2, 3 } } },
	  { "missing key \"_sequential_network.fc.weight\", F32 [2,3]; perhaps "
	    "\"network.fc.weight\" is it, renamed",
	    "unexpected key \"network.fc.weight\", F32 [2,3]; perhaps" } },
	{ "a slip of the pen",
	  { { "actor.weigth", DTYPE_F32, 1, { 2 } } },
	  { { "actor.weight", DTYPE_F32, 1, { 2 } } },
	  { "missing key \"actor.weight\", F32 [2]; perhaps \"actor.weigth\"",
	    "unexpected key \"actor.weigth\", F32 [2]; perhaps" } },
	{ "like it, of another shape",
	  { { "actor.weigth", DTYPE_F32, 1, { 3 } } },
	  { { "actor.weight", DTYPE_F32, 1, { 2 } } },
	  { "missing key \"actor.weight\", F32 [2]; the nearest is "
	    "\"actor.weigth\", F32 [3]",
	    "unexpected key \"actor.weigth\", F32 [3]; the nearest is" } },
	{ "the right shape goes first",
	  { { "layer.1.weight", DTYPE_F32, 1, { 3 } },
	    { "layer.2.weight", DTYPE_F32, 1, { 2 } } },
	  { { "layer.0.weight", DTYPE_F32, 1, { 2 } } },
	  { "missing key \"layer.0.weight\", F32 [2]; perhaps "
	    "\"layer.2.weight\"",
	    "unexpected key \"layer.1.weight\", F32 [3]; the nearest is "
	    "\"layer.0.weight\", F32 [2]",
	    "unexpected key \"layer.2.weight\", F32 [2]; perhaps" } },
	{ "transposed",
	  { { "a", DTYPE_F32, 2, { 3, 5 } } },
	  { { "a", DTYPE_F32, 2, { 5, 3 } } },
	  { "key \"a\" is F32 [3,5], and F32 [5,3] in the reference: "
	    "transposed" } },
	{ "two of three sizes exchanged",
	  { { "a", DTYPE_F32, 3, { 3, 5, 7 } } },
	  { { "a", DTYPE_F32, 3, { 3, 7, 5 } } },
	  { "in the reference: transposed" } },
	{ "laid out otherwise",
	  { { "a", DTYPE_F32, 2, { 2, 6 } } },
	  { { "a", DTYPE_F32, 1, { 12 } } },
	  { "as many elements, laid out otherwise" } },
	{ "one element for a number",
	  { { "a", DTYPE_F32, 1, { 1 } } }, { { "a", DTYPE_F32, 0, { 0 } } },
	  { "key \"a\" is F32 [1], and F32 [] in the reference: a loader "
	    "converts it" } },
	{ "two elements for a number",
	  { { "a", DTYPE_F32, 1, { 2 } } }, { { "a", DTYPE_F32, 0, { 0 } } },
	  { "key \"a\" is F32 [2], and F32 [] in the reference" } },
	{ "another shape",
	  { { "a", DTYPE_F32, 1, { 2 } } },
	  { { "a", DTYPE_F32, 1, { 3 } } },
	  { "key \"a\" is F32 [2], and F32 [3] in the reference" } },
	{ "other actions",
	  { { "actor.weight", DTYPE_F32, 2, { 5, 8 } },
	    { "actor.bias", DTYPE_F32, 1, { 5 } } },
	  { { "actor.weight", DTYPE_F32, 2, { 8, 8 } },
	    { "actor.bias", DTYPE_F32, 1, { 8 } } },
	  { "key \"actor.bias\" is F32 [5], and F32 [8] in the reference: an "
	    "actor head of 5 actions, not 8",
	    "key \"actor.weight\" is F32 [5,8], and F32 [8,8]" } },
	{ "another dtype",
	  { { "a", DTYPE_F32, 1, { 2 } } },
	  { { "a", DTYPE_BF16, 1, { 2 } } },
	  { "key \"a\" is F32 [2], and BF16 [2] in the reference: a loader "
	    "converts it" } },
	{ "another shape and dtype",
	  { { "a", DTYPE_F32, 1, { 2 } } },
	  { { "a", DTYPE_BF16, 1, { 3 } } },
	  { "key \"a\" is F32 [2], and BF16 [3] in the reference",
	    "a loader converts it" } },
};

static void fill(struct state_dict *sd, struct tensor *tensors,
		 const struct given *given)
{
	*sd = (struct state_dict){ .tensors = tensors };
	for (; sd->count < TENSORS && given[sd->count].key; sd->count++) {
		const struct given *g = &given[sd->count];

		tensors[sd->count] = (struct tensor){
			.key = g->key, .key_len = strlen(g->key),
			.dtype = g->dtype, .rank = g->rank, .shape = g->shape,
		};
	}
}

static void test_differences(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tensor a[TENSORS], b[TENSORS];
		struct state_dict ours, theirs;
		struct key_diff diff;
		struct error err = { 0 };
		size_t n = 0;

		fill(&ours, a, rows[i].ours);
		fill(&theirs, b, rows[i].theirs);
		assert_true(key_diff_find(&diff, &ours, &theirs, &err));
		for (; n < diff.count && n < TENSORS; n++) {
			char text[KEY_DIFF_TEXT];

			key_diff_print(text, &diff.items[n]);
			if (!rows[i].texts[n] ||
			    !strstr(text, rows[i].texts[n]))
				check_text(rows[i].name, text,
					   rows[i].texts[n] ?
					   rows[i].texts[n] : "(nothing)");
		}
		CHECK(rows[i].name, n == TENSORS || !rows[i].texts[n]);
		key_diff_free(&diff);
	}
	check_rows();
}

/* Every key has another prefix: all find their partners. */
static void test_many(void **state)
{
	enum { MANY = 20000, LEN = 64 };
	struct tensor *a = calloc(MANY, sizeof(*a)), *b = calloc(MANY,
								 sizeof(*b));
	char *keys = calloc(2 * MANY, LEN), *key = keys;
	struct state_dict ours = { .tensors = a, .count = MANY };
	struct state_dict theirs = { .tensors = b, .count = MANY };
	struct key_diff diff;
	struct error err = { 0 };
	size_t right = 0;

	(void)state;
	assert_true(a && b && keys);
	for (int i = 0; i < MANY; i++) {
		a[i].key = key;
		a[i].key_len = (size_t)snprintf(key, LEN, "net.b.%d.weight",
						i);
		key += LEN;
		b[i].key = key;
		b[i].key_len = (size_t)snprintf(key, LEN,
						"policy.net.b.%d.weight", i);
		key += LEN;
	}
	assert_true(key_diff_find(&diff, &ours, &theirs, &err));
	assert_int_equal(diff.count, 2 * MANY);
	for (size_t i = 0; i < diff.count; i++) {
		const struct key_difference *d = &diff.items[i];

		right += d->ours && d->theirs && d->cause == KEY_CAUSE_PREFIX &&
			 d->ours - a == d->theirs - b;
	}
	assert_int_equal(right, diff.count);
	key_diff_free(&diff);
	free(a);
	free(b);
	free(keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_differences),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
