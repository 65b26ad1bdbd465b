/* s3.c - look at objects, and remove them */
#include "remote/s3.h"

#include "remote/s3_address.h"
#include "remote/s3_answer.h"
#include "remote/s3_request.h"

bool s3_begin(const struct s3_options *options, struct error *err)
{
	return s3_address_begin(options->endpoint_url, err);
}

void s3_end(void)
{
	s3_address_end();
}

/* With the key "" a request would be for the bucket. */
static bool check_key(const struct s3_place *place, struct error *err)
{
	return place->key[0] ||
	       error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
			 "this names a bucket, and no object in it");
}

static bool perform_one(struct s3_request *r, struct error *err)
{
	return check_key(r->place, err) && s3_request_perform(r, 1, err);
}

static bool is_missing(const struct s3_request *r)
{
	return r->http.status == 404 &&
	       !s3_request_is_fault(r, "NoSuchBucket");
}

bool s3_look(struct s3_facts *facts, bool *found, const struct s3_place *place,
	     struct error *err)
{
	struct s3_request r = { .method = "HEAD", .place = place };
	bool ok = perform_one(&r, err);

	*found = ok && http_is_success(&r.http);
	*facts = (struct s3_facts){ 0 };
	if (*found)
		ok = s3_answer_read_facts(facts, &r.http, err);
	else if (ok && !is_missing(&r))
		ok = s3_request_fail(&r, err);
	s3_request_free(&r);
	return ok || s3_request_error_in(err, place);
}

bool s3_remove(const struct s3_place *place, struct error *err)
{
	struct s3_request r = { .method = "DELETE", .place = place };
	bool ok = perform_one(&r, err);

	if (ok && !http_is_success(&r.http) && !is_missing(&r))
		ok = s3_request_fail(&r, err);
	s3_request_free(&r);
	return ok || s3_request_error_in(err, place);
}
