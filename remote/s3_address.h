/*
 * s3_address.h - which server has an object, and in which region it is
 *
 * The endpoint is that of s3_begin(), of the profile, or that of AWS for the
 * region and the bucket.  profile.h checks both as far as they come from there;
 * a region may also come from an answer.  Any thread may call these, but for
 * the first two.
 */
#ifndef REMOTE_S3_ADDRESS_H
#define REMOTE_S3_ADDRESS_H

#include <stdbool.h>

#include "base/error.h"
#include "base/memory.h"
#include "remote/s3.h"

#define S3_REGION_SIZE 65

/* Owned; zeroed is none, freeing twice is harmless. */
struct s3_address {
	char region[S3_REGION_SIZE];
	bool is_aws;		/* there is no endpoint of the user */
	/* Each has a NUL that len does not count. */
	struct buffer host;	/* as it stands in the header */
	struct buffer path;	/* percent-encoded */
	struct buffer url;	/* scheme, host and path; no query */
};

/* Set the endpoint of --endpoint-url, which stays borrowed, or NULL. */
bool s3_address_begin(const char *endpoint_url, struct error *err);
void s3_address_end(void);

/* Where an object is, or with the key "" its bucket. */
bool s3_address_find(struct s3_address *a, const struct s3_place *place,
		     struct error *err);

/* A server's word for a region: can it be one? */
bool s3_address_is_region(const char *region);

/* Keep that this bucket is in this region, which was checked. */
bool s3_address_learn(const char *bucket, const char *region,
		      struct error *err);

void s3_address_free(struct s3_address *a);

#endif
