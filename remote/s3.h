/*
 * s3.h - objects of S3, and of servers that speak its language
 *
 * Requests are signed (sigv4.h) with the credentials of credentials.h, and
 * tried again as http.h says.  Buckets and keys are any bytes but NUL, not
 * encoded.  What a server says is hostile: it is bounded and parsed strictly.
 * Errors name the object as "s3://bucket/key" and tell what S3 said.
 *
 * Any thread may call these at any time after s3_begin().  Readers and writers
 * that are handed in are called by the calling thread only.
 */
#ifndef REMOTE_S3_H
#define REMOTE_S3_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "base/reader.h"
#include "base/writer.h"

/* "s3://", with which the name of an object begins everywhere. */
#define S3_SCHEME "s3://"

/* Of the longest part that is fetched or sent at once. */
#define S3_PART_NBYTES (UINT64_C(8) << 20)

struct s3_options {
	const char *endpoint_url;	/* NULL: as the environment and the
					   profile say, else that of AWS */
};

/* An object, or the prefix of some.  Borrowed. */
struct s3_place {
	const char *bucket, *key;
};

#define S3_ETAG_SIZE 96
#define S3_WHATEVER ""
#define S3_KEY_LIMIT 1024

struct s3_facts {
	uint64_t nbytes;
	struct timespec modified;
	char etag[S3_ETAG_SIZE];	/* less its quotes; "": none */
	char md5[33];		/* of the content, in hex; "": not known, as of
				   an object that came in parts or is encrypted
				   with a key of KMS */
};

/* Keeps the options; nothing is looked up before the first request. */
bool s3_begin(const struct s3_options *options, struct error *err);
void s3_end(void);

/* What there is of this name.  That there is nothing is no error. */
bool s3_look(struct s3_facts *facts, bool *found, const struct s3_place *place,
	     struct error *err);

/*
 * Fetch nbytes from offset on, which must lie inside the object, in parts and
 * several of them at a time; each is written at the offset that it has in the
 * object.  An object that is no longer the one of 'facts' is an error.
 */
bool s3_fetch(const struct s3_place *place, const struct s3_facts *facts,
	      uint64_t offset, uint64_t nbytes, const struct writer *to,
	      struct error *err);

/*
 * Send all that the reader shows as one object, in parts if it is large.
 * Nothing is overwritten but the object whose ETag is 'instead_of', or with
 * S3_WHATEVER any; NULL: none.  *taken says that something else has the name,
 * and nothing was sent to it then.  What S3 got is held against what was
 * sent, by MD5, or byte by byte where S3 tells none; *facts are those of the
 * new object, its time is when S3 answered.
 */
bool s3_send(const struct s3_place *place, const struct reader *from,
	     const char *instead_of, bool *taken, struct s3_facts *facts,
	     struct error *err);

/* Remove an object.  One that is not there is no error. */
bool s3_remove(const struct s3_place *place, struct error *err);

/* Who is given what a listing has, in the order of the keys' bytes. */
struct s3_taker {
	/* The key and the facts are borrowed; md5 is not known. */
	bool (*take)(void *to, const char *key, const struct s3_facts *facts,
		     struct error *err);
	void *to;
};

/*
 * List the keys that begin with place->key ("": all), over all pages; with
 * 'flat' only those without a slash behind it.  On failure some of them may
 * have been taken.
 */
bool s3_list(const struct s3_place *place, bool flat,
	     const struct s3_taker *taker, struct error *err);

#endif
