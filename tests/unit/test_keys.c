/* test_keys.c - wrapper prefixes come off, and only they */
#include "formats/keys.h"

#include "base/memory.h"
#include "tests/unit/check.h"

enum { KEYS = 5 };

static void fill(struct state_dict *sd, struct tensor *tensors,
		 const char *const *keys)
{
	*sd = (struct state_dict){ .tensors = tensors };
	for (; sd->count < KEYS && keys[sd->count]; sd->count++)
		tensors[sd->count] = (struct tensor){
			.key = keys[sd->count],
			.key_len = strlen(keys[sd->count]),
		};
}

static const struct {
	const char *name;
	const char *before[KEYS], *after[KEYS];
	struct keys_report report;
} rows[] = {
	{ "no tensors", { NULL }, { NULL }, { 0 } },
	{ "nothing to do", { "a.weight", "b" }, { "a.weight", "b" }, { 0 } },
	{ "DataParallel", { "module.a", "module.b.c" }, { "a", "b.c" },
	  { 2, 1, false } },
	{ "DataParallel twice", { "module.module.a", "module.module.b" },
	  { "a", "b" }, { 2, 2, false } },
	{ "once for all, twice for one",
	  { "module.module.a", "module.b" }, { "module.a", "b" },
	  { 2, 1, false } },
	{ "not every key has it", { "module.a", "b" }, { "module.a", "b" },
	  { 0 } },
	{ "module inside a key", { "a.module.b" }, { "a.module.b" }, { 0 } },
	{ "a name that starts with module", { "modules.a", "module_.b" },
	  { "modules.a", "module_.b" }, { 0 } },
	{ "other case", { "Module.a" }, { "Module.a" }, { 0 } },
	{ "a wrapped dict with an empty key", { "module.a", "module." },
	  { "a", "" }, { 2, 1, false } },
	{ "module is a whole key", { "module" }, { "module" }, { 0 } },
	{ "a child module below DataParallel",
	  { "module.module.a", "module.x" }, { "module.a", "x" },
	  { 2, 1, false } },
	{ "compiled", { "_orig_mod.a", "_orig_mod.b" }, { "a", "b" },
	  { 2, 0, true } },
	{ "a part is compiled", { "net._orig_mod.a", "b" }, { "net.a", "b" },
	  { 1, 0, true } },
	{ "compiled twice", { "_orig_mod._orig_mod.a" }, { "a" },
	  { 1, 0, true } },
	{ "FSDP", { "_fsdp_wrapped_module.a._fsdp_wrapped_module.b" },
	  { "a.b" }, { 1, 0, true } },
	{ "activation checkpoints", { "a._checkpoint_wrapped_module.b" },
	  { "a.b" }, { 1, 0, true } },
	{ "a wrapper at the end", { "a._orig_mod" }, { "a" },
	  { 1, 0, true } },
	{ "DataParallel of compiled", { "module._orig_mod.a" }, { "a" },
	  { 1, 1, true } },
	{ "compiled DataParallel", { "_orig_mod.module.a" }, { "a" },
	  { 1, 1, true } },
	{ "both by turns", { "module._orig_mod.module._orig_mod.a" }, { "a" },
	  { 1, 2, true } },
	{ "only a wrapper's name", { "_orig_mod", "_orig_mod._orig_mod" },
	  { "_orig_mod", "_orig_mod._orig_mod" }, { 0 } },
	{ "a wrapper and an empty name", { "_orig_mod." }, { "_orig_mod." },
	  { 0 } },
	{ "DataParallel of only a wrapper's name", { "module._orig_mod" },
	  { "module" }, { 1, 0, true } },
	{ "names that hold a wrapper's", { "x_orig_mod.a", "_orig_mod_.a" },
	  { "x_orig_mod.a", "_orig_mod_.a" }, { 0 } },
	{ "empty components stay", { "._orig_mod..a." }, { "..a." },
	  { 1, 0, true } },
	{ "an empty key", { "" }, { "" }, { 0 } },
	{ "keys twice are another's business", { "a", "a" }, { "a", "a" },
	  { 0 } },
};

static void test_normalise(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tensor tensors[KEYS];
		struct state_dict sd;
		struct keys_report report;
		struct error err = { 0 };

		fill(&sd, tensors, rows[i].before);
		CHECK(rows[i].name, keys_normalise(&sd, &report, &err));
		for (size_t j = 0; j < sd.count; j++) {
			check_text(rows[i].name, tensors[j].key,
				   rows[i].after[j]);
			CHECK(rows[i].name, tensors[j].key_len ==
			      strlen(rows[i].after[j]));
		}
		CHECK(rows[i].name, report.changed == rows[i].report.changed);
		CHECK(rows[i].name, report.module == rows[i].report.module);
		CHECK(rows[i].name, report.wrapper == rows[i].report.wrapper);
		arena_free(&sd.arena);
	}
	check_rows();
}

