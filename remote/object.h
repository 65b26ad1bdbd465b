/*
 * object.h - objects of S3 in the places where programs have paths
 *
 * "s3://bucket/key" is the path of an object; the key stands in it byte for
 * byte.  An object that is opened is a struct file: what is read of it is
 * fetched into a file without a name, on the local disk, that takes no more
 * room than what was fetched.  Reading on fetches ahead, jumping does not.
 */
#ifndef REMOTE_OBJECT_H
#define REMOTE_OBJECT_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "remote/s3.h"

bool object_is_path(const char *path);

#define OBJECT_BUCKET_SIZE 64

struct object_name {
	char bucket[OBJECT_BUCKET_SIZE];
	struct s3_place place;	/* borrows the bucket, and from the path */
};

/* Take the path of an object apart.  *name must not move afterwards. */
bool object_split(struct object_name *name, const char *path,
		  struct error *err);

/* The path with a slash at its end, prefix of what lies below; malloc'ed. */
char *object_below(const char *path, struct error *err);

/* The path of an object, in the arena. */
char *object_join(struct arena *a, const char *bucket, const char *key,
		  struct error *err);

/*
 * Open what may be an object, or a file on this machine, for reading.  The
 * fetched bytes go to a file in 'folder', which is borrowed; *f must not move
 * while it is open.  As long as it is open an object that changes is an error
 * where it is read; file_check_unchanged() compares the MD5 of one that was
 * read whole, where S3 tells that.
 */
bool object_open_or_file(struct file *f, const char *path, const char *folder,
			 struct error *err);

/* What has the name: S_IFREG for an object, or lstat()'s mode; 0: nothing. */
bool object_look_or_file(const char *path, mode_t *mode, struct error *err);

/* Where files without a name go if nothing else was said: TMPDIR or /tmp. */
const char *object_spill_folder(void);

/* The etag of an opened object, or NULL if it is a file. */
const char *object_etag(const struct file *f);

#endif
