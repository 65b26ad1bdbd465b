/*
 * s3_sending.h - one object on its way to S3, and whether it arrived
 *
 * What s3_send.c (in one request) and s3_upload.c (in parts) share.  Belongs
 * to one thread.
 */
#ifndef REMOTE_S3_SENDING_H
#define REMOTE_S3_SENDING_H

#include <stdbool.h>

#include "base/error.h"
#include "base/reader.h"
#include "remote/s3.h"
#include "remote/s3_request.h"

struct s3_sending {
	const struct s3_place *place;
	const struct reader *from;
	const char *instead_of;	/* see s3_send() */
	struct s3_facts facts;	/* of the new object */
};

enum s3_outcome {
	S3_SENT,
	S3_TAKEN,		/* somebody else's object has the name */
	S3_AGAIN,		/* to send all of it once more may help */
	S3_FAILED
};

/* With a pause that is longer each time; a signal ends it. */
void s3_sending_pause(unsigned tries);

/* Is the fault one that may not come again? */
bool s3_sending_is_passing(const struct s3_request *r);

/* Let no other object be overwritten, if that is what is wanted. */
void s3_sending_guard(const struct s3_sending *s, struct s3_request *r);

/*
 * What to do after S3 has said no; etag is what the object would have.  That
 * there is an object may mean that it is ours: the answer to an attempt before
 * was lost, perhaps in libcurl, which tries once more itself.
 */
enum s3_outcome s3_sending_judge(struct s3_sending *s,
				 const struct s3_request *r, const char *etag,
				 struct error *err);

/*
 * After S3 has said yes, and s->facts are what it said of the object: hold
 * that against what was sent, by ETag or else byte by byte.  What differs is
 * removed, if it is still there.
 */
enum s3_outcome s3_sending_check(struct s3_sending *s,
				 const struct http_request *answer,
				 const char *etag, struct error *err);

/* Is the object that has the name now the one that was sent? */
bool s3_sending_find(struct s3_sending *s, bool *found, const char *etag,
		     struct error *err);

#endif
