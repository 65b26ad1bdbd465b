/*
 * json_string.h - one JSON string, unescaped
 *
 * Part of the JSON reader; see formats/json.h.  Text is hostile, and known to
 * be UTF-8.
 */
#ifndef FORMATS_JSON_STRING_H
#define FORMATS_JSON_STRING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"

/*
 * Append to out what the string says whose opening quote stands before *pos,
 * and move *pos behind its closing quote.  If the string is at fault, *reason
 * says how and *pos where; if memory is, *reason is NULL and err is set.
 */
bool json_string_read(struct buffer *out, const char *text, size_t len,
		      size_t *pos, const char **reason, struct error *err);

#endif
