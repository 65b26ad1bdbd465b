/*
 * record.h - a line of the journal: what became of one source, as JSON
 *
 *	{"source": path below its root, "size": bytes, "mtime": "s.ns inode"
 *	 or "s.ns etag",
 *	 "time": when it was written, "status": ..., "options": digest,
 *	 "bundle": path below the journal's root, "era", "run", "epoch",
 *	 "architecture", "substitute_sha256", "tensors", "bytes",
 *	 "spec_bytes", "spec_sha256", "weights_bytes", "weights_sha256",
 *	 "bundle_etag": of an object,
 *	 "crc32": [[tensor, CRC], ...], "reason", "error": {...}, "notes",
 *	 "repairs"}
 *
 * "crc32" has the tensors whose CRC-32 the source's archive told and the copy
 * verified.  Each run also leaves a line when it begins and when it ends:
 *
 *	{"event": "begin", "time": ..., "shard": K, "shards": N, "sources": n}
 *	{"event": "end", "time": ..., "not_begun": n}
 *
 * A journal may have been changed by anybody, or be half written: its lines
 * are hostile.
 */
#ifndef CONVERT_RECORD_H
#define CONVERT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "base/memory.h"
#include "convert/plan.h"
#include "convert/result.h"
#include "convert/settings.h"

enum record_kind { RECORD_SOURCE, RECORD_BEGIN, RECORD_END };

/* A line that was read; strings are in the arena it was read into. */
struct record {
	enum record_kind kind;
	const char *time;
	/* Of a source. */
	const char *source, *mtime, *options, *reason;
	const char *bundle;	/* NULL: there is none */
	const char *substitute_sha256;	/* NULL: it had an architecture */
	uint64_t size, bundle_nbytes, tensor_count;
	enum status status;
	struct member_facts members;
	/* Of a run. */
	uint64_t shard, shards, sources, not_begun;
};

/*
 * What was asked for, apart from names, places and architectures, as a digest:
 * sources that were converted with other options are converted again.
 */
bool record_options(const struct settings *settings, char hex[DIGEST_HEX_SIZE],
		    struct error *err);

/*
 * What tells a source from another, or a later state of it, of the same size:
 * time of modification, and inode or on S3 the etag.
 */
#define RECORD_MTIME_SIZE 160
void record_mtime(const struct source *source, char text[RECORD_MTIME_SIZE]);

/* Append the line of a job's result, with its newline. */
bool record_print(struct buffer *line, const struct job *job,
		  const struct result *result, const char *options,
		  struct error *err);

bool record_print_begin(struct buffer *line, const struct shard *shard,
			size_t sources, struct error *err);
bool record_print_end(struct buffer *line, size_t not_begun,
		      struct error *err);

/* Read a line without its newline.  Any fault but of memory is the line's. */
bool record_parse(struct record *record, const char *line, size_t len,
		  struct arena *arena, struct error *err);

#endif
