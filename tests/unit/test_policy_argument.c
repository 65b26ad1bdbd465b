/* test_policy_argument.c - which policies of a command line are taken apart */
#include "remote/policy_argument.h"

#include <stdlib.h>

#include "tests/unit/check.h"

static const struct {
	const char *text;
	const char *uri, *class_name, *data;	/* NULL: none */
	bool has_proportion;
	double proportion;
	const char *keywords;	/* "key=value;..." */
} accepts[] = {
	{ "runs/nav:v5", "runs/nav:v5", NULL, NULL, false, 1, "" },
	{ " s3://b/k=1 , proportion = .5 ", "s3://b/k=1", NULL, NULL, true,
	  0.5, "" },
	{ ",,a:latest,,", "a:latest", NULL, NULL, false, 1, "" },
	{ "./class=x", "./class=x", NULL, NULL, false, 1, "" },
	{ "a:b=c", "a:b=c", NULL, NULL, false, 1, "" },
	{ "class", "class", NULL, NULL, false, 1, "" },
	{ "class=lstm", NULL, "lstm", NULL, false, 1, "" },
	{ "class=a.b.C,data=./w=1,proportion=1e-3", NULL, "a.b.C", "./w=1",
	  true, 1e-3, "" },
	{ "proportion=2,kw.a-b=,kw.c=d=e,class=x", NULL, "x", NULL, true, 2,
	  "a_b=;c=d=e;" },
	{ "\t class\n=\r x\v,\f", NULL, "x", NULL, false, 1, "" },
	{ "class=x,kw.\xff=\xfe", NULL, "x", NULL, false, 1,
	  "\xff=\xfe;" },
};

static void check_name(const char *row, const char *got, const char *expected)
{
	if (CHECK(row, !got == !expected) && got)
		check_text(row, got, expected);
}

static void test_accepts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(accepts); i++) {
		const char *row = accepts[i].text;
		struct buffer keywords = { 0 };
		struct policy_argument a;
		struct error err = { 0 };

		if (!CHECK(row, policy_argument_parse(&a, row, &err)))
			continue;
		check_name(row, a.uri, accepts[i].uri);
		check_name(row, a.class_name, accepts[i].class_name);
		check_name(row, a.data, accepts[i].data);
		CHECK(row, a.has_proportion == accepts[i].has_proportion);
		CHECK(row, a.proportion == accepts[i].proportion);
		for (size_t k = 0; k < a.count; k++)
			buffer_print(&keywords, &err, "%s=%s;",
				     a.keywords[k].key, a.keywords[k].value);
		if (CHECK(row, buffer_terminate(&keywords, &err)))
			check_text(row, keywords.data, accepts[i].keywords);
		buffer_free(&keywords);
		policy_argument_free(&a);
		policy_argument_free(&a);
	}
	check_rows();
}

static const struct {
	const char *text;
	enum error_kind kind;
	uint64_t offset;
	const char *reason;
} rejects[] = {
	{ "", ERROR_CORRUPT, 0, "an empty policy" },
	{ " , ,", ERROR_CORRUPT, 0, "an empty policy" },
	{ "class=", ERROR_CORRUPT, 0, "no name of a class" },
	{ "class=a..b", ERROR_CORRUPT, 0, "\"a..b\" is no name" },
	{ "class=os.system('x')", ERROR_CORRUPT, 0, "no name of a class" },
	{ "class=a, class=b", ERROR_CORRUPT, 9, "class= stands twice" },
	{ "class=a,data=", ERROR_CORRUPT, 8, "names no file" },
	{ "class=a,data=b,data=c", ERROR_CORRUPT, 15, "data= stands twice" },
	{ "class=a,x", ERROR_CORRUPT, 8, "not of the form KEY=VALUE" },
	{ "class=a,=x", ERROR_UNSUPPORTED, 8, "unknown field \"\"" },
	{ "Class=a", ERROR_UNSUPPORTED, 0, "unknown field \"Class\"" },
	{ "class=a,kw=1", ERROR_UNSUPPORTED, 8, "unknown field \"kw\"" },
	{ "class=a,kw.=1", ERROR_CORRUPT, 8, "names no argument" },
	{ "class=a,kw.a-b=1,kw.a_b=2", ERROR_CORRUPT, 17,
	  "kw.a_b= stands twice" },
	{ "data=x", ERROR_CORRUPT, 0, "class= is missing" },
	{ "proportion=1", ERROR_CORRUPT, 0, "class= is missing" },
	{ "a:v1,proportion=0", ERROR_CORRUPT, 5, "above 0" },
	{ "a:v1,proportion=-1", ERROR_CORRUPT, 5, "above 0" },
	{ "a:v1,proportion=", ERROR_CORRUPT, 5, "above 0" },
	{ "a:v1,proportion=nan", ERROR_CORRUPT, 5, "not \"nan\"" },
	{ "a:v1,proportion=inf", ERROR_CORRUPT, 5, "not \"inf\"" },
	{ "a:v1,proportion=1e999", ERROR_CORRUPT, 5, "not \"1e999\"" },
	{ "a:v1,proportion=0x1p3", ERROR_CORRUPT, 5, "not \"0x1p3\"" },
	{ "a:v1,proportion=1 2", ERROR_CORRUPT, 5, "not \"1 2\"" },
	{ "a:v1,proportion=1e-999", ERROR_CORRUPT, 5, "above 0" },
	{ "a:v1,proportion=1,proportion=1", ERROR_CORRUPT, 18,
	  "proportion= stands twice" },
	{ "a:v1,class=b", ERROR_CORRUPT, 5, "class= belongs to class=" },
	{ "a:v1,data=b", ERROR_CORRUPT, 5, "only proportion= follows" },
	{ "runs/a,b:v1", ERROR_CORRUPT, 7, "written %2C" },
	{ "a:v1,x=1", ERROR_UNSUPPORTED, 5, "unknown field \"x\"" },
};

static void test_rejects(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rejects); i++) {
		const char *row = rejects[i].text;
		struct policy_argument a;
		struct error err = { 0 };

		CHECK(row, !policy_argument_parse(&a, row, &err));
		check_fault(row, &err, rejects[i].kind, rejects[i].offset,
			    rejects[i].reason);
		CHECK(row, !a.uri && !a.class_name && !a.keywords);
		CHECK(row, !a.arena.blocks);
	}
	check_rows();
}

static void test_length(void **state)
{
	enum { OVER = 65537 };
	char *text = malloc(OVER + 1);
	struct policy_argument a;
	struct error err = { 0 };

	(void)state;
	assert_non_null(text);
	memset(text, 'a', OVER);
	text[OVER] = '\0';
	assert_false(policy_argument_parse(&a, text, &err));
	assert_int_equal(err.kind, ERROR_LIMIT);
	text[OVER - 1] = '\0';
	err = (struct error){ 0 };
	assert_true(policy_argument_parse(&a, text, &err));
	policy_argument_free(&a);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepts), cmocka_unit_test(test_rejects),
		cmocka_unit_test(test_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
