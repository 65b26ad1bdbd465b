/* test_file.c - files and folders, and what is said when the system refuses */
#define _XOPEN_SOURCE 700	/* nftw */
#include "base/file.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/own_folder.h"

static void test_open_refuses(void **state)
{
	static const struct {
		const char *path;
		enum error_kind kind;
		const char *reason;
	} rows[] = {
		{ "missing", ERROR_IO, "cannot open: No such file" },
		{ "file/below", ERROR_IO, "cannot open: Not a directory" },
		{ "loop", ERROR_IO, "cannot open: Too many levels" },
		{ "", ERROR_IO, "cannot open: No such file" },
		{ ".", ERROR_UNSUPPORTED, "not a regular file" },
		{ "fifo", ERROR_UNSUPPORTED, "not a regular file" },
		{ "/dev/null", ERROR_UNSUPPORTED, "not a regular file" },
	};

	(void)state;
	put("file", "x");
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(symlink("loop", "loop"), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error err = { 0 };
		struct file f;

		CHECK(rows[i].path, !file_open(&f, rows[i].path, &err));
		check_fault(rows[i].path, &err, rows[i].kind, ERROR_NO_OFFSET,
			    rows[i].reason);
		check_text(rows[i].path, err.path, rows[i].path);
		CHECK(rows[i].path, f.path == NULL);
		file_discard(&f);
	}
	check_rows();
}

static void test_read(void **state)
{
	struct error err = { 0 };
	struct reader r;
	struct file f;
	char got[8] = "";

	(void)state;
	put("f", "0123456789");
	assert_true(file_open(&f, "f", &err));
	assert_int_equal(f.size, 10);
	assert_true(fcntl(f.fd, F_GETFD) & FD_CLOEXEC);
	r = file_reader(&f);
	assert_true(reader_read(&r, 3, got, 4, &err));
	assert_string_equal(got, "3456");
	assert_true(file_check_unchanged(&f, &err));
	assert_false(reader_read(&r, 9, got, 2, &err));
	check_fault("past the end", &err, ERROR_TRUNCATED, 9,
		    "2 bytes are needed here, only 1 follow");
	file_discard(&f);
	file_discard(&f);
	check_rows();
}

static void test_file_that_shrinks(void **state)
{
	struct error err = { 0 };
	struct reader r;
	struct file f;
	char got[8];

	(void)state;
	put("f", "0123456789");
	assert_true(file_open(&f, "f", &err));
	r = file_reader(&f);
	assert_int_equal(truncate("f", 6), 0);
	assert_false(reader_read(&r, 4, got, 4, &err));
	check_fault("shrunk", &err, ERROR_IO, 6,
		    "the file became shorter while it was read");
	check_text("shrunk", err.path, "f");
	file_discard(&f);
	check_rows();
}

static void test_changed_files(void **state)
{
	static const struct timespec later[2] = {
		{ .tv_sec = 1, .tv_nsec = 5 }, { .tv_sec = 1, .tv_nsec = 5 }
	};
	struct error err = { 0 }, err2 = { 0 };
	struct file f;

	(void)state;
	put("f", "0123456789");
	assert_true(file_open(&f, "f", &err));
	assert_int_equal(utimensat(AT_FDCWD, "f", later, 0), 0);
	assert_false(file_check_unchanged(&f, &err));
	check_fault("other time", &err, ERROR_IO, ERROR_NO_OFFSET,
		    "the file was changed while it was read");
	f.mtime = later[1];
	f.size = 9;
	assert_false(file_check_unchanged(&f, &err2));
	check_fault("other size", &err2, ERROR_IO, ERROR_NO_OFFSET,
		    "the file was changed while it was read");
	check_text("other size", err2.path, "f");
	file_discard(&f);
	check_rows();
}

