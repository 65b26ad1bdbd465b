/* test_progress.c - what the line of progress says, and what it leaves out */
#include "base/progress.h"

#include <stdlib.h>

#include "base/text.h"
#include "tests/unit/check.h"

enum { WIDE = 200 };

static void check_line(const char *row, const struct progress *p, double now,
		       size_t columns, const char *expected)
{
	char line[WIDE * TEXT_COLUMN_NBYTES + 1];

	progress_print(p, now, columns, line, sizeof(line));
	check_text(row, line, expected);
	CHECK(row, text_columns(line, strlen(line)) <= columns);
}

/*
 * A batch of 1 GB, of which 200 MB were done within the last 10 seconds, and a
 * file has been at work for 'age' seconds.
 */
static const struct {
	const char *name;
	size_t done, failed;
	double age;
	const char *path;
	size_t columns;
	const char *line;
} lines[] = {
	{ "all there is to say", 7, 1, 5, "runs/a:v1.mpt", WIDE,
	  "7/40 files, 1 failed, 200 MB/1.0 GB, 0:40 left, 20.0 MB/s, "
	  "runs/a:v1.mpt" },
	{ "no failure", 7, 0, 5, "a:v1.mpt", WIDE,
	  "7/40 files, 200 MB/1.0 GB, 0:40 left, 20.0 MB/s, a:v1.mpt" },
	{ "a fast file", 7, 0, 1.9, "a:v1.mpt", WIDE,
	  "7/40 files, 200 MB/1.0 GB, 0:40 left, 20.0 MB/s" },
	{ "just slow", 7, 0, 2, "a:v1.mpt", WIDE,
	  "7/40 files, 200 MB/1.0 GB, 0:40 left, 20.0 MB/s, a:v1.mpt" },
	{ "the end of a name", 7, 0, 5, "runs/of/long/ago/a:v1.mpt", 68,
	  "7/40 files, 200 MB/1.0 GB, 0:40 left, 20.0 MB/s, "
	  "...ong/ago/a:v1.mpt" },
	{ "a name that just fits", 7, 0, 5, "runs/of/long/ago/a:v1.mpt", 74,
	  "7/40 files, 200 MB/1.0 GB, 0:40 left, 20.0 MB/s, "
	  "runs/of/long/ago/a:v1.mpt" },
	{ "one column less", 7, 0, 5, "runs/of/long/ago/a:v1.mpt", 73,
	  "7/40 files, 200 MB/1.0 GB, 0:40 left, 20.0 MB/s, "
	  ".../of/long/ago/a:v1.mpt" },
	{ "no room for a name", 7, 0, 5, "runs/a:v1.mpt", 58,
	  "7/40 files, 200 MB/1.0 GB, 0:40 left, 20.0 MB/s" },
	{ "no room for the speed", 7, 0, 5, "runs/a:v1.mpt", 46,
	  "7/40 files, 200 MB/1.0 GB, 0:40 left" },
	{ "no room for the time", 7, 0, 5, "runs/a:v1.mpt", 35,
	  "7/40 files, 200 MB/1.0 GB" },
	{ "no room for bytes", 7, 1, 5, "runs/a:v1.mpt", 34,
	  "7/40 files, 1 failed" },
	{ "no room for failures", 7, 1, 5, "runs/a:v1.mpt", 19,
	  "7/40 files" },
	{ "no room at all", 7, 1, 5, "runs/a:v1.mpt", 9, "" },
	{ "control characters", 7, 0, 5, "a\033[2J\n\xff", WIDE,
	  "7/40 files, 200 MB/1.0 GB, 0:40 left, 20.0 MB/s, "
	  "a\\x1b[2J\\n\\xff" },
	{ "wide characters", 7, 0, 5,
	  "\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2"
	  "\xe6\xbc\xa2\xe6\xbc\xa2", 61,
	  "7/40 files, 200 MB/1.0 GB, 0:40 left, 20.0 MB/s, ..."
	  "\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2" },
	{ "narrow characters", 7, 0, 5,
	  "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
	  "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", 61,
	  "7/40 files, 200 MB/1.0 GB, 0:40 left, 20.0 MB/s, ..."
	  "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
	  "\xc3\xa4\xc3\xa4" },
};

static void test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct progress p = { .noun = "files", .total = 40,
				      .done = lines[i].done,
				      .failed = lines[i].failed,
				      .nbytes_total = 1000000000 };
		struct progress_work work = { 0 };

		progress_begin(&p, &work, lines[i].path, 0,
			       100 - lines[i].age);
		progress_sample(&p, 90);
		p.nbytes_done = 200000000;
		check_line(lines[i].name, &p, 100, lines[i].columns,
			   lines[i].line);
	}
	check_rows();
}

