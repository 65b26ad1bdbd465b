/* test_options.c - command lines that are understood, and those that are not */
#include "base/options.h"

#include <stdlib.h>

#include "tests/unit/check.h"

struct settings {
	bool dry_run, quiet;
	unsigned jobs, color;
	const char *output;
	struct option_list include;
};

#define FIELD(name) offsetof(struct settings, name)

static const struct option_spec specs[] = {
	{ "jobs", 'j', OPTION_COUNT, FIELD(jobs), 1, 256, "N",
	  "convert N checkpoints at once" },
	{ "dry-run", 'n', OPTION_FLAG, FIELD(dry_run), 0, 0, NULL,
	  "write nothing" },
	{ "quiet", 'q', OPTION_FLAG, FIELD(quiet), 0, 0, NULL, "say less" },
	{ "output", 'o', OPTION_TEXT, FIELD(output), 0, 0, "FOLDER",
	  "where the bundles go;\nit is made if need be" },
	{ "include", 0, OPTION_LIST, FIELD(include), 0, 0, "GLOB",
	  "look at these" },
	{ "color", 0, OPTION_CHOICE, FIELD(color), 0, 0, "auto|always|never",
	  "colored output" },
	{ "wide", 0, OPTION_TEXT, FIELD(output), 0, 0, "THIRTEEN-CHRS",
	  "as wide as can be" },
	{ "just-too-wide", 0, OPTION_TEXT, FIELD(output), 0, 0, "WIDTH",
	  "its help goes below" },
	{ "output-of-a-long-name", 0, OPTION_TEXT, FIELD(output), 0, 0, "X",
	  "its help goes below" },
};

static const struct option_table table = { specs, COUNT(specs) };

enum { WORDS = 8 };

static int count_words(const char *const *words)
{
	int n = 0;

	while (n < WORDS && words[n])
		n++;
	return n;
}

static bool parse(struct settings *got, struct option_list *operands,
		  const char *const *words, struct error *err)
{
	char *argv[WORDS + 2] = { (char *)"mpt-x" };
	int count = count_words(words);

	for (int i = 0; i < count; i++)
		argv[i + 1] = (char *)words[i];
	*got = (struct settings){ .jobs = 7, .output = "." };
	return options_parse(&table, got, operands, count + 1, argv, err);
}

static bool same_list(const struct option_list *list, const char *const *words)
{
	size_t count = (size_t)count_words(words);

	if (list->count != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (strcmp(list->values[i], words[i]) != 0)
			return false;
	return true;
}

static const struct {
	const char *name;
	const char *words[WORDS];
	struct settings expected;	/* without the list */
	const char *include[WORDS], *operands[WORDS];
} accepts[] = {
	{ "nothing leaves the defaults", { NULL },
	  { .jobs = 7, .output = "." }, { NULL }, { NULL } },
	{ "short, apart", { "-j", "4", "-o", "out" },
	  { .jobs = 4, .output = "out" }, { NULL }, { NULL } },
	{ "short, together", { "-j4", "-oout" },
	  { .jobs = 4, .output = "out" }, { NULL }, { NULL } },
	{ "short flags in one word", { "-nq" },
	  { .dry_run = true, .quiet = true, .jobs = 7, .output = "." },
	  { NULL }, { NULL } },
	{ "flags before an option with a value", { "-nqj", "3" },
	  { .dry_run = true, .quiet = true, .jobs = 3, .output = "." },
	  { NULL }, { NULL } },
	{ "long, apart", { "--jobs", "256", "--dry-run" },
	  { .dry_run = true, .jobs = 256, .output = "." },
	  { NULL }, { NULL } },
	{ "long, with an equals sign", { "--jobs=1", "--output=a=b" },
	  { .jobs = 1, .output = "a=b" }, { NULL }, { NULL } },
	{ "long, cut short", { "--d", "--jo=2" },
	  { .dry_run = true, .jobs = 2, .output = "." },
	  { NULL }, { NULL } },
	{ "a whole name that starts another", { "--output=x" },
	  { .jobs = 7, .output = "x" }, { NULL }, { NULL } },
	{ "an empty text", { "--output=" },
	  { .jobs = 7, .output = "" }, { NULL }, { NULL } },
	{ "a value that looks like an option", { "-o", "-n" },
	  { .jobs = 7, .output = "-n" }, { NULL }, { NULL } },
	{ "leading zeros", { "-j007" },
	  { .jobs = 7, .output = "." }, { NULL }, { NULL } },
	{ "first and last choice", { "--color=never" },
	  { .jobs = 7, .color = 2, .output = "." }, { NULL }, { NULL } },
	{ "a list", { "--include", "*.pt", "--include=*.mpt" },
	  { .jobs = 7, .output = "." }, { "*.pt", "*.mpt" }, { NULL } },
	{ "operands among options", { "a", "-n", "b", "-", "" },
	  { .dry_run = true, .jobs = 7, .output = "." }, { NULL },
	  { "a", "b", "-", "" } },
	{ "-- ends the options", { "-n", "--", "-q", "--", "--jobs" },
	  { .dry_run = true, .jobs = 7, .output = "." }, { NULL },
	  { "-q", "--", "--jobs" } },
};

static void test_accepts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(accepts); i++) {
		const struct settings *want = &accepts[i].expected;
		const char *name = accepts[i].name;
		struct option_list operands = { 0 };
		struct error err = { 0 };
		struct settings got;

		CHECK(name, parse(&got, &operands, accepts[i].words, &err));
		check_text(name, err.reason, "");
		CHECK(name, got.dry_run == want->dry_run);
		CHECK(name, got.quiet == want->quiet);
		CHECK(name, got.jobs == want->jobs);
		CHECK(name, got.color == want->color);
		check_text(name, got.output, want->output);
		CHECK(name, same_list(&got.include, accepts[i].include));
		CHECK(name, same_list(&operands, accepts[i].operands));
		option_list_free(&operands);
		option_list_free(&got.include);
		option_list_free(&got.include);
	}
	check_rows();
}

