/*
 * safetensors.h - read a header strictly, lay one out as the reference does
 *
 *	0     u64    N, length of the header, little-endian
 *	8     N      JSON object, padded with blanks to a multiple of 8
 *	8+N   ...    the tensors' bytes, packed, covering the rest of the file
 *
 * The reader refuses everything the reference reader (the safetensors package
 * 0.8) refuses, and also what the format description forbids but that reader
 * lets through: a name twice, unknown fields, white space before the object,
 * padding other than blanks, a tensor written as an array, __metadata__ null,
 * over 4096 sizes.  What only these rules refuse is ERROR_UNSAFE; all else is
 * another kind, and the reference reader refuses it, too.  Input is hostile.
 * The writer's output is byte for byte that of the reference writer.  No I/O
 * here.
 */
#ifndef FORMATS_SAFETENSORS_H
#define FORMATS_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/state_dict.h"

#define SAFETENSORS_LENGTH_SIZE 8
#define SAFETENSORS_HEADER_LIMIT 100000000u

struct safetensors_header {
	struct state_dict tensors;	/* in header order; start counts from
					   byte 8+N, storage is 0, row-major */
	uint64_t data_nbytes;		/* what the tensors cover, from 0 on */
	size_t metadata_count;		/* strings in "__metadata__" */
};

/*
 * The header's length N from the first 8 bytes of a file of file_nbytes, if it
 * is one a header can have.
 */
bool safetensors_read_length(const uint8_t bytes[SAFETENSORS_LENGTH_SIZE],
			     uint64_t file_nbytes, size_t *len,
			     struct error *err);

/*
 * A header that was deflated into 1 MiB may not have over 4 MiB, and 8 bytes
 * more for each byte beyond that: each of its tensors takes some ten times its
 * text in memory, and deflate makes 1,000 bytes of one.  stored_nbytes is what
 * the whole file takes in its archive.  (4 MiB are some 50,000 tensors.)
 */
bool safetensors_check_inflated(size_t len, uint64_t stored_nbytes,
				struct error *err);

/*
 * Parse the N bytes of the header; data_nbytes is what follows them in the
 * file and must be covered exactly.  Offsets in errors count from the start of
 * the file.  On failure *header is empty.
 */
bool safetensors_read_header(struct safetensors_header *header,
			     const char *text, size_t len,
			     uint64_t data_nbytes, struct error *err);

/* The last header that was read.  Zeroed is empty; for one thread. */
struct safetensors_recall {
	struct buffer text;	/* empty if it was long */
	struct safetensors_header header;
};

/*
 * The same, for files that mostly have the same header, as the checkpoints of a
 * run have: it is parsed once.  Borrowed from *r until the next call; NULL on
 * failure.
 */
const struct safetensors_header *
safetensors_recall_header(struct safetensors_recall *r, const char *text,
			  size_t len, uint64_t data_nbytes,
			  struct error *err);

void safetensors_recall_free(struct safetensors_recall *r);

/*
 * The tensors in the order of their bytes, malloc'ed; NULL if there is no
 * memory.  Borrows them from the header.
 */
const struct tensor **
safetensors_by_offset(const struct safetensors_header *header,
		      struct error *err);

void safetensors_header_free(struct safetensors_header *header);

/* Where each tensor of a state dict goes. */
struct safetensors_layout {
	struct buffer header;	/* length and JSON and padding: 8+N bytes */
	size_t *order;		/* [count] indexes into the state dict */
	uint64_t *begin;	/* [count] by index, counted from 8+N */
	uint64_t file_nbytes;
};

/*
 * Lay out a checked state dict.  Refuses what the format cannot hold: dtypes
 * without a name, a tensor named "__metadata__", two tensors of one name, a
 * header over the limit.
 */
bool safetensors_lay_out(struct safetensors_layout *layout,
			 const struct state_dict *sd, struct error *err);

void safetensors_layout_free(struct safetensors_layout *layout);

#endif
