/* test_action_space.c - which tensor is the actor head, of how many actions */
#include "formats/action_space.h"

#include "tests/unit/check.h"

enum { TENSORS = 4 };

static const struct {
	const char *name;
	struct {
		const char *key;
		uint64_t rank, shape[3];
	} tensors[TENSORS];
	size_t heads;
	uint64_t actions;
	const char *head;
} rows[] = {
	{ "nothing", { { NULL, 0, { 0 } } }, 0, 0, NULL },
	{ "a head of the framework",
	  { { "net.actor_head._module.module.weight", 2, { 21, 128 } },
	    { "net.actor_head._module.module.bias", 1, { 21 } } },
	  1, 21, "net.actor_head._module.module.weight" },
	{ "a layer called actor", { { "actor.weight", 2, { 5, 6 } } },
	  1, 5, "actor.weight" },
	{ "the head goes before the actor",
	  { { "actor.weight", 2, { 64, 6 } },
	    { "actor_head.weight", 2, { 5, 64 } } },
	  1, 5, "actor_head.weight" },
	{ "two heads",
	  { { "policy.actor.0.weight", 2, { 9, 8 } },
	    { "policy.actor.1.weight", 2, { 10, 8 } },
	    { "policy.actor.0.bias", 1, { 9 } } },
	  2, 90, "policy.actor.0.weight" },
	{ "one head with a number",
	  { { "policy.actor.0.weight", 2, { 9, 8 } } },
	  1, 9, "policy.actor.0.weight" },
	{ "layers, in any order",
	  { { "actor.2.weight", 2, { 5, 64 } },
	    { "actor.0.weight", 2, { 64, 64 } } },
	  1, 5, "actor.2.weight" },
	{ "layers without anything between them",
	  { { "actor.0.weight", 2, { 64, 128 } },
	    { "actor.1.weight", 2, { 5, 64 } } },
	  1, 5, "actor.1.weight" },
	{ "one head under two names",
	  { { "a.actor_head.weight", 2, { 5, 6 } },
	    { "b.actor_head.weight", 2, { 5, 6 } } },
	  1, 5, "a.actor_head.weight" },
	{ "two heads under one name",
	  { { "a.actor_head.weight", 2, { 5, 6 } },
	    { "b.actor_head.weight", 2, { 7, 6 } } },
	  0, 0, NULL },
	{ "no matrix", { { "actor.weight", 3, { 5, 6, 7 } } }, 0, 0, NULL },
	{ "another ending", { { "actor.W", 2, { 5, 6 } } }, 0, 0, NULL },
	{ "part of a name", { { "actors.weight", 2, { 5, 6 } } }, 0, 0, NULL },
	{ "only a name", { { "actor", 2, { 5, 6 } } }, 0, 0, NULL },
	{ "sizes that overflow",
	  { { "actor.0.weight", 2, { UINT64_MAX, 0 } },
	    { "actor.1.weight", 2, { 2, 0 } } }, 0, 0, NULL },
};

static void test_find(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tensor tensors[TENSORS];
		struct state_dict sd = { .tensors = tensors };
		struct action_space found;

		for (; sd.count < TENSORS && rows[i].tensors[sd.count].key;
		     sd.count++)
			tensors[sd.count] = (struct tensor){
				.key = rows[i].tensors[sd.count].key,
				.key_len = strlen(
					rows[i].tensors[sd.count].key),
				.rank = rows[i].tensors[sd.count].rank,
				.shape = rows[i].tensors[sd.count].shape,
			};
		action_space_find(&found, &sd);
		CHECK(rows[i].name, found.heads == rows[i].heads);
		CHECK(rows[i].name, found.actions == rows[i].actions);
		if (CHECK(rows[i].name, !found.head == !rows[i].head) &&
		    found.head)
			check_text(rows[i].name, found.head->key,
				   rows[i].head);
	}
	check_rows();
}

static void test_is_head(void **state)
{
	static const struct {
		const char *key;
		bool head;
	} keys[] = {
		{ "x.actor_head._module.module.bias", true },
		{ "actor.0.weight", true }, { "actor", false },
		{ "actor.scale", false }, { "critic.weight", false },
		{ "weight", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++) {
		struct tensor t = { .key = keys[i].key,
				    .key_len = strlen(keys[i].key) };

		CHECK(keys[i].key, action_space_is_head(&t) == keys[i].head);
	}
	check_rows();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_is_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
