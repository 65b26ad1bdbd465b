/* test_append.c - lines of several writers, whole */
#define _XOPEN_SOURCE 700	/* nftw() */
#include "base/append.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/own_folder.h"

static struct append_file appending(const char *name)
{
	struct folder here = opened(".");
	struct append_file file;
	struct error err = { 0 };

	assert_true(append_open(&file, &here, name, &err));
	folder_close(&here);
	return file;
}

static void check_content(const char *name, const char *path,
			  const char *content)
{
	char buf[256] = "";
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	CHECK(name, n == (ssize_t)strlen(content) &&
			    strcmp(buf, content) == 0);
	close(fd);
}

/* What is there, what is added, what comes of it. */
static void test_lines_are_added(void **state)
{
	static const struct {
		const char *name, *before, *lines, *after;
	} rows[] = {
		{ "nothing", "", "a\n", "a\n" },
		{ "lines", "a\nb\n", "c\n", "a\nb\nc\n" },
		{ "a torn line", "a\nb", "c\nd\n", "a\nb\nc\nd\n" },
		{ "only a torn line", "x", "c\n", "x\nc\n" },
		{ "nothing is added", "a", "", "a\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct append_file file;
		struct error err = { 0 };

		put("journal", rows[i].before);
		file = appending("journal");
		CHECK(rows[i].name, append_lines(&file, rows[i].lines,
						 strlen(rows[i].lines), i % 2,
						 &err));
		append_close(&file);
		append_close(&file);
		check_content(rows[i].name, "journal", rows[i].after);
	}
	check_rows();
}

static void test_two_writers(void **state)
{
	struct append_file a = appending("journal"), b = appending("journal");
	struct error err = { 0 };

	(void)state;
	assert_true(append_lines(&a, "1\n", 2, false, &err));
	assert_true(append_lines(&b, "2\n", 2, false, &err));
	assert_true(append_lines(&a, "3\n", 2, true, &err));
	append_close(&a);
	assert_true(append_lines(&b, "4\n", 2, false, &err));
	append_close(&b);
	check_content("two writers", "journal", "1\n2\n3\n4\n");
	check_rows();
}

static void test_only_files_are_opened(void **state)
{
	static const struct {
		const char *name, *reason;
	} rows[] = {
		{ "folder", "cannot open: Is a directory" },
		{ "link", "cannot open: Too many levels" },
		{ "fifo", "not a regular file" },
		{ "missing/journal", "cannot open: No such file" },
	};
	struct folder here = opened(".");

	(void)state;
	assert_int_equal(mkdir("folder", 0700), 0);
	assert_int_equal(symlink("elsewhere", "link"), 0);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct append_file file;
		struct error fault = { 0 };

		CHECK(rows[i].name,
		      !append_open(&file, &here, rows[i].name, &fault) &&
			      strstr(fault.reason, rows[i].reason) &&
			      strstr(fault.path, rows[i].name));
		append_close(&file);
	}
	folder_close(&here);
	assert_int_equal(access("elsewhere", F_OK), -1);
	check_rows();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_FOLDER(test_lines_are_added),
		IN_A_FOLDER(test_two_writers),
		IN_A_FOLDER(test_only_files_are_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
