/*
 * credentials_instance.c - credentials of the instance this runs on
 *
 * Instance metadata, version 2: a token is asked for by PUT, which no proxy
 * and no server that is led astray does for others, and goes with the rest.
 *
 *	PUT /latest/api/token				a token
 *	GET /latest/meta-data/iam/security-credentials/	the name of a role
 *	GET .../NAME					its credentials
 */
#include "remote/credentials_source.h"

#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "remote/profile.h"

#define ENDPOINT "AWS_EC2_METADATA_SERVICE_ENDPOINT"
#define PLACE "instance metadata"
#define ROLES "/latest/meta-data/iam/security-credentials/"

/* Most machines are none of AWS: nobody waits long there. */
enum { TIMEOUT_S = 1, ATTEMPTS = 2, TOKEN_MOST = 1024, ROLE_MOST = 64 };

struct instance {
	const char *endpoint;
	struct buffer line;	/* the header with the token */
};

static bool put_url(struct buffer *url, const struct instance *in,
		    const char *path, const char *name, struct error *err)
{
	size_t len = strlen(in->endpoint);

	if (len > 0 && in->endpoint[len - 1] == '/')
		len--;
	return buffer_append(url, in->endpoint, len, err) &&
	       buffer_print(url, err, "%s%s", path, name) &&
	       buffer_terminate(url, err);
}

/* The caller frees the request. */
static bool ask(struct http_request *r, const char *method,
		const struct buffer *url, const char *line, struct error *err)
{
	*r = (struct http_request){
		.method = method, .url = url->data, .context = line,
		.timeout_s = TIMEOUT_S, .attempts_most = ATTEMPTS,
		.no_proxy = true,
	};
	return credentials_ask(r, err);
}

/* ---- the token ---- */

static bool keep_token(struct instance *in, const struct http_request *r,
		       struct error *err)
{
	static const char name[] = "X-aws-ec2-metadata-token: ";

	if (r->text.len == 0 || r->text.len > TOKEN_MOST ||
	    strlen(r->text.data) < r->text.len)
		return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				 "what should be a token has %zu bytes, not 1 "
				 "to %d, or a NUL", r->text.len, TOKEN_MOST);
	return buffer_append(&in->line, name, sizeof(name) - 1, err) &&
	       buffer_append(&in->line, r->text.data, r->text.len + 1, err);
}

/*
 * in->line stays empty if nobody answers, or somebody who knows no tokens: it
 * is no instance of AWS, then, or one that tells nothing.
 */
static bool get_token(struct instance *in, struct error *why,
		      struct error *err)
{
	struct http_request r = { 0 };
	struct buffer url = { 0 };
	struct error fault = { 0 };
	bool ok = put_url(&url, in, "/latest/api/token", "", err);

	if (ok && !ask(&r, "PUT", &url,
		       "X-aws-ec2-metadata-token-ttl-seconds: 21600",
		       &fault)) {
		ok = r.fault.kind != ERROR_NONE;
		*(ok ? why : err) = fault;
	} else if (ok && r.status != 200) {
		error_set(why, ERROR_IO, ERROR_NO_OFFSET,
			  "no token, but the status %u", r.status);
	} else if (ok) {
		ok = keep_token(in, &r, err);
	}
	credentials_wipe(&r);
	buffer_free(&url);
	return ok;
}

/* ---- the role, and its credentials ---- */

/* It becomes part of a path. */
static bool keep_role(char role[ROLE_MOST + 1], const struct http_request *r,
		      struct error *err)
{
	static const char characters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789_+=,.@-";
	size_t len = strspn(r->text.data, characters);

	if (len == 0 || len > ROLE_MOST ||
	    (len < r->text.len && r->text.data[len] != '\n'))
		return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				 "what should be the name of a role is none");
	memcpy(role, r->text.data, len);
	role[len] = '\0';
	return true;
}

static bool fault_status(const struct http_request *r, struct error *err)
{
	return error_set(err, ERROR_IO, ERROR_NO_OFFSET,
			 "the status %u instead of credentials", r->status);
}

/* role stays "" if the instance has none. */
static bool get_role(const struct instance *in, char role[ROLE_MOST + 1],
		     struct error *why, struct error *err)
{
	struct http_request r = { 0 };
	struct buffer url = { 0 };
	bool ok = put_url(&url, in, ROLES, "", err) &&
		  ask(&r, "GET", &url, in->line.data, err);

	if (ok && r.status == 404)
		error_set(why, ERROR_IO, ERROR_NO_OFFSET,
			  "the instance has no role");
	else if (ok)
		ok = r.status == 200 ? keep_role(role, &r, err)
				     : fault_status(&r, err);
	credentials_wipe(&r);
	buffer_free(&url);
	return ok;
}

static bool get_keys(struct credentials_found *found,
		     const struct instance *in, const char *role,
		     struct error *err)
{
	struct http_request r = { 0 };
	struct buffer url = { 0 };
	bool ok = put_url(&url, in, ROLES, role, err) &&
		  ask(&r, "GET", &url, in->line.data, err);

	if (ok)
		ok = r.status == 200 ?
		     credentials_keep_json(found, r.text.data, r.text.len,
					   err) :
		     fault_status(&r, err);
	credentials_wipe(&r);
	buffer_free(&url);
	return ok;
}

static bool look(struct credentials_found *found, struct instance *in,
		 struct error *err)
{
	char role[ROLE_MOST + 1] = "";

	return get_token(in, &found->why, err) &&
	       (in->line.len == 0 ||
		get_role(in, role, &found->why, err)) &&
	       (!*role || get_keys(found, in, role, err));
}

bool credentials_of_instance(struct credentials_found *found,
			     struct error *err)
{
	const char *disabled = profile_variable("AWS_EC2_METADATA_DISABLED");
	const char *endpoint = profile_variable(ENDPOINT);
	struct instance in = { .endpoint = "http://169.254.169.254" };
	bool ok;

	if (disabled && strcasecmp(disabled, "true") == 0) {
		error_set(&found->why, ERROR_USAGE, ERROR_NO_OFFSET,
			  "AWS_EC2_METADATA_DISABLED is true");
		return true;
	}
	if (endpoint && !profile_check_url(endpoint, ENDPOINT, err))
		return false;
	if (endpoint)
		in.endpoint = endpoint;
	ok = look(found, &in, err);
	if (in.line.data)
		OPENSSL_cleanse(in.line.data, in.line.capacity);
	buffer_free(&in.line);
	return ok || error_in(err, PLACE, NULL);
}
