/* append.c - locked writes at the end */
#define _GNU_SOURCE	/* F_OFD_SETLK */
#include "base/append.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static bool fail(const struct append_file *f, struct error *err,
		 const char *what)
{
	error_set_errno(err, "%s", what);
	return error_in(err, f->path, NULL);
}

bool append_open(struct append_file *f, const struct folder *in,
		 const char *name, struct error *err)
{
	struct stat st;

	*f = (struct append_file){ 0 };
	f->path = file_join(in->path, name, err);
	if (!f->path)
		return false;
	/* O_NONBLOCK: what is there may be a FIFO. */
	f->fd = file_open_at(in->fd, name, O_RDWR | O_APPEND | O_CREAT |
			     O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0666);
	if (f->fd < 0) {
		fail(f, err, "cannot open");
		free(f->path);
		f->path = NULL;
		return false;
	}
	if (fstat(f->fd, &st) != 0) {
		fail(f, err, "cannot read its size");
	} else if (!S_ISREG(st.st_mode)) {
		error_set(err, ERROR_UNSAFE, ERROR_NO_OFFSET,
			  "not a regular file");
		error_in(err, f->path, NULL);
	} else {
		return true;
	}
	append_close(f);
	return false;
}

/* Not every file system has locks; see above. */
static void set_lock(const struct append_file *f, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET };

	while (fcntl(f->fd, F_OFD_SETLKW, &lock) != 0 && errno == EINTR)
		continue;
}

static bool write_all(const struct append_file *f, const char *p, size_t len,
		      struct error *err)
{
	while (len > 0) {
		ssize_t n = write(f->fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(f, err, "cannot write");
		p += n;
		len -= (size_t)n;
	}
	return true;
}

/* Somebody who was killed, or whose disk was full, may have left a part. */
static bool end_torn_line(const struct append_file *f, struct error *err)
{
	struct stat st;
	char last = '\n';
	ssize_t n = 0;

	if (fstat(f->fd, &st) != 0)
		return fail(f, err, "cannot read its size");
	while (st.st_size > 0 &&
	       (n = pread(f->fd, &last, 1, st.st_size - 1)) < 0 &&
	       errno == EINTR)
		continue;
	if (n < 0)
		return fail(f, err, "cannot read");
	return last == '\n' || write_all(f, "\n", 1, err);
}

static bool sync_data(const struct append_file *f, struct error *err)
{
	int status;

	do
		status = fdatasync(f->fd);
	while (status != 0 && errno == EINTR);
	return status == 0 || fail(f, err, "cannot make the lines durable");
}

bool append_lines(struct append_file *f, const void *lines, size_t len,
		  bool sync, struct error *err)
{
	bool ok;

	set_lock(f, F_WRLCK);
	ok = end_torn_line(f, err) && write_all(f, lines, len, err);
	set_lock(f, F_UNLCK);
	return ok && (!sync || sync_data(f, err));
}

void append_close(struct append_file *f)
{
	if (f->path)
		close(f->fd);
	free(f->path);
	*f = (struct append_file){ 0 };
}
