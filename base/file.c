/* file.c - system calls on files, with names and reasons in their errors */
#define _GNU_SOURCE	/* O_TMPFILE, mkostemp() */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/memory.h"

static bool fail(const struct file *f, struct error *err, const char *what)
{
	error_set_errno(err, "%s", what);
	return error_in(err, f->path, NULL);
}

bool file_occupy_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		int flags = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;

		/* The lowest free descriptor is the one that is closed. */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", flags) != fd)
			return false;
	}
	return true;
}

/* Take over the name, malloc'ed or NULL, for a file that is to be opened. */
static bool set_path(struct file *f, char *path)
{
	*f = (struct file){ .path = path, .fd = -1 };
	return path != NULL;
}

static bool copy_path(struct file *f, const char *path, struct error *err)
{
	return set_path(f, strdup(path)) ||
	       error_set_memory(err, strlen(path) + 1);
}

/* Forget the name, so that the struct counts as closed. */
static bool forget(struct file *f)
{
	free(f->path);
	*f = (struct file){ 0 };
	return false;
}

int file_open_at(int at, const char *path, int flags, mode_t mode)
{
	int fd;

	do
		fd = openat(at, path, flags | O_CLOEXEC, mode);
	while (fd < 0 && errno == EINTR);
	return fd;
}

/* Open for reading.  O_NONBLOCK: a FIFO without a writer would block. */
static bool open_at(struct file *f, int at, const char *path, int flags,
		    struct error *err)
{
	struct stat st;

	f->fd = file_open_at(at, path,
			   O_RDONLY | O_NONBLOCK | O_NOCTTY | flags, 0);
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
		error_in(err, f->path, NULL);
		goto close;
	}
	f->size = (uint64_t)st.st_size;
	f->mtime = st.st_mtim;
	return true;
close:
	file_discard(f);
	return false;
}

bool file_open(struct file *f, const char *path, struct error *err)
{
	return copy_path(f, path, err) && open_at(f, AT_FDCWD, path, 0, err);
}

bool file_open_in(struct file *f, const struct folder *in, const char *name,
		  struct error *err)
{
	return set_path(f, file_join(in->path, name, err)) &&
	       open_at(f, in->fd, name, O_NOFOLLOW, err);
}

static bool create_at(struct file *f, int at, const char *path,
		      struct error *err)
{
	f->fd = file_open_at(at, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW,
			   0666);
	if (f->fd >= 0)
		return true;
	fail(f, err, "cannot create");
	return forget(f);
}

bool file_create(struct file *f, const char *path, struct error *err)
{
	return copy_path(f, path, err) && create_at(f, AT_FDCWD, path, err);
}

bool file_create_in(struct file *f, const struct folder *in, const char *name,
		    struct error *err)
{
	return set_path(f, file_join(in->path, name, err)) &&
	       create_at(f, in->fd, name, err);
}

/* Not every file system has O_TMPFILE: make a file, and take its name off. */
static bool create_and_unlink(struct file *f, const char *dir,
			      struct error *err)
{
	char *template = file_join(dir, ".mpt-spill-XXXXXX", err);
	bool ok = false;

	if (!template)
		return forget(f);
	f->fd = mkostemp(template, O_CLOEXEC);
	if (f->fd < 0) {
		fail(f, err, "cannot create a temporary file here");
		forget(f);
	} else if (unlink(template) != 0) {
		error_set_errno(err, "cannot remove it");
		error_in(err, template, NULL);
		file_discard(f);
	} else {
		ok = true;
	}
	free(template);
	return ok;
}

bool file_create_unnamed(struct file *f, const char *dir, struct error *err)
{
	if (!copy_path(f, dir, err))
		return false;
	f->fd = file_open_at(AT_FDCWD, dir, O_TMPFILE | O_RDWR, 0600);
	return f->fd >= 0 || create_and_unlink(f, dir, err);
}

bool file_create_filled(struct file *f, const char *path, uint64_t size,
			const char *dir, const struct file_origin *origin,
			void *state, struct error *err)
{
	char *name = strdup(path);
	bool ok = name || error_set_memory(err, strlen(path) + 1);

	ok = ok && file_create_unnamed(f, dir, err);
	if (!ok) {
		origin->close(state);
		free(name);
		return false;
	}
	f->origin = origin;
	f->state = state;
	f->size = size;
	if (ftruncate(f->fd, (off_t)size) != 0) {
		fail(f, err, "cannot make room for it here");
		free(name);
		file_discard(f);
		return false;
	}
	free(f->path);
	f->path = name;
	return true;
}

static bool fill(const struct file *f, uint64_t offset, size_t len,
		 struct error *err)
{
	return !f->origin || f->origin->fill(f->state, offset, len, err) ||
	       error_in(err, f->path, NULL);
}

static bool read_file(const void *source, uint64_t offset, void *buf,
		      size_t len, struct error *err)
{
	const struct file *f = source;
	char *p = buf;

	if (!fill(f, offset, len, err))
		return false;
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

	if (f->origin)
		return f->origin->check(f->state, err) ||
		       error_in(err, f->path, NULL);
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
	int status;

	do
		status = fsync(f->fd);
	while (status != 0 && errno == EINTR);
	return status == 0 || fail(f, err, "cannot make the data durable");
}

bool file_close(struct file *f, struct error *err)
{
	bool ok = true;

	if (!f->path)
		return true;
	if (f->origin)
		f->origin->close(f->state);
	if (close(f->fd) != 0 && errno != EINTR)
		ok = fail(f, err, "cannot finish writing");
	forget(f);
	return ok;
}

void file_discard(struct file *f)
{
	if (f->path && f->origin)
		f->origin->close(f->state);
	if (f->path)
		close(f->fd);
	forget(f);
}

bool file_sync_folder(const char *path, struct error *err)
{
	struct folder folder;
	bool ok = folder_open(&folder, path, err) && folder_sync(&folder, err);

	folder_close(&folder);
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
	errno = 0;
	ok = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
	if (!ok) {
		bool other = errno == 0 || errno == ENOENT;

		/* What is in the way, if only a dangling link, is no folder. */
		errno = other ? ENOTDIR : errno;
		error_set_errno(err, "cannot make the folder");
		error_in(err, path, NULL);
	}
done:
	free(copy);
	return ok;
}

bool file_check_writable(const char *folder, struct error *err)
{
	if (access(folder, W_OK | X_OK) == 0)
		return true;
	error_set_errno(err, "cannot write to the folder");
	return error_in(err, folder, NULL);
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
