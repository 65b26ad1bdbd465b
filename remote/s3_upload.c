/*
 * s3_upload.c - multipart uploads
 *
 *	POST   key?uploads=			an id for the upload
 *	PUT    key?partNumber=1&uploadId=ID	each part: an ETag
 *	POST   key?uploadId=ID			the list of the ETags: complete
 *	DELETE key?uploadId=ID			or give it up
 *
 * Source: "Uploading and copying objects using multipart upload" in the user
 * guide of S3.
 */
#include "remote/s3_upload.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "remote/s3_answer.h"

#define PARTS_MOST 10000
#define MIB (UINT64_C(1) << 20)

enum {
	TRIES = 3,
	COMPLETE_TIMEOUT_S = 900,	/* S3 may need minutes */
	ABORT_TIMEOUT_S = 5,
	ABORT_ATTEMPTS = 2	/* after a signal */
};

struct part {
	struct s3_body body;
	char etag[S3_ETAG_SIZE];	/* "": it is not there yet */
};

struct upload {
	struct s3_sending *s;
	char id[S3_UPLOAD_ID_SIZE];
	struct part *parts;
	size_t count;
	char etag[S3_ETAG_SIZE];	/* that the object will have */
};

/* ---- parts ---- */

/* As small as their number allows; all but the last have one size. */
static uint64_t choose_part_nbytes(uint64_t nbytes)
{
	uint64_t least = nbytes / PARTS_MOST + 1;

	return least <= S3_PART_NBYTES ? S3_PART_NBYTES
				       : (least + MIB - 1) / MIB * MIB;
}

static bool cut_parts(struct upload *u, struct error *err)
{
	const struct reader *from = u->s->from;
	uint64_t nbytes = choose_part_nbytes(from->size), offset = 0;
	bool ok;

	u->count = (size_t)((from->size + nbytes - 1) / nbytes);
	u->parts = memory_array(u->count, sizeof(*u->parts), err);
	ok = u->parts != NULL;
	for (size_t i = 0; ok && i < u->count; i++, offset += nbytes)
		ok = reader_window(&u->parts[i].body.from, from, offset,
				   i + 1 < u->count ? nbytes
						    : from->size - offset,
				   err);
	return ok;
}

/* Without its answer nobody could give the upload up. */
static bool begin(struct upload *u, struct error *err)
{
	struct s3_body nothing = { .from = { 0 } };
	struct s3_request r = { .method = "POST", .place = u->s->place,
				.body = &nothing,
				.http = { .lingers = true } };
	bool ok = s3_request_add_query(&r, "uploads", "", err) &&
		  s3_request_perform(&r, 1, err);

	if (ok && !http_is_success(&r.http))
		ok = s3_request_fail(&r, err);
	ok = ok && s3_answer_read_upload(u->id, r.http.text.data,
					 r.http.text.len, err);
	s3_request_free(&r);
	return ok;
}

static bool make_part_request(struct s3_request *r, struct upload *u,
			      size_t index, struct error *err)
{
	char number[24];

	*r = (struct s3_request){ .method = "PUT", .place = u->s->place,
				  .body = &u->parts[index].body };
	snprintf(number, sizeof(number), "%zu", index + 1);
	return s3_request_add_query(r, "partNumber", number, err) &&
	       s3_request_add_query(r, "uploadId", u->id, err);
}

/* Is a part there?  If not, but it may be another time, *fault says why. */
static bool judge_part(struct part *part, const struct s3_request *r,
		       struct error *fault, struct error *err)
{
	struct s3_facts facts;

	if (!http_is_success(&r->http) && s3_sending_is_passing(r)) {
		s3_request_fail(r, fault);
		return true;
	}
	if (!http_is_success(&r->http))
		return s3_request_fail(r, err);
	if (!s3_answer_read_sums(&facts, &r->http, err))
		return false;
	if (!facts.etag[0])
		return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				 "S3 has told no ETag of a part");
	if (facts.md5[0] && strcmp(facts.md5, part->body.md5_hex) != 0)
		error_set(fault, ERROR_IO, ERROR_NO_OFFSET,
			  "a part has the MD5 %s at S3, and %s was sent: it "
			  "was changed on its way", facts.md5,
			  part->body.md5_hex);
	else
		memcpy(part->etag, facts.etag, sizeof(part->etag));
	return true;
}

/* Some may still not be there then: that is what *fault tells. */
static bool send_missing(struct upload *u, size_t first, size_t end,
			 struct error *fault, struct error *err)
{
	struct s3_request *requests = memory_array(end - first,
						   sizeof(*requests), err);
	size_t indexes[S3_REQUESTS_MOST], count = 0;
	bool ok = requests != NULL;

	for (size_t i = first; ok && i < end; i++) {
		if (u->parts[i].etag[0])
			continue;
		indexes[count] = i;
		ok = make_part_request(&requests[count++], u, i, err);
	}
	ok = ok && s3_request_perform(requests, count, err);
	for (size_t k = 0; k < count; k++) {
		ok = ok && judge_part(&u->parts[indexes[k]], &requests[k],
				      fault, err);
		s3_request_free(&requests[k]);
	}
	free(requests);
	return ok;
}

static bool send_some(struct upload *u, size_t first, size_t end,
		      struct error *err)
{
	struct error fault;

	for (unsigned i = 0; i < TRIES; i++) {
		fault = (struct error){ 0 };
		if (!send_missing(u, first, end, &fault, err))
			return false;
		if (fault.kind == ERROR_NONE)
			return true;
	}
	*err = fault;
	return false;
}

