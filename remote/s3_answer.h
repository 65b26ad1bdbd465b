/*
 * s3_answer.h - what the headers and the short documents of S3 say
 *
 * All of it is hostile.  No requests are made here: bytes in, facts out.  Safe
 * from any thread.
 */
#ifndef REMOTE_S3_ANSWER_H
#define REMOTE_S3_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/error.h"
#include "remote/http.h"
#include "remote/s3.h"
#include "remote/s3_request.h"

/* Room for the id of an upload. */
#define S3_UPLOAD_ID_SIZE 1024

/* An <Error>; what is none, or not wholly one, leaves the fault empty. */
void s3_answer_read_fault(struct s3_fault *fault, const char *xml, size_t len);

/* An ETag as it is sent: less quotes, and only what a header can hold. */
bool s3_answer_read_etag(char etag[S3_ETAG_SIZE], const char *text,
			 struct error *err);

/* "2024-05-01T12:34:56.000Z", and "Wed, 01 May 2024 12:34:56 GMT". */
bool s3_answer_read_iso_time(struct timespec *time, const char *text,
			     struct error *err);
bool s3_answer_read_http_time(struct timespec *time, const char *text,
			      struct error *err);

/* A number of bytes in digits. */
bool s3_answer_read_size(uint64_t *nbytes, const char *text,
			 struct error *err);

/* ETag and MD5 as the headers have them; the rest is left alone. */
bool s3_answer_read_sums(struct s3_facts *facts,
			 const struct http_request *answer, struct error *err);

/* All facts, from the answer to HEAD. */
bool s3_answer_read_facts(struct s3_facts *facts,
			  const struct http_request *answer,
			  struct error *err);

/* The id that a new upload has. */
bool s3_answer_read_upload(char id[S3_UPLOAD_ID_SIZE], const char *xml,
			   size_t len, struct error *err);

/*
 * What became of CompleteMultipartUpload, which also says no with 200: the
 * ETag, or "" and the fault.
 */
bool s3_answer_read_complete(char etag[S3_ETAG_SIZE], struct s3_fault *fault,
			     const char *xml, size_t len, struct error *err);

#endif
