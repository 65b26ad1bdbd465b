/* file.c - system calls on files, with names and reasons in their errors */
#define _GNU_SOURCE	/* O_TMPFILE, renameat2(): there are fallbacks */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

static bool fail(const struct file *f, struct error *err, const char *what)
{
	error_set_errno(err, "%s", what);
	return error_in(err, f->path, NULL);
}

static bool set_path(struct file *f, const char *path, struct error *err)
{
	*f = (struct file){ 0 };
	f->path = strdup(path);
	if (!f->path)
		return error_set_memory(err, strlen(path) + 1);
	return true;
}

/* Forget the name, so that the struct counts as closed. */
static bool forget(struct file *f)
{
	free(f->path);
	*f = (struct file){ 0 };
	return false;
}

bool file_open(struct file *f, const char *path, struct error *err)
{
	struct stat st;

	if (!set_path(f, path, err))
		return false;
	f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (f->fd < 0) {
		fail(f, err, "cannot open");
		return forget(f);
	}
	if (fstat(f->fd, &st) != 0) {
		fail(f, err, "cannot read its size");
		goto close;
	}
	if (!S_ISREG(st.st_mode)) {
		error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
			  "not a regular file");
		error_in(err, path, NULL);
		goto close;
	}
	f->size = (uint64_t)st.st_size;
	f->mtime = st.st_mtim;
	return true;
close:
	file_discard(f);
	return false;
}

bool file_create(struct file *f, const char *path, struct error *err)
{
	if (!set_path(f, path, err))
		return false;
	f->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		     0666);
	if (f->fd < 0) {
		fail(f, err, "cannot create");
		return forget(f);
	}
	return true;
}

bool file_create_unnamed(struct file *f, const char *dir, struct error *err)
{
	char *template = NULL;

	if (!set_path(f, dir, err))
		return false;
	f->fd = -1;
#ifdef O_TMPFILE
	f->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
#endif
	if (f->fd >= 0)
		return true;
	/* Not every file system can: make a named one and take the name off. */
	template = file_join(dir, ".mpt-spill-XXXXXX", err);
	if (!template)
		return forget(f);
	f->fd = mkstemp(template);
	if (f->fd < 0) {
		fail(f, err, "cannot create a temporary file here");
		free(template);
		return forget(f);
	}
	unlink(template);
	free(template);
	fcntl(f->fd, F_SETFD, FD_CLOEXEC);
	return true;
}

static bool read_file(const void *source, uint64_t offset, void *buf,
		      size_t len, struct error *err)
{
	const struct file *f = source;
	char *p = buf;

	while (len > 0) {
		ssize_t n = pread(f->fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(f, err, "cannot read");
		if (n == 0) {
			error_set(err, ERROR_IO, offset,
				  "the file became shorter while it was read");
			return error_in(err, f->path, NULL);
		}
		p += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return true;
}

struct reader file_reader(const struct file *f)
{
	return (struct reader){ .read = read_file, .source = f,
				.size = f->size };
}

bool file_check_unchanged(const struct file *f, struct error *err)
{
	struct stat st;

	if (fstat(f->fd, &st) != 0)
		return fail(f, err, "cannot read its size");
	if ((uint64_t)st.st_size == f->size &&
	    st.st_mtim.tv_sec == f->mtime.tv_sec &&
	    st.st_mtim.tv_nsec == f->mtime.tv_nsec)
		return true;
	error_set(err, ERROR_IO, ERROR_NO_OFFSET,
		  "the file was changed while it was read");
	return error_in(err, f->path, NULL);
}

bool file_write(const struct file *f, uint64_t offset, const void *buf,
		size_t len, struct error *err)
{
	const char *p = buf;

	while (len > 0) {
		ssize_t n = pwrite(f->fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(f, err, "cannot write");
		p += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return true;
}

static bool write_file(void *to, uint64_t offset, const void *buf, size_t len,
		       struct error *err)
{
	return file_write(to, offset, buf, len, err);
}

struct writer file_writer(struct file *f)
{
	return (struct writer){ .write = write_file, .to = f };
}

bool file_sync(const struct file *f, struct error *err)
{
	if (fsync(f->fd) != 0)
		return fail(f, err, "cannot make the data durable");
	return true;
}

bool file_close(struct file *f, struct error *err)
{
	bool ok = true;

	if (!f->path)
		return true;
	if (close(f->fd) != 0 && errno != EINTR)
		ok = fail(f, err, "cannot finish writing");
	forget(f);
	return ok;
}

void file_discard(struct file *f)
{
	if (f->path)
		close(f->fd);
	forget(f);
}

bool file_rename_new(const char *from, const char *to, bool *renamed,
		     struct error *err)
{
	int status = -1;

#ifdef RENAME_NOREPLACE
	status = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
#else
	errno = ENOSYS;
#endif
	/* Not every file system can: a second name, then away with the first. */
	if (status != 0 && (errno == EINVAL || errno == ENOSYS)) {
		status = link(from, to);
		if (status == 0)
			unlink(from);
	}
	*renamed = status == 0;
	if (*renamed || errno == EEXIST)
		return true;
	error_set_errno(err, "cannot rename the finished file");
	return error_in(err, to, NULL);
}

bool file_sync_folder(const char *path, struct error *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok;

	if (fd < 0) {
		error_set_errno(err, "cannot open the folder");
		return error_in(err, path, NULL);
	}
	/* EINVAL: a file system that has nothing to sync for a folder. */
	ok = fsync(fd) == 0 || errno == EINVAL;
	if (!ok) {
		error_set_errno(err, "cannot make the folder durable");
		error_in(err, path, NULL);
	}
	close(fd);
	return ok;
}

bool file_make_folder(const char *path, struct error *err)
{
	if (mkdir(path, 0777) == 0)
		return true;
	error_set_errno(err, "cannot make the folder");
	return error_in(err, path, NULL);
}

bool file_make_folders(const char *path, struct error *err)
{
	char *copy = strdup(path);
	bool ok = false;
	struct stat st;

	if (!copy)
		return error_set_memory(err, strlen(path) + 1);
	/* A slash in front ends no name; "" has nothing but its end. */
	for (char *p = copy + (copy[0] == '/'); ; p++) {
		char kept = *p;

		if (kept != '/' && kept != '\0')
			continue;
		*p = '\0';
		if (mkdir(copy, 0777) != 0 && errno != EEXIST) {
			error_set_errno(err, "cannot make the folder");
			error_in(err, copy, NULL);
			goto done;
		}
		*p = kept;
		if (kept == '\0')
			break;
	}
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		error_set_errno(err, "cannot make the folder");
		error_in(err, path, NULL);
		goto done;
	}
	ok = true;
done:
	free(copy);
	return ok;
}

const char *file_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

char *file_join(const char *folder, const char *name, struct error *err)
{
	size_t folder_len = folder ? strlen(folder) : 0;
	size_t name_len = strlen(name), len = 0;
	char *path = memory_array(folder_len + name_len + 2, 1, err);

	if (!path)
		return NULL;
	if (folder_len > 0) {
		memcpy(path, folder, folder_len);
		len = folder_len;
		if (path[len - 1] != '/')
			path[len++] = '/';
	}
	memcpy(path + len, name, name_len + 1);
	return path;
}
