/* s3_send.c - send an object, whole if it is small */
#include "remote/s3.h"

#include "remote/s3_answer.h"
#include "remote/s3_request.h"
#include "remote/s3_sending.h"
#include "remote/s3_upload.h"

/* What is larger is sent in parts. */
#define WHOLE_MOST_NBYTES (2 * S3_PART_NBYTES)

enum { TRIES = 3 };

static enum s3_outcome judge(struct s3_sending *s, struct s3_request *r,
			     struct error *err)
{
	const char *etag = r->body->md5_hex;

	if (!http_is_success(&r->http))
		return s3_sending_judge(s, r, etag, err);
	return s3_answer_read_sums(&s->facts, &r->http, err)
		       ? s3_sending_check(s, &r->http, etag, err) : S3_FAILED;
}

static enum s3_outcome send_whole(struct s3_sending *s, struct error *err)
{
	struct s3_body body = { .from = *s->from };
	struct s3_request r = { .method = "PUT", .place = s->place,
				.body = &body, .http = { .lingers = true } };
	enum s3_outcome outcome;

	s3_sending_guard(s, &r);
	outcome = s3_request_perform(&r, 1, err) ? judge(s, &r, err)
						 : S3_FAILED;
	s3_request_free(&r);
	return outcome;
}

/*
 * Not all servers know If-None-Match, so it is looked first whether the name
 * is taken; those that do keep it from being taken in between.
 */
static bool look_first(const struct s3_sending *s, bool *taken,
		       struct error *err)
{
	struct s3_facts there;

	*taken = false;
	return s->instead_of || s3_look(&there, taken, s->place, err);
}

static bool send_some_times(struct s3_sending *s, bool *taken,
			    struct error *err)
{
	enum s3_outcome outcome = S3_AGAIN;
	struct error fault;

	for (unsigned i = 0; i < TRIES && outcome == S3_AGAIN; i++) {
		if (i > 0)
			s3_sending_pause(i);
		fault = (struct error){ 0 };
		outcome = s->from->size > WHOLE_MOST_NBYTES
				  ? s3_upload_send(s, &fault)
				  : send_whole(s, &fault);
	}
	*taken = outcome == S3_TAKEN;
	if (outcome == S3_SENT || *taken)
		return true;
	*err = fault;
	return s3_request_error_in(err, s->place);
}

bool s3_send(const struct s3_place *place, const struct reader *from,
	     const char *instead_of, bool *taken, struct s3_facts *facts,
	     struct error *err)
{
	struct s3_sending s = { .place = place, .from = from,
				.instead_of = instead_of };

	*facts = (struct s3_facts){ 0 };
	if (!place->key[0])
		return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				 "this names a bucket, and no object in it") ||
		       s3_request_error_in(err, place);
	if (!look_first(&s, taken, err))
		return false;
	if (!*taken && !send_some_times(&s, taken, err))
		return false;
	if (!*taken)
		*facts = s.facts;
	return true;
}
