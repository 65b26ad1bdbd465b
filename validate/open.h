/*
 * open.h - a bundle's members, whether it is a folder or a zip archive
 *
 * Paths and bytes are hostile.  In a folder, a member and the folders on the
 * way to it must not be symbolic links; an archive must be one that all
 * readers read alike (formats/zip.h).  Zeroed structs are closed; closing
 * twice is harmless.  Not shared between threads.
 */
#ifndef VALIDATE_OPEN_H
#define VALIDATE_OPEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file.h"
#include "base/progress.h"
#include "formats/bundle.h"
#include "formats/zip.h"

struct container {
	const char *path;	/* borrowed */
	bool folder;
	struct progress_work *work;	/* counts what is read, or NULL */
	struct file file;	/* an archive's, as are the two that follow */
	struct reader reader;
	struct zip zip;
};

/*
 * The path may be that of an object (remote/object.h).  A file that is no zip
 * archive is refused with what it looks like.
 */
bool open_container(struct container *c, const char *path, bool folder,
		    struct error *err);

void open_container_close(struct container *c);

/*
 * Check that a member is there, and a regular file.  name is a clean path
 * (bundle_clean_path()).  Errors name the member.
 */
bool open_check_member(const struct container *c, const char *name,
		       struct error *err);

/* Has an archive, not a folder, anything of this name? */
bool open_has_member(const struct container *c, const char *name);

/* A member that is read from first to last.  Must not move while open. */
struct member {
	const char *name;	/* borrowed */
	struct bundle_stream bytes;
	struct file file;	/* in a folder */
	struct reader reader;
	struct zip_stream *stream;	/* in an archive */
	uint64_t pos;
	struct progress_work *work;	/* the container's */
	bool broken;		/* a read failed: nothing more can be read */
};

bool open_member(struct member *m, const struct container *c,
		 const char *name, struct error *err);

/*
 * Unless it is broken: read what is left of it, and check that the archive's
 * CRC is right, or that the folder's file did not change.  Until then its
 * bytes are not to be trusted.
 */
bool open_member_finish(struct member *m, struct error *err);

void open_member_close(struct member *m);

/*
 * The whole of policy_spec.json, malloc'ed, with its CRC checked; over
 * POLICY_SPEC_LIMIT bytes are ERROR_LIMIT.  Errors name the member.
 */
bool open_read_spec(const struct container *c, char **text, size_t *len,
		    struct error *err);

/* Read the members of an archive but those two (or NULL); check each CRC. */
bool open_check_rest(const struct container *c, const char *const without[2],
		     struct error *err);

#endif