static void test_create_and_write(void **state)
{
	static const mode_t masks[] = { 0022, 0077, 0002, 0 };
	struct stat st;

	(void)state;
	for (size_t i = 0; i < COUNT(masks); i++) {
		mode_t before = umask(masks[i]);
		struct error err = { 0 };
		struct file f;
		struct reader r;
		char got[8] = "";

		assert_true(file_create(&f, "new", &err));
		umask(before);
		assert_true(file_write(&f, 3, "def", 3, &err));
		assert_true(file_write(&f, 0, "abc", 3, &err));
		assert_true(file_write(&f, 99, NULL, 0, &err));
		assert_true(file_sync(&f, &err));
		assert_true(file_close(&f, &err));
		assert_true(file_close(&f, &err));
		assert_int_equal(stat("new", &st), 0);
		assert_int_equal(st.st_mode & 07777, 0666 & ~masks[i]);
		assert_true(file_open(&f, "new", &err));
		r = file_reader(&f);
		assert_true(reader_read(&r, 0, got, 6, &err));
		assert_string_equal(got, "abcdef");
		file_discard(&f);
		assert_int_equal(unlink("new"), 0);
	}
}

static void test_create_refuses(void **state)
{
	static const struct {
		const char *path, *reason;
	} rows[] = {
		{ "file", "cannot create: File exists" },
		{ "link", "cannot create: File exists" },
		{ "folder", "cannot create: File exists" },
		{ "missing/new", "cannot create: No such file" },
		{ "file/new", "cannot create: Not a directory" },
	};

	(void)state;
	put("file", "kept");
	assert_int_equal(symlink("target", "link"), 0);
	assert_int_equal(mkdir("folder", 0700), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error err = { 0 };
		struct file f;

		CHECK(rows[i].path, !file_create(&f, rows[i].path, &err));
		check_fault(rows[i].path, &err, ERROR_IO, ERROR_NO_OFFSET,
			    rows[i].reason);
		check_text(rows[i].path, err.path, rows[i].path);
	}
	assert_int_equal(access("target", F_OK), -1);
	check_rows();
}

/* By name in a folder: what a link leads to is neither read nor written. */
static void test_names_in_a_folder(void **state)
{
	static const struct {
		const char *name;
		enum error_kind kind;
		const char *open, *create;
	} rows[] = {
		{ "file", ERROR_NONE, NULL, "cannot create: File exists" },
		{ "link", ERROR_IO, "cannot open: Too many levels",
		  "cannot create: File exists" },
		{ "dangling", ERROR_IO, "cannot open: Too many levels",
		  "cannot create: File exists" },
		{ "fifo", ERROR_UNSUPPORTED, "not a regular file",
		  "cannot create: File exists" },
		{ "new", ERROR_IO, "cannot open: No such file", NULL },
	};
	struct folder here = opened(".");

	(void)state;
	put("file", "kept");
	assert_int_equal(symlink("file", "link"), 0);
	assert_int_equal(symlink("target", "dangling"), 0);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error open_err = { 0 }, create_err = { 0 };
		struct file f;
		char path[32];

		snprintf(path, sizeof(path), "./%s", rows[i].name);
		CHECK(rows[i].name, file_open_in(&f, &here, rows[i].name,
						 &open_err) == !rows[i].open);
		if (rows[i].open)
			check_fault(rows[i].name, &open_err, rows[i].kind,
				    ERROR_NO_OFFSET, rows[i].open);
		check_text(rows[i].name, rows[i].open ? open_err.path : f.path,
			   path);
		file_discard(&f);
		CHECK(rows[i].name, file_create_in(&f, &here, rows[i].name,
						   &create_err) ==
		      !rows[i].create);
		if (rows[i].create)
			check_fault(rows[i].name, &create_err, ERROR_IO,
				    ERROR_NO_OFFSET, rows[i].create);
		file_discard(&f);
	}
	assert_int_equal(access("target", F_OK), -1);
	folder_close(&here);
	check_rows();
}

