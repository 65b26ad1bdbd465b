/*
 * source.h - weights to look at, and what is said of them, wherever they lie
 *
 * A bundle (a folder or a zip archive), a bare safetensors file, or a legacy
 * checkpoint, which mpt-convert's own reader reads: its keys are normalised and
 * its tensors laid out as that would write them.  What a file is is decided by
 * its content.  Whatever the source, its tensors are then those of a
 * safetensors file.
 *
 * source_open() reads everything but the elements.  For these, call
 * source_begin(), then source_read() as often as it takes, and source_finish():
 * only when that has been true may what was read be trusted.  No tensor is held
 * in memory; where bytes must be unpacked to be read at any place, they go to
 * an unnamed temporary file.
 *
 * All input is hostile.  Zeroed structs are closed; closing twice is harmless.
 * A source must not move while it is open, and belongs to one thread.
 */
#ifndef INSPECT_SOURCE_H
#define INSPECT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file.h"
#include "base/reader.h"
#include "convert/checkpoint.h"
#include "formats/policy_spec.h"
#include "formats/safetensors.h"
#include "validate/open.h"

/* How legacy files are read, as mpt-convert's options say. */
struct source_options {
	bool keep_prefix, no_sandbox;
	unsigned timeout_s, max_expansion;
	const char *state_dict_key;	/* or NULL */
};

extern const struct source_options source_defaults;

enum source_kind {
	SOURCE_FOLDER, SOURCE_ZIP, SOURCE_SAFETENSORS, SOURCE_LEGACY
};

struct source {
	char *path;			/* what the name meant; owned */
	enum source_kind kind;
	uint64_t nbytes;		/* of spec and weights, unpacked */
	struct policy_spec spec;	/* empty if there is none */
	const char *architecture;	/* of spec or legacy file, or NULL */
	size_t architecture_len;
	bool has_weights;		/* false: a spec without data_path */
	struct safetensors_header header;	/* the tensors */

	/* The rest is for source*.c. */
	const struct source_options *options;
	uint64_t data;			/* where elements begin in the file */
	struct container container;
	char *data_path;		/* of the member; owned */
	struct member member;
	struct file file;		/* a safetensors file, or a temporary */
	struct reader reader;		/* of the whole file, if positioned */
	bool positioned;		/* else the member is a stream */
	struct scratch scratch;		/* for legacy files, as all below */
	struct checkpoint checkpoint;
	struct safetensors_layout layout;
};

/*
 * Open what a path or URI names (remote/resolve.h).  Options are borrowed.  On
 * failure *s is closed.
 */
bool source_open(struct source *s, const char *name,
		 const struct source_options *options, struct error *err);

/* "bundle folder", "zip bundle", ..., or the era of a legacy file. */
const char *source_kind_name(const struct source *s);

/*
 * Can elements be read out of order as they lie?  If not they are in an
 * archive, and source_begin() has to unpack it.
 */
bool source_is_positioned(const struct source *s);

/* Make ready to read elements: at any place, or each after the one before. */
bool source_begin(struct source *s, bool in_order, struct error *err);

/* len bytes of tensor t from 'offset' on, which must lie inside it. */
bool source_read(struct source *s, const struct tensor *t, uint64_t offset,
		 void *buf, size_t len, struct error *err);

/*
 * Check what only the end can show: checksums, and that nobody wrote to the
 * file meanwhile.
 */
bool source_finish(struct source *s, struct error *err);

void source_close(struct source *s);

#endif