static bool send_parts(struct upload *u, struct error *err)
{
	for (size_t first = 0, end; first < u->count; first = end) {
		end = u->count - first > S3_REQUESTS_MOST
			      ? first + S3_REQUESTS_MOST : u->count;
		if (!send_some(u, first, end, err))
			return false;
	}
	return true;
}

/* ---- putting together ---- */

/* The MD5 of the parts' MD5s, and their number. */
static bool print_etag(struct upload *u, struct error *err)
{
	unsigned char md5[S3_MD5_NBYTES];
	char hex[S3_MD5_HEX_SIZE];
	struct buffer all = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < u->count; i++)
		ok = buffer_append(&all, u->parts[i].body.md5, S3_MD5_NBYTES,
				   err);
	ok = ok && s3_body_md5(md5, all.data, all.len, err);
	buffer_free(&all);
	if (!ok)
		return false;
	s3_body_print_md5(hex, md5);
	snprintf(u->etag, sizeof(u->etag), "%s-%zu", hex, u->count);
	return true;
}

static bool print_list(struct buffer *list, const struct upload *u,
		       struct error *err)
{
	bool ok = buffer_print(list, err, "<CompleteMultipartUpload xmlns=\""
			       "http://s3.amazonaws.com/doc/2006-03-01/\">");

	for (size_t i = 0; ok && i < u->count; i++)
		ok = buffer_print(list, err, "<Part><PartNumber>%zu"
				  "</PartNumber><ETag>&quot;%s&quot;</ETag>"
				  "</Part>", i + 1, u->parts[i].etag);
	return ok && buffer_print(list, err, "</CompleteMultipartUpload>");
}

/* An upload that is gone was perhaps completed before. */
static enum s3_outcome judge_gone(struct upload *u, const struct s3_request *r,
				  struct error *err)
{
	bool found;

	if (!s3_sending_find(u->s, &found, u->etag, err))
		return S3_FAILED;
	if (found)
		return S3_SENT;
	s3_request_fail(r, err);
	return S3_FAILED;
}

static enum s3_outcome judge_complete(struct upload *u, struct s3_request *r,
				      struct error *err)
{
	struct s3_sending *s = u->s;

	if (http_is_success(&r->http) &&
	    !s3_answer_read_complete(s->facts.etag, &r->fault,
				     r->http.text.data, r->http.text.len, err))
		return S3_FAILED;
	if (http_is_success(&r->http) && s->facts.etag[0]) {
		s->facts.md5[0] = '\0';
		return s3_sending_check(s, &r->http, u->etag, err);
	}
	if (s3_request_is_fault(r, "NoSuchUpload"))
		return judge_gone(u, r, err);
	return s3_sending_judge(s, r, u->etag, err);
}

static enum s3_outcome complete_once(struct upload *u, struct s3_body *body,
				     bool *conflict, struct error *err)
{
	struct s3_request r = {
		.method = "POST", .place = u->s->place, .body = body,
		.http = { .timeout_s = COMPLETE_TIMEOUT_S, .lingers = true },
	};
	enum s3_outcome outcome = S3_FAILED;

	s3_sending_guard(u->s, &r);
	if (s3_request_add_query(&r, "uploadId", u->id, err) &&
	    s3_request_perform(&r, 1, err))
		outcome = judge_complete(u, &r, err);
	*conflict = s3_request_is_fault(&r, "ConditionalRequestConflict");
	s3_request_free(&r);
	return outcome;
}

/*
 * A 200 that holds an error is sent again here, for http.h takes it for a
 * success.  After a conflict the whole upload is to be made again.
 */
static enum s3_outcome complete(struct upload *u, struct error *err)
{
	struct buffer list = { 0 };
	enum s3_outcome outcome = S3_FAILED;
	bool ok = print_etag(u, err) && print_list(&list, u, err), again = ok;
	const struct reader_bytes bytes = { list.data, list.len };
	struct s3_body body = { .from = reader_memory(&bytes) };

	for (unsigned i = 0; again && i < TRIES; i++) {
		struct error fault = { 0 };
		bool conflict;

		if (i > 0)
			s3_sending_pause(i);
		outcome = complete_once(u, &body, &conflict, &fault);
		again = outcome == S3_AGAIN && !conflict;
		*err = fault;
	}
	buffer_free(&list);
	return again ? S3_FAILED : outcome;
}

/* As far as that is possible: parts that nobody gives up are paid for. */
static void give_up(struct upload *u)
{
	struct s3_request r = {
		.method = "DELETE", .place = u->s->place,
		.http = { .timeout_s = ABORT_TIMEOUT_S,
			  .attempts_most = interrupt_signal()
						   ? ABORT_ATTEMPTS : 0,
			  .despite_signals = true },
	};
	struct error ignored = { 0 };

	if (s3_request_add_query(&r, "uploadId", u->id, &ignored))
		s3_request_perform(&r, 1, &ignored);
	s3_request_free(&r);
}

enum s3_outcome s3_upload_send(struct s3_sending *s, struct error *err)
{
	struct upload u = { .s = s };
	enum s3_outcome outcome = S3_FAILED;

	if (cut_parts(&u, err) && begin(&u, err)) {
		if (send_parts(&u, err))
			outcome = complete(&u, err);
		if (outcome != S3_SENT)
			give_up(&u);
	}
	free(u.parts);
	return outcome;
}
