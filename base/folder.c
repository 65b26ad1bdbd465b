/* folder.c - system calls that name things relative to an open folder */
#define _GNU_SOURCE	/* O_PATH, renameat2() */
#include "base/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

/* To start paths from: for that a folder need not be readable. */
static const int open_flags = O_PATH | O_DIRECTORY;

static bool fail(const struct folder *f, struct error *err, const char *what,
		 const char *name)
{
	error_set_errno(err, "%s \"%.200s\"", what, name);
	return error_in(err, f->path, NULL);
}

bool folder_open(struct folder *f, const char *path, struct error *err)
{
	/* Behind a slash even an automounter sees that the folder is used. */
	char *inside = file_join(path, ".", err);

	*f = (struct folder){ 0 };
	if (!inside)
		return false;
	f->path = strdup(path);
	if (!f->path) {
		error_set_memory(err, strlen(path) + 1);
		goto done;
	}
	f->fd = file_open_at(AT_FDCWD, inside, open_flags, 0);
	if (f->fd < 0) {
		error_set_errno(err, "cannot open the folder");
		error_in(err, path, NULL);
		free(f->path);
		f->path = NULL;
	}
done:
	free(inside);
	return f->path != NULL;
}

/* Why a name could not be opened as a folder; errno says. */
static bool fault_of_name(const struct folder *in, const char *name,
			  struct error *err)
{
	bool other = errno == ENOTDIR || errno == ELOOP;
	struct stat st;

