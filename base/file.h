/*
 * file.h - the only place that opens, reads, writes and renames
 *
 * A struct file keeps the descriptor and its name together, so that every
 * message says which file.  Reads are positioned and may run from several
 * threads at once.  A zeroed struct is closed; closing twice is harmless.
 * Interrupted and short system calls are continued here.  Errors carry the
 * path and the reason the system gave.  Everything is opened close-on-exec.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/reader.h"
#include "base/writer.h"

struct folder;

/* Where the bytes of a file come from that is only filled as it is read. */
struct file_origin {
	/*
	 * Have these bytes, which lie inside the file, in it.  Fails with
	 * ERROR_IO, but for lack of memory and for interruption: any other
	 * kind would tell of the bytes.
	 */
	bool (*fill)(void *state, uint64_t offset, size_t len,
		     struct error *err);
	/* Is what was filled in what it should be? */
	bool (*check)(void *state, struct error *err);
	void (*close)(void *state);
};

struct file {
	char *path;		/* as the user gave it, for messages; owned */
	int fd;			/* valid if path is not NULL */
	uint64_t size;		/* when it was opened for reading */
	struct timespec mtime;
	const struct file_origin *origin;	/* NULL: it is all here */
	void *state;		/* of the origin; owned */
};

/*
 * To be called first in a program: give the descriptors of the standard
 * streams that are closed to something, so that no file gets one of them, and
 * with it what is printed.  Using such a stream still fails.
 */
bool file_occupy_standard(void);

/*
 * openat(), close-on-exec, begun again if a signal interrupts it: for whoever
 * opens what is no struct file.  Returns what that does.
 */
int file_open_at(int at, const char *path, int flags, mode_t mode);

/*
 * Open a regular file for reading.  Anything else (a folder, a FIFO, a device)
 * is ERROR_UNSUPPORTED, and opening one never blocks.
 */
bool file_open(struct file *f, const char *path, struct error *err);

/* Create a file that must not exist, with mode 0666 less the umask. */
bool file_create(struct file *f, const char *path, struct error *err);

/* The same by a name in an open folder.  A link is not followed. */
bool file_open_in(struct file *f, const struct folder *in, const char *name,
		  struct error *err);
bool file_create_in(struct file *f, const struct folder *in, const char *name,
		    struct error *err);

/* A file without a name in folder dir: gone when it is closed. */
bool file_create_unnamed(struct file *f, const char *dir, struct error *err);

/*
 * One that others read under 'path', which is for messages: 'size' bytes of
 * zeros until the origin fills them in.  It takes over state, on failure, too.
 */
bool file_create_filled(struct file *f, const char *path, uint64_t size,
			const char *dir, const struct file_origin *origin,
			void *state, struct error *err);

/* The whole of an opened file.  Borrows f, which must not move. */
struct reader file_reader(const struct file *f);

/*
 * Fail if the file no longer has the size and modification time it was opened
 * with: somebody wrote to it while it was read.  An origin is asked instead.
 */
bool file_check_unchanged(const struct file *f, struct error *err);

/* Write all len bytes at offset. */
bool file_write(const struct file *f, uint64_t offset, const void *buf,
		size_t len, struct error *err);

/* file_write() as a writer.  Borrows f, which must not move. */
struct writer file_writer(struct file *f);

/* Make what was written durable. */
bool file_sync(const struct file *f, struct error *err);

/* Close; an error the system reports late (NFS, quotas) is an error here. */
bool file_close(struct file *f, struct error *err);

/* Close without caring: for paths that failed already, and for readers. */
void file_discard(struct file *f);

/* Make the names in a folder durable. */
bool file_sync_folder(const char *path, struct error *err);

/* Make one folder, which must not exist. */
bool file_make_folder(const char *path, struct error *err);

/* Make path and the folders above it, as mkdir -p does. */
bool file_make_folders(const char *path, struct error *err);

/* Fail unless names can be made in this folder, as far as can be told. */
bool file_check_writable(const char *folder, struct error *err);

/* What follows the last slash of a path; part of it. */
const char *file_base_name(const char *path);

/* malloc'ed "folder/name", or "name" if folder is "" or NULL. */
char *file_join(const char *folder, const char *name, struct error *err);

#endif
