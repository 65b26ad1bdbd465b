/*
 * convert.h - one checkpoint to one bundle
 */
#ifndef CONVERT_CONVERT_H
#define CONVERT_CONVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "convert/checkpoint.h"
#include "convert/notes.h"
#include "convert/plan.h"
#include "convert/settings.h"

enum status {
	STATUS_NONE,		/* not begun: the user stopped the program */
	STATUS_CONVERTED, STATUS_SKIPPED, STATUS_FAILED,
	/* Of --check. */
	STATUS_SAME, STATUS_DIFFERS, STATUS_MISSING
};

/* What became of one source.  Written by one thread, read after it is done. */
struct result {
	enum status status;
	const char *reason;	/* why it was skipped, in the notes' arena */
	struct error *error;	/* malloc'ed; why it failed or where it
				   differs, or NULL */
	const char *era;	/* static, or NULL if not known */
	const char *architecture_origin;	/* static, or NULL */
	const struct map_line *map_line;	/* that gave it, or NULL */
	size_t tensor_count;
	uint64_t source_nbytes, bundle_nbytes;
	struct notes notes;
	struct notes globals;	/* that its pickle named */
};

/* Do job number 'index' of a plan.  Whatever happens is in *result. */
void convert_job(const struct job *job, size_t index,
		 const struct settings *settings, struct scratch *scratch,
		 struct result *result);

void result_free(struct result *result);

#endif
