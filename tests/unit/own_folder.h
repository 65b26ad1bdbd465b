/*
 * own_folder.h - tests that each run in an empty folder of their own
 *
 * To be included with _XOPEN_SOURCE 700 or _GNU_SOURCE, for nftw().
 */
#ifndef TESTS_UNIT_OWN_FOLDER_H
#define TESTS_UNIT_OWN_FOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/folder.h"
#include "tests/unit/check.h"

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter, leave)

static char folder[] = "/tmp/mpt-test-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int kind,
		      struct FTW *place)
{
	(void)st;
	(void)kind;
	(void)place;
	return remove(path);
}

static inline int enter(void **state)
{
	(void)state;
	strcpy(folder + sizeof(folder) - 7, "XXXXXX");
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static inline int leave(void **state)
{
	(void)state;
	return chdir("/") != 0 ||
	       nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0;
}

static inline void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static inline struct folder opened(const char *path)
{
	struct error err = { 0 };
	struct folder f;

	assert_true(folder_open(&f, path, &err));
	return f;
}

#endif
