/*
 * s3_body.h - a body to send, and the sums that go with it
 *
 * S3 holds what arrives against both: the SHA-256 is part of the signature,
 * the MD5 is also what S3 calls an object (its ETag).  Belongs to one thread.
 */
#ifndef REMOTE_S3_BODY_H
#define REMOTE_S3_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/reader.h"

#define S3_MD5_NBYTES 16
#define S3_MD5_HEX_SIZE 33
#define S3_MD5_BASE64_SIZE 25

struct s3_body {
	struct reader from;
	bool summed;		/* the rest is known */
	unsigned char md5[S3_MD5_NBYTES];
	char md5_hex[S3_MD5_HEX_SIZE], md5_base64[S3_MD5_BASE64_SIZE];
	char sha256[DIGEST_HEX_SIZE];
};

/* Compute the sums, if they are not known yet. */
bool s3_body_sum(struct s3_body *body, struct error *err);

/* The MD5 of all that a reader shows, in hex. */
bool s3_body_md5_of(char hex[S3_MD5_HEX_SIZE], const struct reader *from,
		    struct error *err);

/* The MD5 of bytes in memory. */
bool s3_body_md5(unsigned char md5[S3_MD5_NBYTES], const void *data,
		 size_t len, struct error *err);

void s3_body_print_md5(char hex[S3_MD5_HEX_SIZE],
		       const unsigned char md5[S3_MD5_NBYTES]);

#endif