static const struct {
	const char *name;
	const char *words[WORDS];
	const char *reason;
} rejects[] = {
	{ "unknown long", { "--frob" }, "unknown option \"--frob\"" },
	{ "unknown long with a value", { "--frob=1" },
	  "unknown option \"--frob=1\"" },
	{ "a name in other letters", { "--Jobs=1" },
	  "unknown option \"--Jobs=1\"" },
	{ "more than the name", { "--dry-runs" },
	  "unknown option \"--dry-runs\"" },
	{ "no name", { "--=1" }, "unknown option \"--=1\"" },
	{ "unknown short", { "-x" }, "unknown option \"-x\"" },
	{ "unknown short behind a flag", { "-nx" }, "unknown option \"-x\"" },
	{ "ambiguous", { "--outp", "x" },
	  "\"--outp\" could be more than one option" },
	{ "twice", { "-j1", "--jobs", "1" }, "--jobs stands twice" },
	{ "a flag twice", { "-nn" }, "--dry-run stands twice" },
	{ "a flag with a value", { "--dry-run=yes" },
	  "--dry-run takes no value" },
	{ "no value behind a long name", { "--output" },
	  "--output needs a value" },
	{ "no value behind a letter", { "-o" }, "-o needs a value" },
	{ "number too small", { "-j0" },
	  "--jobs takes a number from 1 to 256, not \"0\"" },
	{ "number too large", { "--jobs=257" }, "not \"257\"" },
	{ "number that would wrap", { "-j18446744073709551617" },
	  "not \"18446744073709551617\"" },
	{ "negative number", { "-j", "-1" }, "not \"-1\"" },
	{ "number with a tail", { "-j4x" }, "not \"4x\"" },
	{ "number with a sign", { "-j+4" }, "not \"+4\"" },
	{ "number with a blank", { "-j", " 4" }, "not \" 4\"" },
	{ "no digits", { "--jobs=" }, "not \"\"" },
	{ "unknown choice", { "--color=red" },
	  "--color takes one of auto|always|never, not \"red\"" },
	{ "choice cut short", { "--color=alway" }, "not \"alway\"" },
	{ "two choices", { "--color=auto|always" }, "not \"auto|always\"" },
	{ "no choice", { "--color=" }, "not \"\"" },
};

static void test_rejects(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rejects); i++) {
		struct option_list operands = { 0 };
		struct error err = { 0 };
		struct settings got;

		CHECK(rejects[i].name,
		      !parse(&got, &operands, rejects[i].words, &err));
		check_fault(rejects[i].name, &err, ERROR_USAGE,
			    ERROR_NO_OFFSET, rejects[i].reason);
		option_list_free(&operands);
		option_list_free(&got.include);
	}
	check_rows();
}

/* With one option in the table, every start of its name is unique. */
static void test_no_name_is_no_start_of_one(void **state)
{
	static const struct option_table one = { specs, 1 };
	char *argv[] = { (char *)"mpt-x", (char *)"--=9" };
	struct settings got = { .jobs = 7 };
	struct option_list operands = { 0 };
	struct error err = { 0 };

	(void)state;
	assert_false(options_parse(&one, &got, &operands, 2, argv, &err));
	check_fault("no name", &err, ERROR_USAGE, ERROR_NO_OFFSET,
		    "unknown option \"--=9\"");
	check_rows();
}

static void test_help(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *stream = open_memstream(&text, &len);

	(void)state;
	assert_non_null(stream);
	options_print_help(&table, stream);
	fclose(stream);
	assert_string_equal(text,
		"  -j, --jobs N             convert N checkpoints at once\n"
		"  -n, --dry-run            write nothing\n"
		"  -q, --quiet              say less\n"
		"  -o, --output FOLDER      where the bundles go;\n"
		"                           it is made if need be\n"
		"      --include GLOB       look at these\n"
		"      --color auto|always|never\n"
		"                           colored output\n"
		"      --wide THIRTEEN-CHRS as wide as can be\n"
		"      --just-too-wide WIDTH\n"
		"                           its help goes below\n"
		"      --output-of-a-long-name X\n"
		"                           its help goes below\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_rejects),
		cmocka_unit_test(test_no_name_is_no_start_of_one),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