static void test_unnamed_file(void **state)
{
	struct error err = { 0 };
	struct file f;
	struct stat st;
	char got[4] = "";

	(void)state;
	assert_true(file_create_unnamed(&f, ".", &err));
	assert_true(file_write(&f, 0, "abc", 3, &err));
	assert_int_equal(pread(f.fd, got, 3, 0), 3);
	assert_string_equal(got, "abc");
	assert_int_equal(fstat(f.fd, &st), 0);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(st.st_mode & 0077, 0);
	assert_true(fcntl(f.fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(rmdir(folder), 0);	/* nothing is in it */
	assert_true(file_close(&f, &err));
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_false(file_create_unnamed(&f, "missing", &err));
	check_fault("no folder", &err, ERROR_IO, ERROR_NO_OFFSET,
		    "cannot create a temporary file here: No such file");
	check_text("no folder", err.path, "missing");
	check_rows();
}

/* What the system says about a descriptor that cannot do it is passed on. */
static void test_system_refuses(void **state)
{
	struct error err[5] = { { 0 } };
	char got[4];
	struct file f, pipe_end = { .path = (char *)"pipe" };
	struct reader r;
	int ends[2];

	(void)state;
	put("f", "0123");
	assert_true(file_open(&f, "f", &err[0]));
	assert_false(file_write(&f, 0, "x", 1, &err[0]));
	check_fault("read-only", &err[0], ERROR_IO, ERROR_NO_OFFSET,
		    "cannot write: Bad file descriptor");
	assert_int_equal(pipe(ends), 0);
	pipe_end.fd = ends[1];
	pipe_end.size = 4;
	assert_false(file_sync(&pipe_end, &err[1]));
	check_fault("pipe", &err[1], ERROR_IO, ERROR_NO_OFFSET,
		    "cannot make the data durable: Invalid argument");
	r = file_reader(&pipe_end);
	assert_false(reader_read(&r, 0, got, 1, &err[2]));
	check_fault("pipe", &err[2], ERROR_IO, ERROR_NO_OFFSET,
		    "cannot read: Illegal seek");
	check_text("pipe", err[2].path, "pipe");
	close(ends[0]);
	close(ends[1]);
	close(f.fd);
	assert_false(file_check_unchanged(&f, &err[3]));
	check_fault("closed", &err[3], ERROR_IO, ERROR_NO_OFFSET,
		    "cannot read its size: Bad file descriptor");
	assert_false(file_close(&f, &err[4]));
	check_fault("closed", &err[4], ERROR_IO, ERROR_NO_OFFSET,
		    "cannot finish writing: Bad file descriptor");
	assert_null(f.path);
	check_rows();
}

/* ---- files that are filled as they are read ---- */

/* Fills with the digits of the offset; the byte at 7 cannot be had. */
struct source {
	struct file *file;
	unsigned fills, closes;
	bool changed;
};

static bool fill(void *state, uint64_t offset, size_t len, struct error *err)
{
	struct source *s = state;

	s->fills++;
	for (uint64_t i = offset; i < offset + len; i++) {
		char digit = (char)('0' + i % 10);

		if (i == 7)
			return error_set(err, ERROR_IO, i, "it is far away");
		if (!file_write(s->file, i, &digit, 1, err))
			return false;
	}
	return true;
}

static bool check_source(void *state, struct error *err)
{
	const struct source *s = state;

	return !s->changed ||
	       error_set(err, ERROR_IO, ERROR_NO_OFFSET, "it is another");
}

static void close_source(void *state)
{
	struct source *s = state;

	s->closes++;
}

static const struct file_origin origin = {
	fill, check_source, close_source
};

static void test_filled_file(void **state)
{
	struct error err[3] = { { 0 } };
	struct file f;
	struct source source = { .file = &f };
	struct reader r;
	char got[8] = "";

	(void)state;
	assert_true(file_create_filled(&f, "far/away", 10, ".", &origin,
				       &source, &err[0]));
	r = file_reader(&f);
	assert_int_equal(r.size, 10);
	assert_true(reader_read(&r, 2, got, 3, &err[0]));
	assert_string_equal(got, "234");
	assert_int_equal(source.fills, 1);
	assert_false(reader_read(&r, 5, got, 3, &err[0]));
	check_fault("fill", &err[0], ERROR_IO, 7, "it is far away");
	check_text("fill", err[0].path, "far/away");
	assert_true(file_check_unchanged(&f, &err[1]));
	source.changed = true;
	assert_false(file_check_unchanged(&f, &err[1]));
	check_fault("check", &err[1], ERROR_IO, ERROR_NO_OFFSET,
		    "it is another");
	check_text("check", err[1].path, "far/away");
	file_discard(&f);
	file_discard(&f);
	assert_int_equal(source.closes, 1);
	assert_false(file_create_filled(&f, "far/away", 10, "missing", &origin,
					&source, &err[2]));
	assert_int_equal(source.closes, 2);
	check_text("no room", err[2].path, "missing");
	check_rows();
}

static void test_full_file(void **state)
{
	struct rlimit before, small;
	struct error err = { 0 };
	struct file f;

	(void)state;
	assert_true(file_create(&f, "f", &err));
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 100;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_true(file_write(&f, 90, "0123456789", 10, &err));
	assert_false(file_write(&f, 95, "0123456789", 10, &err));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_DFL);
	check_fault("full", &err, ERROR_IO, ERROR_NO_OFFSET,
		    "cannot write: File too large");
	check_text("full", err.path, "f");
	file_discard(&f);
	check_rows();
}

static void test_sync_folder(void **state)
{
	static const struct {
		const char *path, *reason;
	} rows[] = {
		{ ".", NULL },
		{ "missing", "cannot open the folder: No such file" },
		{ "file", "cannot open the folder: Not a directory" },
	};

	(void)state;
	put("file", "x");
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error err = { 0 };

		CHECK(rows[i].path, file_sync_folder(rows[i].path, &err) ==
		      !rows[i].reason);
		if (!rows[i].reason)
			continue;
		check_fault(rows[i].path, &err, ERROR_IO, ERROR_NO_OFFSET,
			    rows[i].reason);
		check_text(rows[i].path, err.path, rows[i].path);
	}
	check_rows();
}

