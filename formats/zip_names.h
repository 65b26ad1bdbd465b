/*
 * zip_names.h - which member names every reader understands the same way
 *
 * Part of the zip reader; see formats/zip.h.  Names are hostile bytes.
 */
#ifndef FORMATS_ZIP_NAMES_H
#define FORMATS_ZIP_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "formats/zip.h"

/*
 * Refuse a name that some reader would cut, translate or take out of the
 * folder it is unpacked to.  utf8_flag is bit 11 of the member's flags.
 */
bool zip_check_name(const char *name, size_t len, bool utf8_flag,
		    uint64_t offset, struct error *err);

/*
 * Fill zip->by_name, and refuse names that repeat, also when only the case of
 * ASCII letters differs: torch's reader ignores it.
 */
bool zip_index_names(struct zip *zip, struct error *err);

#endif
