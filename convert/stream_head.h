/*
 * stream_head.h - the five pickles that a torch stream begins with
 *
 *	pickle	119547037146038801333356, the magic number
 *	pickle	1001, the protocol version
 *	pickle	a dict about the machine; nobody reads it
 *	pickle	the object, its tensors by persistent id
 *	pickle	a list of storage keys
 *
 * Where they end is not written anywhere.  But the heads of a run's streams
 * differ in the keys alone, and with numbers for these not at all: then they
 * end where those of the last stream did, and need not be scanned.
 *
 * What the scan says depends on a key only where it names a global: names that
 * are equal count once.  No other text is a number, so what passes with
 * numbers, as a model has, passes with whatever keys.
 *
 * All input is hostile.  For one thread.
 */
#ifndef CONVERT_STREAM_HEAD_H
#define CONVERT_STREAM_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reader.h"
#include "convert/stream_keys.h"

/* Zeroed is valid and empty. */
struct stream_head {
	uint8_t *bytes;		/* of all five, and perhaps more */
	size_t object, list, end;	/* offsets: of the fourth and fifth, and
					   behind that */
};

/*
 * Read the pickles at the start of r, which end within limit bytes, and have
 * each pass pickle_scan().
 */
bool stream_head_read(struct stream_head *head, const struct reader *r,
		      uint64_t limit, struct error *err);

/*
 * Put numbers for the keys, if that can be done, if the pickles then still pass
 * the scan, and if an answer can be recalled.
 */
bool stream_head_number(const struct stream_head *head,
			struct stream_keys *keys, struct error *err);

/*
 * Both at once, and without a scan, if these pickles with numbers for their
 * keys are those of the model; else *head and *keys stay empty, and that is no
 * failure.
 */
bool stream_head_recall(struct stream_head *head, struct stream_keys *keys,
			const struct stream_head *model,
			const struct reader *r, uint64_t limit,
			struct error *err);

/* Make this head, with its numbers, the model. */
bool stream_head_keep(struct stream_head *model,
		      const struct stream_head *head,
		      const struct stream_keys *keys, struct error *err);

void stream_head_free(struct stream_head *head);

#endif
