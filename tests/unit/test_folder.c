/* test_folder.c - open folders, and that nothing in them leads elsewhere */
#define _XOPEN_SOURCE 700	/* nftw */
#include "base/folder.h"

#include <fcntl.h>

#include "base/file.h"
#include "tests/unit/own_folder.h"

static void test_open(void **state)
{
	static const struct {
		const char *path, *reason;
	} rows[] = {
		{ ".", NULL },
		{ "a/", NULL },
		{ "to-a", NULL },
		{ "missing", "cannot open the folder: No such file" },
		{ "file", "cannot open the folder: Not a directory" },
	};

	(void)state;
	put("file", "x");
	assert_int_equal(mkdir("a", 0700), 0);
	assert_int_equal(symlink("a", "to-a"), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error err = { 0 };
		struct folder f;

		CHECK(rows[i].path, folder_open(&f, rows[i].path, &err) ==
		      !rows[i].reason);
		if (rows[i].reason) {
			check_fault(rows[i].path, &err, ERROR_IO,
				    ERROR_NO_OFFSET, rows[i].reason);
			check_text(rows[i].path, err.path, rows[i].path);
		} else {
			check_text(rows[i].path, f.path, rows[i].path);
			CHECK(rows[i].path,
			      fcntl(f.fd, F_GETFD) & FD_CLOEXEC);
			CHECK(rows[i].path, folder_sync(&f, &err));
		}
		folder_close(&f);
		folder_close(&f);
	}
	check_rows();
}

static void test_descend(void **state)
{
	static const struct {
		const char *path;
		enum error_kind kind;
		const char *reason, *about;
	} rows[] = {
		{ "", ERROR_NONE, NULL, "." },
		{ "a/", ERROR_NONE, NULL, "./a" },
		{ "a//b/c", ERROR_NONE, NULL, "./a/b/c" },
		{ "b/file", ERROR_UNSAFE, "\"file\" is no folder", "./b" },
		{ "b/link/x", ERROR_UNSAFE, "\"link\" is a symbolic link",
		  "./b" },
		{ "b/dangling/x", ERROR_UNSAFE,
		  "\"dangling\" is a symbolic link", "./b" },
	};
	char long_name[300];

	(void)state;
	assert_int_equal(mkdir("b", 0700), 0);
	assert_int_equal(mkdir("elsewhere", 0700), 0);
	put("b/file", "x");
	assert_int_equal(symlink("../elsewhere", "b/link"), 0);
	assert_int_equal(symlink("none", "b/dangling"), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct folder f = opened(".");
		struct error err = { 0 };
		bool ok = folder_descend(&f, rows[i].path,
					 strlen(rows[i].path), &err);

		CHECK(rows[i].path, ok == (rows[i].kind == ERROR_NONE));
		if (ok) {
			check_text(rows[i].path, f.path, rows[i].about);
		} else {
			check_fault(rows[i].path, &err, rows[i].kind,
				    ERROR_NO_OFFSET, rows[i].reason);
			check_text(rows[i].path, err.path, rows[i].about);
			CHECK(rows[i].path, f.path == NULL);
		}
		folder_close(&f);
	}
	assert_int_equal(access("a/b/c", F_OK), 0);
	assert_int_equal(rmdir("elsewhere"), 0);	/* nothing is in it */
	memset(long_name, 'x', sizeof(long_name));
	{
		struct folder f = opened(".");
		struct error err = { 0 };

		CHECK("long", !folder_descend(&f, long_name,
					      sizeof(long_name), &err));
		check_fault("long", &err, ERROR_IO, ERROR_NO_OFFSET,
			    "File name too long");
	}
	check_rows();
}

/* Only the path that was given counts, not what follows it. */
static void test_descend_by_a_part(void **state)
{
	struct folder f = opened(".");
	struct error err = { 0 };

	(void)state;
	assert_true(folder_descend(&f, "a/b/c", 4, &err));
	assert_string_equal(f.path, "./a/b");
	assert_int_equal(access("a/b/c", F_OK), -1);
	folder_close(&f);
}