static const struct {
	const char *name;
	double seconds;		/* for 10 of 100 MB */
	const char *line;
} estimates[] = {
	{ "too early", 0.9, "0/1 files, 10.0/100 MB" },
	{ "seconds", 1, "0/1 files, 10.0/100 MB, 0:09 left, 10.0 MB/s" },
	{ "minutes", 10, "0/1 files, 10.0/100 MB, 1:30 left, 1.0 MB/s" },
	{ "just below an hour", 399.9,
	  "0/1 files, 10.0/100 MB, 59:59 left, 25.0 kB/s" },
	{ "an hour", 400, "0/1 files, 10.0/100 MB, 1:00:00 left, 25.0 kB/s" },
	{ "days", 30000, "0/1 files, 10.0/100 MB, 75:00:00 left, 333 B/s" },
	{ "too long", 400000,
	  "0/1 files, 10.0/100 MB, over 1000 h left, 25 B/s" },
};

static void test_estimates(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(estimates); i++) {
		struct progress p = { .noun = "files", .total = 1,
				      .nbytes_total = 100000000 };

		progress_sample(&p, 7);
		p.nbytes_done = 10000000;
		check_line(estimates[i].name, &p, 7 + estimates[i].seconds,
			   WIDE, estimates[i].line);
	}
	check_rows();
}

/* The rate forgets: that of the last half minute counts. */
static void test_rate_is_recent(void **state)
{
	struct progress p = { .noun = "files", .total = 1,
			      .nbytes_total = 1000000000 };

	(void)state;
	for (unsigned s = 0; s < 100; s++) {
		progress_sample(&p, s);
		progress_sample(&p, s + 0.4);
		p.nbytes_done += s < 50 ? 10000000 : 1000000;
	}
	check_line("slower now", &p, 100, WIDE,
		   "0/1 files, 550 MB/1.0 GB, 7:30 left, 1.0 MB/s");
	for (unsigned s = 100; s < 200; s++)
		progress_sample(&p, s);
	check_line("at a halt", &p, 200, WIDE, "0/1 files, 550 MB/1.0 GB");
	check_rows();
}

/* Bytes of files at work count by the share of what has been moved. */
static void test_bytes_inside_files(void **state)
{
	struct progress p = { .noun = "files", .total = 3,
			      .nbytes_total = 300 };
	struct progress_work one = { 0 }, two = { 0 };

	(void)state;
	progress_begin(&p, &one, "one", 100, 0);
	progress_begin(&p, &two, "two", 200, 1);
	check_line("begun", &p, 1, WIDE, "0/3 files, 0/300 B");
	progress_want(&one, 50);
	progress_moved(&one, 25);
	check_line("half of one", &p, 1, WIDE, "0/3 files, 50/300 B");
	progress_want(&two, 1000);
	progress_moved(&two, 100);
	check_line("a tenth of two", &p, 1, WIDE, "0/3 files, 70/300 B");
	progress_want(&one, 75);
	check_line("more to do than expected", &p, 1, WIDE,
		   "0/3 files, 45/300 B");
	progress_moved(&one, 1000);
	check_line("never over the file", &p, 1, WIDE, "0/3 files, 120/300 B");
	check_line("the oldest", &p, 9, WIDE, "0/3 files, 120/300 B, one");
	progress_end(&p, &one, true);
	check_line("one ended", &p, 9, WIDE, "0/3 files, 120/300 B, two");
	progress_end(&p, &two, true);
	check_line("both ended", &p, 9, WIDE, "0/3 files, 300/300 B");
	check_rows();
}

/* What need not be read makes the batch smaller, not faster. */
static void test_skipped_bytes(void **state)
{
	struct progress p = { .noun = "files", .total = 2,
			      .nbytes_total = 300 };
	struct progress_work work = { 0 };

	(void)state;
	progress_begin(&p, &work, "skipped at once", 200, 0);
	progress_end(&p, &work, false);
	check_line("skipped at once", &p, 1, WIDE, "0/2 files, 0/100 B");
	progress_begin(&p, &work, "read and then skipped", 60, 0);
	progress_want(&work, 60);
	progress_moved(&work, 60);
	progress_end(&p, &work, false);
	check_line("read and then skipped", &p, 1, WIDE, "0/2 files, 60/100 B");
	check_rows();
}

/* A path of any length, and a buffer that is too small for the columns. */
static void test_long_names(void **state)
{
	struct progress p = { .noun = "files", .total = 1 };
	struct progress_work work = { 0 };
	char *path = malloc(100001), line[91];

	(void)state;
	assert_non_null(path);
	memset(path, '\xc3', 100000);
	path[100000] = '\0';
	progress_begin(&p, &work, path, 0, 0);
	check_line("long", &p, 9, 41,
		   "0/1 files, 0/0 B, ...\\xc3\\xc3\\xc3\\xc3\\xc3");
	progress_print(&p, 9, WIDE, line, sizeof(line));
	check_text("small buffer", line, "0/1 files, 0/0 B, ...3\\xc3\\xc3");
	free(path);
	check_rows();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_estimates),
		cmocka_unit_test(test_rate_is_recent),
		cmocka_unit_test(test_bytes_inside_files),
		cmocka_unit_test(test_skipped_bytes),
		cmocka_unit_test(test_long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