	if (!other)
		return fail(in, err, "cannot open the folder", name);
	if (fstatat(in->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return fail(in, err, "cannot look at", name);
	error_set(err, ERROR_UNSAFE, ERROR_NO_OFFSET,
		  S_ISLNK(st.st_mode) ?
		  "\"%.200s\" is a symbolic link, which is not followed here" :
		  "\"%.200s\" is no folder", name);
	return error_in(err, in->path, NULL);
}

bool folder_open_in(struct folder *f, const struct folder *in,
		    const char *name, struct error *err)
{
	*f = (struct folder){ 0 };
	f->path = file_join(in->path, name, err);
	if (!f->path)
		return false;
	f->fd = file_open_at(in->fd, name, open_flags | O_NOFOLLOW, 0);
	if (f->fd >= 0)
		return true;
	fault_of_name(in, name, err);
	free(f->path);
	f->path = NULL;
	return false;
}

/* Replace f by the folder of this name in it; make it if it is missing. */
static bool step_down(struct folder *f, const char *name, bool make,
		      struct error *err)
{
	struct folder next;

	if (make && mkdirat(f->fd, name, 0777) != 0 && errno != EEXIST)
		return fail(f, err, "cannot make the folder", name);
	if (!folder_open_in(&next, f, name, err))
		return false;
	folder_close(f);
	*f = next;
	return true;
}

static bool descend(struct folder *f, const char *path, size_t len, bool make,
		    struct error *err)
{
	char *copy = memory_copy(path, len, err), *rest = copy, *name;
	bool ok = copy != NULL;

	while (ok && (name = strsep(&rest, "/")) != NULL)
		ok = name[0] == '\0' || step_down(f, name, make, err);
	free(copy);
	if (!ok)
		folder_close(f);
	return ok;
}

bool folder_descend(struct folder *f, const char *path, size_t len,
		    struct error *err)
{
	return descend(f, path, len, true, err);
}

bool folder_open_below(struct folder *f, const struct folder *from,
		       const char *path, struct error *err)
{
	return folder_open_in(f, from, ".", err) &&
	       descend(f, path, strlen(path), false, err);
}

static int open_to_read(const struct folder *f, struct error *err)
{
	int fd = file_open_at(f->fd, ".", O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0) {
		error_set_errno(err, "cannot open the folder");
		error_in(err, f->path, NULL);
	}
	return fd;
}

DIR *folder_list(const struct folder *f, struct error *err)
{
	int fd = open_to_read(f, err);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;

	if (fd >= 0 && !list) {
		error_set_errno(err, "cannot read the folder");
		error_in(err, f->path, NULL);
		close(fd);
	}
	return list;
}

bool folder_make_in(struct folder *f, const struct folder *in,
		    const char *name, struct error *err)
{
	*f = (struct folder){ 0 };
	if (mkdirat(in->fd, name, 0777) != 0)
		return fail(in, err, "cannot make the folder", name);
	if (folder_open_in(f, in, name, err))
		return true;
	unlinkat(in->fd, name, AT_REMOVEDIR);
	return false;
}

bool folder_look(const struct folder *f, const char *name, mode_t *mode,
		 struct error *err)
{
	struct stat st = { 0 };

	if (fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 &&
	    errno != ENOENT)
		return fail(f, err, "cannot look at", name);
	*mode = st.st_mode;
	return true;
}

static bool remove_name(const struct folder *f, const char *name, int flags,
			struct error *err)
{
	return unlinkat(f->fd, name, flags) == 0 || errno == ENOENT ||
	       fail(f, err, "cannot remove", name);
}

bool folder_remove_file(const struct folder *f, const char *name,
			struct error *err)
{
	return remove_name(f, name, 0, err);
}

bool folder_remove_folder(const struct folder *f, const char *name,
			  struct error *err)
{
	return remove_name(f, name, AT_REMOVEDIR, err);
}

bool folder_rename(const struct folder *f, const char *from, const char *to,
		   bool *taken, struct error *err)
{
	*taken = false;
	if (renameat(f->fd, from, f->fd, to) == 0)
		return true;
	*taken = errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR;
	return !*taken && fail(f, err, "cannot make the name", to);
}

bool folder_rename_file(const struct folder *f, const char *from,
			const char *to, bool *taken, struct error *err)
{
	int status = -1;

#ifdef RENAME_NOREPLACE
	status = renameat2(f->fd, from, f->fd, to, RENAME_NOREPLACE);
#else
	errno = ENOSYS;
#endif
	*taken = false;
	/* Not every file system can: a second name, then away with the first. */
	if (status != 0 && (errno == EINVAL || errno == ENOSYS)) {
		status = linkat(f->fd, from, f->fd, to, 0);
		if (status == 0)
			return folder_remove_file(f, from, err);
	}
	*taken = status != 0 && errno == EEXIST;
	return status == 0 ||
	       (!*taken && fail(f, err, "cannot make the name", to));
}

bool folder_replace_file(const struct folder *f, const char *from,
			 const char *to, struct error *err)
{
	return renameat(f->fd, from, f->fd, to) == 0 ||
	       fail(f, err, "cannot make the name", to);
}

bool folder_exchange(const struct folder *f, const char *a, const char *b,
		     bool *able, struct error *err)
{
	int status = -1;

#ifdef RENAME_EXCHANGE
	status = renameat2(f->fd, a, f->fd, b, RENAME_EXCHANGE);
#else
	errno = ENOSYS;
#endif
	*able = status == 0 || (errno != EINVAL && errno != ENOSYS);
	return status == 0 || !*able ||
	       fail(f, err, "cannot make the name", b);
}

bool folder_open_sync(const struct folder *f, int *fd, struct error *err)
{
	*fd = open_to_read(f, err);
	return *fd >= 0;
}

bool folder_finish_sync(const struct folder *f, int fd, struct error *err)
{
	bool ok;
	int status;

	do
		status = fsync(fd);
	while (status != 0 && errno == EINTR);
	/* EINVAL: a file system that has nothing to sync for a folder. */
	ok = status == 0 || errno == EINVAL;
	if (!ok) {
		error_set_errno(err, "cannot make the folder durable");
		error_in(err, f->path, NULL);
	}
	close(fd);
	return ok;
}

bool folder_sync(const struct folder *f, struct error *err)
{
	int fd;

	return folder_open_sync(f, &fd, err) && folder_finish_sync(f, fd, err);
}

void folder_close(struct folder *f)
{
	if (f->path)
		close(f->fd);
	free(f->path);
	*f = (struct folder){ 0 };
}
