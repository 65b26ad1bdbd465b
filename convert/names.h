/*
 * names.h - run and epoch of a source, and the name its bundle gets
 *
 * The framework has named its checkpoints in several ways:
 *
 *	<run>:v<epoch>				since 2025-09-17
 *	<run>__e<epoch>__s<step>__t..__sc..	2025-09
 *	model_<epoch>		in <run>/checkpoints/ or in <run>/, before
 *	v<epoch>		in <run>/checkpoints/, for some days of 2025-09
 *	initial_policy		in <run>/: epoch 0, 2024
 *
 * Names are hostile text.
 */
#ifndef CONVERT_NAMES_H
#define CONVERT_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"

struct source_name {
	const char *run;	/* NUL-terminated, or NULL if not known */
	const char *stem;	/* the file's name without its suffix */
	bool has_epoch;
	uint64_t epoch;
	bool current;		/* named as bundles are: the stem can stay */
};

/*
 * Take the path of a source apart.  If the run is told by folders that the
 * path does not show, the file system is asked for them.  What is returned
 * lives in the arena.
 */
bool names_parse(struct source_name *name, const char *path,
		 struct arena *arena, struct error *err);

/*
 * The name of the bundle: by the template, in which {run}, {epoch} and {stem}
 * are replaced; without one (NULL) <run>:v<epoch>, or the stem if that is not
 * known or says the same.  It must be a single path component.
 */
bool names_print(const char **bundle, const struct source_name *name,
		 const char *template, struct arena *arena,
		 struct error *err);

#endif
