/*
 * leftovers.h - temporaries of processes that were killed
 *
 * Only what a process that is known to be dead named is removed, only what a
 * bundle has, and no link is followed.
 */
#ifndef CONVERT_LEFTOVERS_H
#define CONVERT_LEFTOVERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/folder.h"
#include "convert/claim.h"

/*
 * Remove what the dead left below a folder, at any depth, adding to *removed.
 * Folders that cannot be read are passed over.
 */
bool leftovers_remove(const struct folder *root,
		      const struct dead_claims *dead, size_t *removed,
		      struct error *err);

#endif
