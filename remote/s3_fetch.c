/* s3_fetch.c - parts of objects, several at a time */
#include "remote/s3.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote/s3_answer.h"
#include "remote/s3_request.h"

struct fetching {
	const struct s3_place *place;
	const struct s3_facts *facts;
	const struct writer *to;
	uint64_t offset, end;	/* what is still to come */
};

static struct s3_request make_request(const struct fetching *f,
				      uint64_t offset, uint64_t nbytes)
{
	struct s3_request r = { .method = "GET", .place = f->place };

	s3_request_add_header(&r, "range: bytes=%" PRIu64 "-%" PRIu64, offset,
			      offset + nbytes - 1);
	if (f->facts->etag[0])
		s3_request_add_header(&r, "if-match: \"%s\"", f->facts->etag);
	r.http.to = f->to;
	r.http.to_offset = offset;
	r.http.expected_nbytes = nbytes;
	return r;
}

static bool changed(struct error *err)
{
	return error_set(err, ERROR_IO, ERROR_NO_OFFSET,
			 "the object was changed while it was read");
}

/* 416: it ends before the range. */
static bool fail(const struct s3_request *r, struct error *err)
{
	switch (r->http.status) {
	case 404:
		if (s3_request_is_fault(r, "NoSuchBucket"))
			break;
		return error_set(err, ERROR_IO, ERROR_NO_OFFSET,
				 "the object was removed while it was read");
	case 412:
	case 416:
		return changed(err);
	}
	return s3_request_fail(r, err);
}

/* Did the bytes come that were asked for, of the object that was meant? */
static bool check_answer(const struct fetching *f, const struct s3_request *r,
			 struct error *err)
{
	uint64_t offset = r->http.to_offset, nbytes = r->http.expected_nbytes;
	uint64_t size = f->facts->nbytes;
	const char *range = http_header(&r->http, "Content-Range");
	struct s3_facts now;
	char wanted[80];

	if (r->http.status != 206 && r->http.status != 200)
		return fail(r, err);
	if (!s3_answer_read_sums(&now, &r->http, err))
		return false;
	if (now.etag[0] && strcmp(now.etag, f->facts->etag) != 0)
		return changed(err);
	if (r->http.status == 200 && nbytes == size)
		return true;
	snprintf(wanted, sizeof(wanted), "bytes %" PRIu64 "-%" PRIu64
		 "/%" PRIu64, offset, offset + nbytes - 1, size);
	return (range && strcmp(range, wanted) == 0) ||
	       error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			 "S3 was asked for \"%s\", and sent \"%.80s\"", wanted,
			 range ? range : "no Content-Range");
}

/* As many parts as are asked for at once. */
static bool fetch_some(struct fetching *f, struct s3_request *requests,
		       size_t most, struct error *err)
{
	size_t count = 0;
	bool ok;

	for (; f->offset < f->end && count < most; count++) {
		uint64_t nbytes = f->end - f->offset;

		if (nbytes > S3_PART_NBYTES)
			nbytes = S3_PART_NBYTES;
		requests[count] = make_request(f, f->offset, nbytes);
		f->offset += nbytes;
	}
	ok = s3_request_perform(requests, count, err);
	for (size_t i = 0; i < count; i++) {
		ok = ok && check_answer(f, &requests[i], err);
		s3_request_free(&requests[i]);
	}
	return ok;
}

bool s3_fetch(const struct s3_place *place, const struct s3_facts *facts,
	      uint64_t offset, uint64_t nbytes, const struct writer *to,
	      struct error *err)
{
	struct fetching f = { place, facts, to, offset, offset + nbytes };
	uint64_t count = nbytes / S3_PART_NBYTES + 1;
	struct s3_request *requests;
	bool ok = offset <= facts->nbytes && nbytes <= facts->nbytes - offset;

	if (!ok)
		error_set(err, ERROR_TRUNCATED, offset, "%" PRIu64 " bytes of "
			  "an object of %" PRIu64, nbytes, facts->nbytes);
	if (count > S3_REQUESTS_MOST)
		count = S3_REQUESTS_MOST;
	requests = memory_array((size_t)count, sizeof(*requests), err);
	ok = ok && requests;
	while (ok && f.offset < f.end)
		ok = fetch_some(&f, requests, (size_t)count, err);
	free(requests);
	return ok || s3_request_error_in(err, place);
}
