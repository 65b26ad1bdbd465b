/*
 * sigv4.h - Signature Version 4, which S3 and STS ask for
 *
 * Pure computation, by libcrypto.  Source: "Authenticating Requests (AWS
 * Signature Version 4)" in the API reference of S3; tests/test_sigv4.py holds
 * it against vectors that botocore makes.  Safe from any thread.
 */
#ifndef REMOTE_SIGV4_H
#define REMOTE_SIGV4_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/error.h"
#include "base/memory.h"

#define SIGV4_UNSIGNED_PAYLOAD "UNSIGNED-PAYLOAD"

struct sigv4_keys {
	const char *access_key, *secret_key;
	const char *token;	/* of a session, or NULL */
};

struct sigv4_request {
	const char *method;
	const char *host;	/* with the port, if it is not the scheme's */
	const char *path;	/* percent-encoded, as it is sent; not "" */
	const char *query;	/* the same: name=value, sorted; or "" */
	/* "name: value", names in lower case: sent and signed. */
	const char *const *headers;	/* [header_count] */
	size_t header_count;
	const char *payload_sha256;	/* in hex, or SIGV4_UNSIGNED_PAYLOAD */
	const char *region, *service;
};

/*
 * Append all headers that go with the request but Host, as lines with a NUL
 * behind each: those of the request, x-amz-date, x-amz-content-sha256, the
 * token's, and Authorization.  Nothing but the last is derived from the
 * secret key.
 */
bool sigv4_sign(struct buffer *lines, const struct sigv4_request *request,
		const struct sigv4_keys *keys, time_t now, struct error *err);

#endif
