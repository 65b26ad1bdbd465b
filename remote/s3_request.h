/*
 * s3_request.h - signed requests to S3, and what S3 says no with
 *
 * The answers are hostile: what they hold is bounded and checked where it is
 * read.  Zeroed is an empty request; freeing twice is harmless.  Any thread
 * may perform requests of its own.
 */
#ifndef REMOTE_S3_REQUEST_H
#define REMOTE_S3_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"
#include "remote/http.h"
#include "remote/s3.h"
#include "remote/s3_address.h"
#include "remote/s3_body.h"

/* Those of one http_perform(), at most, so that memory stays small. */
#define S3_REQUESTS_MOST 256

enum { S3_HEADERS_MOST = 3, S3_HEADER_SIZE = 160 };

/* What an answer that is no success holds: "" is not known. */
struct s3_fault {
	char code[64], message[256], region[S3_REGION_SIZE];
};

struct s3_request {
	const char *method;
	const struct s3_place *place;	/* borrowed; key "": the bucket */
	struct buffer query;	/* encoded and sorted, with a NUL; or empty */
	char headers[S3_HEADERS_MOST][S3_HEADER_SIZE];	/* lower-case names */
	size_t header_count;
	struct s3_body *body;	/* borrowed; NULL: none */
	struct http_request http;	/* 'to' and limits are the caller's */

	/* The answer. */
	struct s3_fault fault;

	/* For s3_request_perform() only. */
	struct s3_address address;
	bool moved, renewed;	/* region, credentials: once each */
};

/* "name: value" for the request; what is too long is our bug. */
__attribute__((format(printf, 2, 3)))
void s3_request_add_header(struct s3_request *r, const char *fmt, ...);

/* Append "name=value"; the caller adds them sorted by name. */
bool s3_request_add_query(struct s3_request *r, const char *name,
			  const char *value, struct error *err);

/*
 * Perform them all, some at a time.  True if each has a status.  What names
 * another region, or says that a token has expired, is sent once more.
 */
bool s3_request_perform(struct s3_request *requests, size_t count,
			struct error *err);

/* Did S3 say no with this code? */
bool s3_request_is_fault(const struct s3_request *r, const char *code);

/* Record what S3 said.  Always returns false. */
bool s3_request_fail(const struct s3_request *r, struct error *err);

void s3_request_free(struct s3_request *r);

/* Say which object or prefix the fault is about.  Always returns false. */
bool s3_request_error_in(struct error *err, const struct s3_place *place);

#endif
