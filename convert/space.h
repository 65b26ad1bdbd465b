/*
 * space.h - is there room for the bundles, before work begins
 *
 * Nobody knows how large a bundle becomes before its source was read.  A
 * bundle in a folder is taken for as large as its source, one in an archive for
 * nine tenths: floating-point weights deflate to no less.
 */
#ifndef CONVERT_SPACE_H
#define CONVERT_SPACE_H

#include <stdbool.h>

#include "base/error.h"
#include "convert/convert.h"

/*
 * Fail, naming both numbers, if a file system has less space free than the
 * jobs need that are not recorded as done.
 */
bool space_check(const struct conversion *cv, struct error *err);

#endif
