/*
 * there.h - the bundle that is there, as a folder or as an archive, to read
 *
 * It is hostile, and may be anything.  That something in it is missing or
 * broken is no error of the functions here, but recorded in *difference, an
 * error of its own, and what was to be opened stays closed; they return false
 * if this machine cannot read what there is.  Links are not followed.  Zeroed
 * structs are closed; closing twice is harmless.  Not shared between threads.
 */
#ifndef CONVERT_THERE_H
#define CONVERT_THERE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file.h"
#include "base/reader.h"
#include "convert/checkpoint.h"
#include "convert/notes.h"
#include "formats/zip.h"

struct there {
	const char *path;	/* borrowed; NULL: closed */
	bool archive;
	struct file file;	/* the archive, as are the two that follow */
	struct reader reader;
	struct zip zip;
};

/*
 * Open what is at path.  *missing if there is nothing.  Must not move while it
 * is open.
 */
bool there_open(struct there *t, const char *path, bool archive, bool *missing,
		struct error *difference, struct error *err);

void there_close(struct there *t);

/* Note what else is in it, beside the two members of a bundle. */
bool there_note_others(const struct there *t, struct notes *notes,
		       struct error *err);

/* Make its members and its name durable. */
bool there_sync(const struct there *t, struct error *err);

/* Bytes of a member, read at any place, but best from first to last. */
struct there_member {
	const char *name;	/* borrowed; NULL: closed */
	uint64_t nbytes;
	const struct there *there;
	struct file file;	/* in a folder */
	struct reader reader;	/* in a folder, or once it is spread out */
	const struct zip_member *member;	/* in an archive, as is this: */
	struct zip_stream *stream;
	uint64_t pos;		/* of the stream */
};

/* Must not move while it is open. */
bool there_open_member(struct there_member *m, const struct there *t,
		       const char *name, struct error *difference,
		       struct error *err);

/*
 * For reading out of order: inflate a member of an archive into the unnamed
 * temporary file of a checkpoint.
 */
bool there_spread_member(struct there_member *m, struct checkpoint *c,
			 struct scratch *scratch, struct error *difference,
			 struct error *err);

/* Exactly len bytes at offset. */
bool there_read(struct there_member *m, uint64_t offset, void *buf,
		size_t len, struct error *difference, struct error *err);

/* Its last byte was read: were all sound, and did nobody change them? */
bool there_finish_member(struct there_member *m, struct error *difference,
			 struct error *err);

void there_close_member(struct there_member *m);

#endif