static void test_make_folders(void **state)
{
	static const struct {
		const char *path, *reason, *about;
	} rows[] = {
		{ "a", NULL, NULL },
		{ "a", NULL, NULL },			/* it is there */
		{ "a/b/c", NULL, NULL },
		{ "d//e/", NULL, NULL },
		{ "./f/../g", NULL, NULL },
		{ "/", NULL, NULL },
		{ "to-a/h", NULL, NULL },
		{ "", "cannot make the folder: No such file", "" },
		{ "file", "cannot make the folder: Not a directory", "file" },
		{ "file/x/y", "cannot make the folder: Not a directory",
		  "file/x" },
		{ "dangling", "cannot make the folder: Not a directory",
		  "dangling" },
		{ "dangling/x", "cannot make the folder: No such file",
		  "dangling/x" },
	};

	(void)state;
	put("file", "x");
	assert_int_equal(symlink("nowhere", "dangling"), 0);
	assert_int_equal(symlink("a", "to-a"), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error err = { 0 };
		struct stat st;

		CHECK(rows[i].path, file_make_folders(rows[i].path, &err) ==
		      !rows[i].reason);
		if (rows[i].reason) {
			check_fault(rows[i].path, &err, ERROR_IO,
				    ERROR_NO_OFFSET, rows[i].reason);
			check_text(rows[i].path, err.path, rows[i].about);
		} else {
			CHECK(rows[i].path, stat(rows[i].path, &st) == 0 &&
			      S_ISDIR(st.st_mode));
		}
	}
	assert_int_equal(access("a/h", F_OK), 0);
	check_rows();
}

static void test_join(void **state)
{
	static const struct {
		const char *folder, *name, *joined;
	} rows[] = {
		{ "a", "b", "a/b" },
		{ "a/", "b", "a/b" },
		{ "/", "b", "/b" },
		{ "", "b", "b" },
		{ NULL, "b", "b" },
		{ "a", "", "a/" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error err = { 0 };
		char *path = file_join(rows[i].folder, rows[i].name, &err);

		assert_non_null(path);
		check_text(rows[i].joined, path, rows[i].joined);
		free(path);
	}
	check_rows();
}

static void test_base_name(void **state)
{
	static const struct {
		const char *path, *name;
	} rows[] = {
		{ "a/b/c", "c" }, { "c", "c" }, { "/c", "c" }, { "a/", "" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check_text(rows[i].path, file_base_name(rows[i].path),
			   rows[i].name);
	check_rows();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_FOLDER(test_open_refuses),
		IN_A_FOLDER(test_read),
		IN_A_FOLDER(test_file_that_shrinks),
		IN_A_FOLDER(test_changed_files),
		IN_A_FOLDER(test_create_and_write),
		IN_A_FOLDER(test_create_refuses),
		IN_A_FOLDER(test_names_in_a_folder),
		IN_A_FOLDER(test_unnamed_file),
		IN_A_FOLDER(test_system_refuses),
		IN_A_FOLDER(test_filled_file),
		IN_A_FOLDER(test_full_file),
		IN_A_FOLDER(test_sync_folder),
		IN_A_FOLDER(test_make_folders),
		IN_A_FOLDER(test_join),
		cmocka_unit_test(test_base_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
