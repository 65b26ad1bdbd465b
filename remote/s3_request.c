/* s3_request.c - sign, send, and understand what S3 says no with */
#include "remote/s3_request.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "remote/credentials.h"
#include "remote/percent.h"
#include "remote/s3_answer.h"
#include "remote/sigv4.h"

/* Of no bytes at all. */
#define EMPTY_SHA256 \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* ---- what is asked ---- */

void s3_request_add_header(struct s3_request *r, const char *fmt, ...)
{
	va_list args;
	int len;

	assert(r->header_count < S3_HEADERS_MOST);
	va_start(args, fmt);
	len = vsnprintf(r->headers[r->header_count], S3_HEADER_SIZE, fmt,
			args);
	va_end(args);
	assert(len > 0 && len < S3_HEADER_SIZE);
	(void)len;
	r->header_count++;
}

bool s3_request_add_query(struct s3_request *r, const char *name,
			  const char *value, struct error *err)
{
	return buffer_print(&r->query, err, "%s%s=", r->query.len ? "&" : "",
			    name) &&
	       percent_encode_value(&r->query, value, err) &&
	       buffer_terminate(&r->query, err);
}

/* Where it goes, as long as nobody says that the bucket is elsewhere. */
static bool find_url(struct s3_request *r, struct error *err)
{
	struct buffer *url = &r->address.url;

	if (!s3_address_find(&r->address, r->place, err))
		return false;
	if (r->query.len > 0 &&
	    !(buffer_print(url, err, "?%s", r->query.data) &&
	      buffer_terminate(url, err)))
		return false;
	r->http.url = url->data;
	return true;
}

/* ---- signing ---- */

static bool sign(struct buffer *lines, const struct s3_request *r,
		 const struct credentials *c, struct error *err)
{
	const struct sigv4_keys keys = { c->access_key, c->secret_key,
					 c->token };
	const char *headers[S3_HEADERS_MOST + 1];
	char md5[S3_HEADER_SIZE];
	struct sigv4_request signing = {
		.method = r->method, .host = r->address.host.data,
		.path = r->address.path.data,
		.query = r->query.len > 0 ? r->query.data : "",
		.headers = headers, .header_count = r->header_count,
		.payload_sha256 = EMPTY_SHA256,
		.region = r->address.region, .service = "s3",
	};

	for (size_t i = 0; i < r->header_count; i++)
		headers[i] = r->headers[i];
	if (r->body) {
		snprintf(md5, sizeof(md5), "content-md5: %s",
			 r->body->md5_base64);
		headers[signing.header_count++] = md5;
		signing.payload_sha256 = r->body->sha256;
	}
	/* What is signed is what is sent, however libcurl would spell it. */
	return buffer_print(lines, err, "Host: %s", r->address.host.data) &&
	       buffer_append(lines, "", 1, err) &&
	       sigv4_sign(lines, &signing, &keys, time(NULL), err);
}

static bool put_headers(struct buffer *lines,
			const struct http_request *request, struct error *err)
{
	const struct s3_request *r = request->context;
	struct credentials c = { 0 };
	bool ok = (!r->body || s3_body_sum(r->body, err)) &&
		  credentials_get(&c, err) && sign(lines, r, &c, err);

	credentials_free(&c);
	return ok;
}

/* ---- what is answered ---- */

bool s3_request_is_fault(const struct s3_request *r, const char *code)
{
	return strcmp(r->fault.code, code) == 0;
}

static bool has_body(const struct s3_request *r)
{
	return strcmp(r->method, "HEAD") != 0;
}

/* The region that the bucket is in, as far as S3 says so. */
static void find_fault(struct s3_request *r)
{
	const char *region = http_header(&r->http, "x-amz-bucket-region");

	r->fault = (struct s3_fault){ 0 };
	if (http_is_success(&r->http))
		return;
	if (has_body(r))
		s3_answer_read_fault(&r->fault, r->http.text.data,
				     r->http.text.len);
	if (region && s3_address_is_region(region))
		memcpy(r->fault.region, region, strlen(region) + 1);
	if (!s3_address_is_region(r->fault.region))
		r->fault.region[0] = '\0';
}

static bool is_elsewhere(const struct s3_request *r)
{
	unsigned status = r->http.status;

	return (status == 301 || status == 307 || status == 400) &&
	       r->fault.region[0] &&
	       strcmp(r->fault.region, r->address.region) != 0;
}