static void test_make(void **state)
{
	static const struct {
		const char *name, *reason;
	} rows[] = {
		{ "new", NULL },
		{ "new", "cannot make the folder \"new\": File exists" },
		{ "file", "cannot make the folder \"file\": File exists" },
		{ "link", "cannot make the folder \"link\": File exists" },
		{ "dangling",
		  "cannot make the folder \"dangling\": File exists" },
	};
	struct folder here = opened(".");

	(void)state;
	put("file", "x");
	assert_int_equal(symlink("/tmp", "link"), 0);
	assert_int_equal(symlink("none", "dangling"), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error err = { 0 };
		struct folder made;

		CHECK(rows[i].name, folder_make_in(&made, &here, rows[i].name,
						   &err) == !rows[i].reason);
		if (rows[i].reason)
			check_fault(rows[i].name, &err, ERROR_IO,
				    ERROR_NO_OFFSET, rows[i].reason);
		else
			check_text(rows[i].name, made.path, "./new");
		CHECK(rows[i].name, !rows[i].reason == !!made.path);
		folder_close(&made);
	}
	assert_int_equal(access("none", F_OK), -1);
	folder_close(&here);
	check_rows();
}

static void test_look(void **state)
{
	static const struct {
		const char *name;
		mode_t kind;
	} rows[] = {
		{ "file", S_IFREG }, { "missing", 0 }, { "link", S_IFLNK },
		{ "folder", S_IFDIR },
	};
	struct folder here = opened(".");
	struct error err = { 0 };

	(void)state;
	put("file", "x");
	assert_int_equal(symlink("file", "link"), 0);
	assert_int_equal(mkdir("folder", 0700), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		mode_t mode = 1;

		CHECK(rows[i].name, folder_look(&here, rows[i].name, &mode,
						&err));
		CHECK(rows[i].name, (mode & S_IFMT) == rows[i].kind);
	}
	assert_false(folder_look(&here, "file/x", &(mode_t){ 0 }, &err));
	check_fault("below a file", &err, ERROR_IO, ERROR_NO_OFFSET,
		    "cannot look at \"file/x\": Not a directory");
	folder_close(&here);
	check_rows();
}

static void test_remove(void **state)
{
	struct folder here = opened(".");
	struct error err = { 0 };

	(void)state;
	put("file", "x");
	assert_int_equal(mkdir("full", 0700), 0);
	put("full/x", "x");
	assert_true(folder_remove_file(&here, "file", &err));
	assert_true(folder_remove_file(&here, "file", &err));
	assert_int_equal(access("file", F_OK), -1);
	assert_false(folder_remove_folder(&here, "full", &err));
	check_fault("full", &err, ERROR_IO, ERROR_NO_OFFSET,
		    "cannot remove \"full\": Directory not empty");
	check_text("full", err.path, ".");
	folder_close(&here);
	check_rows();
}

typedef bool renamer(const struct folder *f, const char *from, const char *to,
		     bool *taken, struct error *err);

struct rename_row {
	const char *to;
	bool taken;
};

/* "made" gets each name in turn, and has it or stays as it is. */
static void check_renames(renamer *rename_it, bool folders,
			  const struct rename_row *rows, size_t count)
{
	struct folder here = opened(".");
	struct error err = { 0 };
	bool taken, ok;

	put("file", "x");
	assert_int_equal(mkdir("empty", 0700), 0);
	assert_int_equal(mkdir("full", 0700), 0);
	put("full/x", "x");
	assert_int_equal(symlink("empty", "link"), 0);
	assert_int_equal(symlink("none", "dangling"), 0);
	for (size_t i = 0; i < count; i++) {
		if (folders)
			mkdir("made", 0700);
		else
			put("made", "x");
		ok = rename_it(&here, "made", rows[i].to, &taken, &err);
		CHECK(rows[i].to, ok == !rows[i].taken);
		CHECK(rows[i].to, taken == rows[i].taken);
		CHECK(rows[i].to, err.kind == ERROR_NONE);
		CHECK(rows[i].to, (access("made", F_OK) == 0) == taken);
	}
	assert_false(rename_it(&here, "missing", "newer", &taken, &err));
	CHECK("missing", !taken);
	check_fault("missing", &err, ERROR_IO, ERROR_NO_OFFSET,
		    "cannot make the name \"newer\": No such file");
	check_text("missing", err.path, ".");
	folder_close(&here);
	check_rows();
}

