/*
 * result.h - what became of one source
 *
 * Written by one thread, read by others after it is final.  A zeroed struct is
 * a source that was not begun.  Notes, reasons and keys may quote hostile
 * text; whoever prints them escapes it.
 */
#ifndef CONVERT_RESULT_H
#define CONVERT_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/memory.h"
#include "convert/notes.h"
#include "convert/plan.h"
#include "formats/json.h"
#include "remote/s3.h"

enum status {
	STATUS_NONE,		/* not begun: the program was stopped */
	STATUS_CONVERTED,
	STATUS_KEPT,		/* an earlier run did it, and nothing changed */
	STATUS_SKIPPED, STATUS_FAILED,
	/* Of --check. */
	STATUS_SAME, STATUS_DIFFERS, STATUS_MISSING
};

/* The two files of a bundle, not deflated. */
struct member_facts {
	uint64_t spec_nbytes, weights_nbytes;
	char spec_sha256[DIGEST_HEX_SIZE];	/* "": not known */
	char weights_sha256[DIGEST_HEX_SIZE];	/* likewise */
	char etag[S3_ETAG_SIZE];	/* of their archive on S3, or "" */
};

/* The CRC-32 of a tensor's bytes. */
struct tensor_crc {
	const char *key;
	uint32_t crc;
};

/* Those that were had for nothing.  Zeroed: none. */
struct tensor_crcs {
	struct tensor_crc *items;	/* [count], in the arena, as the keys */
	size_t count;
	struct arena arena;
};

struct result {
	enum status status;
	bool on_record;		/* the journal says so already */
	char *reason;		/* malloc'ed; why it was skipped, or NULL */
	struct error *error;	/* malloc'ed; why it failed or where it
				   differs, or NULL */
	const char *era;	/* static, or NULL if not known */
	const char *architecture_origin;	/* static, or NULL */
	const struct map_line *map_line;	/* that gave it, or NULL */
	/* Of an architecture that is not the file's own, else "". */
	char substitute_sha256[DIGEST_HEX_SIZE];
	size_t tensor_count;
	uint64_t source_nbytes, bundle_nbytes;
	struct member_facts members;	/* of what is in the bundle's place */
	struct tensor_crcs crcs;
	struct notes notes;
	struct notes repairs;	/* of the architecture */
	struct notes globals;	/* that its pickle named */
};

/* Zeroed; NULL if there is no memory.  For result_free(). */
struct result *result_new(void);

/* Itself, or for NULL that of a source which failed for lack of memory. */
const struct result *result_or_failure(const struct result *result);

/* "converted", "failed", ...: for people and programs. */
const char *result_status_name(enum status status);

/* Did the run fail, because of a source of this status? */
bool result_is_bad(enum status status);

/* Is there a bundle of it now that is known to be right? */
bool result_has_bundle(enum status status);

/* Keep a fault on the heap: most results have none, and it is large. */
void result_keep_error(struct result *result, const struct error *err);

/* It has failed, with this fault. */
void result_fail(struct result *result, const struct job *job,
		 const struct error *err);

/* It is left as it is, for this reason, which is copied. */
bool result_skip(struct result *result, const char *reason,
		 struct error *err);

/* What failed; 'room' is for a fault that there was no memory to keep. */
const struct error *result_fault(const struct result *result,
				 const struct job *job, struct error *room);

/* Members of an object: what reports and the journal say alike. */
void result_put_facts(struct json_writer *w, const struct job *job,
		      const struct result *result);
void result_put_reason(struct json_writer *w, const struct job *job,
		       const struct result *result);
void result_put_notes(struct json_writer *w, const struct result *result);
void result_put_globals(struct json_writer *w, const struct result *result);

/* Once they are in the journal, nothing else asks for them. */
void result_drop_crcs(struct result *result);

void result_free(struct result *result);

#endif
