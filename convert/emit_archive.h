/*
 * emit_archive.h - the archive that a bundle can be, wherever it lies
 */
#ifndef CONVERT_EMIT_ARCHIVE_H
#define CONVERT_EMIT_ARCHIVE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/file.h"
#include "convert/emit.h"
#include "formats/zip.h"

/*
 * Write both members to an empty file and hold them against what was to be
 * written; w->nbytes and w->members.weights_sha256 are filled in, and so is
 * the size of the file.
 */
bool emit_archive_write(struct file *file, struct written *w,
			struct checkpoint *c,
			const struct safetensors_layout *layout,
			const struct buffer *spec, struct scratch *scratch,
			struct error *err);

/*
 * How does our archive compare with another?  The members count, not how they
 * were deflated: another library, or the framework, makes other bytes of them.
 */
bool emit_archive_compare(const struct file *ours, const struct file *theirs,
			  struct scratch *scratch, enum existing *existing,
			  struct error *err);

/*
 * Fail if there is more in an archive than a bundle needs.  One that is broken
 * holds nothing that anybody could read.
 */
bool emit_archive_check_plain(const struct file *theirs, struct error *err);

#endif