/* Nothing but an empty folder gives way. */
static void test_rename(void **state)
{
	static const struct rename_row rows[] = {
		{ "new", false }, { "empty", false }, { "full", true },
		{ "file", true }, { "link", true }, { "dangling", true },
	};

	(void)state;
	check_renames(folder_rename, true, rows, COUNT(rows));
}

static void test_rename_file(void **state)
{
	static const struct rename_row rows[] = {
		{ "new", false }, { "new", true }, { "empty", true },
		{ "full", true }, { "file", true }, { "link", true },
		{ "dangling", true }, { "made", true },
	};

	(void)state;
	check_renames(folder_rename_file, false, rows, COUNT(rows));
}

static void test_open_below(void **state)
{
	static const struct {
		const char *path, *reason;	/* NULL: it is opened */
	} rows[] = {
		{ "", NULL },
		{ "a", NULL },
		{ "a//b/", NULL },
		{ "a/c", "cannot open the folder \"c\": No such file" },
		{ "link/b", "\"link\" is a symbolic link" },
		{ "a/file", "\"file\" is no folder" },
	};
	struct folder here = opened(".");

	(void)state;
	assert_int_equal(mkdir("a", 0700), 0);
	assert_int_equal(mkdir("a/b", 0700), 0);
	assert_int_equal(symlink("a", "link"), 0);
	put("a/file", "");
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error err = { 0 };
		struct folder f;
		bool ok = folder_open_below(&f, &here, rows[i].path, &err);

		CHECK(rows[i].path, ok == !rows[i].reason);
		CHECK(rows[i].path, ok || strstr(err.reason, rows[i].reason));
		folder_close(&f);
	}
	assert_int_equal(access("a/c", F_OK), -1);
	folder_close(&here);
	check_rows();
}

static void test_exchange_and_replace(void **state)
{
	struct folder here = opened(".");
	struct error err = { 0 };
	bool able;

	(void)state;
	assert_int_equal(mkdir("a", 0700), 0);
	assert_int_equal(mkdir("b", 0700), 0);
	put("a/of a", "");
	put("x", "new");
	put("y", "old");
	assert_true(folder_exchange(&here, "a", "b", &able, &err));
	if (able)
		assert_int_equal(access("b/of a", F_OK), 0);
	assert_true(folder_replace_file(&here, "x", "y", &err));
	assert_int_equal(access("x", F_OK), -1);
	assert_false(folder_replace_file(&here, "x", "y", &err));
	assert_string_equal(err.reason,
			    "cannot make the name \"y\": "
			    "No such file or directory");
	folder_close(&here);
}

static void test_replace_file(void **state)
{
	static const struct {
		const char *to, *reason;
	} rows[] = {
		{ "new", NULL }, { "file", NULL }, { "link", NULL },
		{ "folder", "cannot make the name \"folder\": Is a dir" },
	};
	struct folder here = opened(".");

	(void)state;
	put("file", "old");
	put("elsewhere", "x");
	assert_int_equal(symlink("elsewhere", "link"), 0);
	assert_int_equal(mkdir("folder", 0700), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error err = { 0 };
		struct stat st;

		put("from", "new");
		CHECK(rows[i].to, folder_replace_file(&here, "from",
						      rows[i].to, &err) ==
		      !rows[i].reason);
		if (rows[i].reason)
			check_fault(rows[i].to, &err, ERROR_IO,
				    ERROR_NO_OFFSET, rows[i].reason);
		else
			CHECK(rows[i].to, access("from", F_OK) != 0 &&
			      lstat(rows[i].to, &st) == 0 &&
			      S_ISREG(st.st_mode) && st.st_size == 3);
	}
	folder_close(&here);
	check_rows();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_FOLDER(test_open),
		IN_A_FOLDER(test_descend),
		IN_A_FOLDER(test_descend_by_a_part),
		IN_A_FOLDER(test_make),
		IN_A_FOLDER(test_look),
		IN_A_FOLDER(test_remove),
		IN_A_FOLDER(test_rename),
		IN_A_FOLDER(test_rename_file),
		IN_A_FOLDER(test_open_below),
		IN_A_FOLDER(test_exchange_and_replace),
		IN_A_FOLDER(test_replace_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
