/*
 * checkpoint.h - a legacy checkpoint of any era, opened
 *
 * checkpoint_open() decides by content what a file is and reads everything but
 * the tensors' elements: names, geometry, architecture text.  Elements are
 * moved later, by checkpoint_copy(), from the source to the output without
 * being held.  Sources are only ever read.
 *
 * One checkpoint belongs to one thread and must not move while it is open.  All
 * input is hostile.
 */
#ifndef CONVERT_CHECKPOINT_H
#define CONVERT_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file.h"
#include "base/progress.h"
#include "base/reader.h"
#include "convert/gather.h"
#include "convert/notes.h"
#include "convert/recall.h"
#include "convert/sink.h"
#include "convert/stream_head.h"
#include "convert/unpickle.h"
#include "formats/safetensors.h"
#include "formats/state_dict.h"
#include "formats/zip.h"
#include "formats/zip_write.h"

/* What a thread keeps from one checkpoint to the next.  Zeroed is valid. */
struct scratch {
	struct helper helper;
	struct recall recall;
	struct stream_head stream;	/* the model of streams */
	struct safetensors_recall headers;	/* that were written */
	unsigned max_expansion;	/* see limits_tensors() */
	struct gather gather;
	struct zip_writer *zip;	/* or NULL yet */
	uint8_t *buffer;	/* SCRATCH_BUFFER_SIZE bytes, or NULL yet */
	uint8_t *held;		/* SCRATCH_HELD_SIZE bytes, or NULL yet */
	const char *spill_folder;	/* for unnamed temporary files */
	const char *state_dict_path;	/* which to take of several, or NULL */
	struct progress_work work;	/* the file that is read */
	unsigned threads;	/* of the batch: those that are idle help with
				   a large file */
};

#define SCRATCH_BUFFER_SIZE (1u << 20)
#define SCRATCH_HELD_SIZE (4u << 20)

/* Both strings are borrowed. */
bool scratch_init(struct scratch *s, const char *spill_folder,
		  const char *state_dict_path, struct error *err);
void scratch_free(struct scratch *s);

/* The bytes that a torch archive keeps for one storage. */
struct storage {
	struct reader bytes;
	const char *name;	/* of its member; borrowed from the zip */
	uint32_t crc;
	bool check_crc;		/* not verified yet, and there is one */
	bool big_endian;
};

struct checkpoint {
	const char *era;		/* "mpt zip", ..., for reports */
	struct state_dict weights;	/* checked */
	const char *architecture;	/* from the file, or NULL */
	size_t architecture_len;
	const char *architecture_origin;	/* for reports, or NULL */
	const char *skip;		/* why it is none to convert, or NULL */
	struct notes notes;
	const char **globals;		/* that a pickle named; in the arena */
	size_t global_count;

	/* The rest is for the loaders. */
	struct file file, spill;
	uint64_t tensors_limit;		/* bytes they may take in all */
	uint64_t pickle_limit;		/* bytes a pickle may have */
	uint64_t spill_used;
	struct reader_bytes held;	/* inflated, in the thread's scratch */
	struct reader source, inner;	/* the file; policy.pt in it */
	struct zip outer, archive;
	struct zip_stream *stream;	/* mpt zip: at the first element */
	struct storage *storages;
	struct arena arena;
	bool (*copy)(struct checkpoint *c,
		     const struct safetensors_layout *layout,
		     struct sink *sink, struct scratch *scratch,
		     struct error *err);
};

/*
 * Open and index the file at path.  On failure everything is closed.  If it
 * turns out to be something that belongs into such a tree but is no policy,
 * c->skip says what, and nothing else is set.
 */
bool checkpoint_open(struct checkpoint *c, const char *path,
		     struct scratch *scratch, struct error *err);

/*
 * Write every tensor to the place the layout gives it, with the help of idle
 * threads if that is much.  Checksums of the source are verified on the way, so
 * what was written counts only if this returns true.  May be called once.
 */
bool checkpoint_copy(struct checkpoint *c,
		     const struct safetensors_layout *layout,
		     struct sink *sink, struct scratch *scratch,
		     struct error *err);

/*
 * Will checkpoint_copy() go through the file from its first byte to its last?
 * If not, it jumps.
 */
bool checkpoint_copies_in_order(const struct checkpoint *c,
				const struct safetensors_layout *layout);

/*
 * The member of the source's archive that deflates to exactly what
 * checkpoint_copy() would write, header and all, or NULL.  Its bytes are read
 * from c->source.  Only the header was compared; that the rest is sound is not
 * known before the whole of it was inflated.
 */
bool checkpoint_find_deflated(const struct checkpoint *c,
			      const struct safetensors_layout *layout,
			      const struct zip_member **member,
			      struct error *err);

void checkpoint_close(struct checkpoint *c);

#endif
