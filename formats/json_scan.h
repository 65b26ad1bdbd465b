/*
 * json_scan.h - is this text one strict JSON value
 *
 * Part of the JSON reader; see formats/json.h for what is refused.
 */
#ifndef FORMATS_JSON_SCAN_H
#define FORMATS_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

bool json_scan(const char *text, size_t len, struct error *err);

#endif
