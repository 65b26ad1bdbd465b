/*
 * percent.h - percent-encoding (RFC 3986, section 2.1)
 *
 * Encoded text is hostile; decoded text is any bytes but NUL.
 */
#ifndef REMOTE_PERCENT_H
#define REMOTE_PERCENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"

/*
 * Refuse what a part of a URI cannot hold as it is: control characters, and
 * the '?' and '#' that would end it.  offset, where the part begins in the
 * whole, is for messages.
 */
bool percent_check(const char *text, size_t len, size_t offset,
		   struct error *err);

/* Check and decode len bytes; *decoded is malloc'ed, on failure maybe, too. */
bool percent_decode(char **decoded, const char *text, size_t len,
		    size_t offset, struct error *err);

/*
 * Append text with all bytes encoded but ASCII letters, digits and "-._~/", as
 * urllib.parse.quote() of Python does.
 */
bool percent_encode(struct buffer *out, const char *text, struct error *err);

/* The same for a value in a query: '/' is encoded, too. */
bool percent_encode_value(struct buffer *out, const char *text,
			  struct error *err);

#endif