static void test_collisions(void **state)
{
	static const struct {
		const char *name, *keys[KEYS], *reason;
	} collisions[] = {
		{ "compiled and not", { "x", "_orig_mod.a", "a" },
		  "would both become \"a\"; --keep-prefix" },
		{ "two wrappers", { "_orig_mod.a", "_fsdp_wrapped_module.a" },
		  "would both become \"a\"" },
		{ "only below DataParallel",
		  { "module.a", "module._orig_mod.a" },
		  "would both become \"a\"" },
		{ "names are escaped",
		  { "n._orig_mod.\x1b", "n.\x1b" },
		  "would both become \"n.\\x1b\"" },
		{ "twice from the start, and changed",
		  { "module.a", "module.a" },
		  "keys \"module.a\" and \"module.a\" would" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(collisions); i++) {
		struct tensor tensors[KEYS];
		struct state_dict sd;
		struct keys_report report;
		struct error err = { 0 };

		fill(&sd, tensors, collisions[i].keys);
		CHECK(collisions[i].name, !keys_normalise(&sd, &report, &err));
		check_fault(collisions[i].name, &err, ERROR_CORRUPT,
			    ERROR_NO_OFFSET, collisions[i].reason);
		arena_free(&sd.arena);
	}
	check_rows();
}

/* Both names are given as they were, in either order. */
static void test_collision_names_both(void **state)
{
	static const char *const keys[KEYS] = { "x", "_orig_mod.a", "a" };
	struct tensor tensors[KEYS];
	struct state_dict sd;
	struct keys_report report;
	struct error err = { 0 };
	const char *first;

	(void)state;
	fill(&sd, tensors, keys);
	assert_false(keys_normalise(&sd, &report, &err));
	assert_non_null(strstr(err.reason, "\"_orig_mod.a\""));
	first = strstr(err.reason, "\"a\"");
	assert_non_null(first);
	assert_non_null(strstr(first + 1, "\"a\""));
	arena_free(&sd.arena);
}

/* Keys may hold NUL: what is behind it counts. */
static void test_keys_with_nul(void **state)
{
	struct tensor tensors[] = {
		{ .key = "_orig_mod.a\0b", .key_len = 13 },
		{ .key = "a\0c", .key_len = 3 },
	};
	struct state_dict sd = { .tensors = tensors, .count = 2 };
	struct keys_report report;
	struct error err = { 0 };

	(void)state;
	assert_true(keys_normalise(&sd, &report, &err));
	assert_int_equal(tensors[0].key_len, 3);
	assert_memory_equal(tensors[0].key, "a\0b", 4);
	arena_free(&sd.arena);
}

static void test_look(void **state)
{
	static const char *const keys[KEYS] = {
		"network.a", "module.network.a", "b._orig_mod.c",
		"_sequential_network.a", "module.x",
	};
	struct tensor tensors[KEYS];
	struct keys_prefixes found;
	struct state_dict sd;

	(void)state;
	fill(&sd, tensors, keys);
	keys_look(&found, &sd);
	CHECK("counts", found.module == 2 && found.wrapped == 1);
	CHECK("counts", found.network == 1 && found.sequential == 1);
	CHECK("first", found.no_module == &tensors[0]);
	CHECK("first", found.a_module == &tensors[1]);
	CHECK("first", found.a_wrapped == &tensors[2]);
	CHECK("first", found.a_network == &tensors[0]);
	CHECK("first", found.a_sequential == &tensors[3]);
	check_rows();
}

static void test_strip(void **state)
{
	static const struct {
		const char *key, *stripped;
	} keys[] = {
		{ "a.b", "a.b" }, { "module.module.a", "a" },
		{ "module._orig_mod.a", "a" }, { "_orig_mod.module.a", "a" },
		{ "a._orig_mod.b", "a.b" }, { "a.module.b", "a.module.b" },
		{ "_orig_mod", "_orig_mod" }, { "module.", "module." },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++) {
		char out[64];

		out[keys_strip(out, keys[i].key, strlen(keys[i].key))] = '\0';
		check_text(keys[i].key, out, keys[i].stripped);
	}
	check_rows();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_look),
		cmocka_unit_test(test_strip),
		cmocka_unit_test(test_normalise),
		cmocka_unit_test(test_collisions),
		cmocka_unit_test(test_collision_names_both),
		cmocka_unit_test(test_keys_with_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