/* The answer to HEAD has no code; that to a token that has expired is 400. */
static bool is_expired(const struct s3_request *r)
{
	return s3_request_is_fault(r, "ExpiredToken") ||
	       s3_request_is_fault(r, "InvalidToken") ||
	       (!has_body(r) && r->http.status == 400);
}

/* Prepare to send it once more, where that may help. */
static bool prepare_again(struct s3_request *r, bool *again,
			  struct error *err)
{
	*again = false;
	if (is_elsewhere(r) && r->address.is_aws) {
		*again = !r->moved;
		r->moved = true;
		return !*again || (s3_address_learn(r->place->bucket,
						    r->fault.region, err) &&
				   find_url(r, err));
	}
	if (is_expired(r)) {
		*again = !r->renewed;
		r->renewed = true;
		if (*again)
			credentials_forget();
	}
	return true;
}

/* ---- performing ---- */

static bool perform_once(struct s3_request *const *due, size_t count,
			 struct error *err)
{
	struct http_request *https = memory_array(count, sizeof(*https), err);
	bool ok;

	if (!https)
		return false;
	for (size_t i = 0; i < count; i++)
		https[i] = due[i]->http;
	ok = http_perform(https, count, err);
	for (size_t i = 0; i < count; i++)
		due[i]->http = https[i];
	free(https);
	return ok;
}

static bool prepare(struct s3_request *r, struct error *err)
{
	r->moved = r->renewed = false;
	r->http.method = r->method;
	r->http.put_headers = put_headers;
	r->http.context = r;
	r->http.upload = r->body ? &r->body->from : NULL;
	if (!r->http.to)
		r->http.expected_nbytes = HTTP_ANY_LENGTH;
	return find_url(r, err);
}

/* Read the answers; the *count that are sent once more stay. */
static bool keep_due(struct s3_request **due, size_t *count,
		     struct error *err)
{
	size_t kept = 0;
	bool again;

	for (size_t i = 0; i < *count; i++) {
		find_fault(due[i]);
		if (!prepare_again(due[i], &again, err))
			return false;
		if (again)
			due[kept++] = due[i];
	}
	*count = kept;
	return true;
}

bool s3_request_perform(struct s3_request *requests, size_t count,
			struct error *err)
{
	struct s3_request **due = memory_array(count, sizeof(*due), err);
	bool ok = due != NULL;

	for (size_t i = 0; ok && i < count; i++) {
		due[i] = &requests[i];
		ok = prepare(due[i], err);
	}
	while (ok && count > 0)
		ok = perform_once(due, count, err) &&
		     keep_due(due, &count, err);
	free(due);
	return ok;
}

void s3_request_free(struct s3_request *r)
{
	buffer_free(&r->query);
	s3_address_free(&r->address);
	http_free(&r->http);
}

/* ---- errors ---- */

/* What a status means where no code comes with it. */
static const char *meaning_of(unsigned status)
{
	switch (status) {
	case 400:
		return ", as to a token that has expired or a bucket of "
		       "another region";
	case 403:
		return ": the credentials are wrong, or may not read it, or "
		       "it is not there and they may not list the bucket";
	default:
		return "";
	}
}

bool s3_request_fail(const struct s3_request *r, struct error *err)
{
	const struct s3_fault *f = &r->fault;
	unsigned attempts = r->http.attempts;
	char tried[40] = "", region[192] = "";

	if (attempts > 1)
		snprintf(tried, sizeof(tried), " (%u attempts)", attempts);
	if (is_elsewhere(r))
		snprintf(region, sizeof(region), "; the bucket is in the "
			 "region \"%s\", and was asked for in \"%s\"",
			 f->region, r->address.region);
	return error_set(err, ERROR_IO, ERROR_NO_OFFSET,
			 "S3 said %u%s%s%s%s%s%s%s", r->http.status,
			 f->code[0] ? " " : "", f->code,
			 f->message[0] ? ": " : "", f->message,
			 has_body(r) || is_elsewhere(r)
				 ? "" : meaning_of(r->http.status),
			 region, tried);
}

bool s3_request_error_in(struct error *err, const struct s3_place *place)
{
	struct buffer name = { 0 };
	struct error ignored = { 0 };

	if (buffer_print(&name, &ignored, S3_SCHEME "%s/%s", place->bucket,
			 place->key) &&
	    buffer_terminate(&name, &ignored))
		error_in(err, name.data, NULL);
	buffer_free(&name);
	return false;
}
