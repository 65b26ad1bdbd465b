/* credentials_web.c - a token of another identity provider for credentials */
#include "remote/credentials_source.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "remote/percent.h"
#include "remote/profile.h"
#include "remote/s3_xml.h"
#include "remote/text_file.h"

#define PLACE "STS"
#define ANSWER "AssumeRoleWithWebIdentityResponse/"
#define RESULT ANSWER "AssumeRoleWithWebIdentityResult/Credentials/"

/* ---- the request ---- */

static bool put_field(struct buffer *form, const char *name,
		      const char *value, struct error *err)
{
	return buffer_append(form, name, strlen(name), err) &&
	       percent_encode(form, value, err);
}

static bool put_form(struct buffer *form, const struct credentials_role *role,
		     const char *token, struct error *err)
{
	return put_field(form, "Action=", "AssumeRoleWithWebIdentity", err) &&
	       put_field(form, "&Version=", "2011-06-15", err) &&
	       put_field(form, "&RoleArn=", role->arn, err) &&
	       put_field(form, "&RoleSessionName=",
			 role->session ? role->session : "mpt-bundle", err) &&
	       put_field(form, "&WebIdentityToken=", token, err);
}

static bool put_url(struct buffer *url, struct error *err)
{
	const char *region, *endpoint;

	if (!profile_sts_endpoint(&endpoint, err) ||
	    !profile_region(&region, err))
		return false;
	return (endpoint ? buffer_print(url, err, "%s", endpoint)
			 : buffer_print(url, err,
					"https://sts.%s.%s/", region,
					profile_domain(region))) &&
	       buffer_terminate(url, err);
}

/* ---- the answer ---- */

/* The text of an element that is wanted. */
struct wanted {
	const char *path;
	char *text;		/* owned; NULL: not met */
};

enum { WANTED_MOST = 4 };

struct answer {
	struct wanted wanted[WANTED_MOST];
	size_t count;
};

static bool take(void *to, const char *path, const char *text,
		 struct error *err)
{
	struct answer *a = to;

	for (size_t i = 0; i < a->count; i++) {
		struct wanted *w = &a->wanted[i];

		if (strcmp(path, w->path) != 0)
			continue;
		if (w->text)
			return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
					 "%s for a second time",
					 strrchr(path, '/') + 1);
		w->text = strdup(text);
		return w->text || error_set_memory(err, strlen(text) + 1);
	}
	return true;
}

static bool read_answer(struct answer *a, const struct http_request *r,
			struct error *err)
{
	const struct s3_xml_taker taker = { take, a };

	return s3_xml_parse(r->text.data, r->text.len, &taker, err);
}

static void free_answer(struct answer *a)
{
	for (size_t i = 0; i < a->count; i++) {
		char *text = a->wanted[i].text;

		if (text)
			OPENSSL_cleanse(text, strlen(text));
		free(text);
	}
}

static bool refuse(const struct http_request *r, const char *token,
		   struct error *err)
{
	struct answer a = {
		.wanted = { { "ErrorResponse/Error/Code", NULL },
			    { "ErrorResponse/Error/Message", NULL } },
		.count = 2,
	};
	struct error ignored = { 0 };
	const char *code = "no reason", *message = "";

	if (read_answer(&a, r, &ignored) && a.wanted[0].text)
		code = a.wanted[0].text;
	if (a.wanted[1].text)
		message = a.wanted[1].text;
	/* Some servers show what they were sent. */
	if (strstr(message, token) || strstr(code, token))
		code = message = "";
	error_set(err, ERROR_IO, ERROR_NO_OFFSET,
		  PLACE " refused the role of the web identity: %u, %.60s: "
		  "%.250s", r->status, code, message);
	free_answer(&a);
	return false;
}

static bool check_whole(const struct answer *a, struct error *err)
{
	for (size_t i = 0; i < a->count; i++)
		if (!a->wanted[i].text)
			return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
					 "there is no %s",
					 strrchr(a->wanted[i].path, '/') + 1);
	return true;
}

static bool keep(struct credentials_found *found,
		 const struct http_request *r, struct error *err)
{
	struct answer a = {
		.wanted = { { RESULT "AccessKeyId", NULL },
			    { RESULT "SecretAccessKey", NULL },
			    { RESULT "SessionToken", NULL },
			    { RESULT "Expiration", NULL } },
		.count = 4,
	};
	bool ok = read_answer(&a, r, err) && check_whole(&a, err);

	if (ok) {
		const struct credentials_texts texts = {
			a.wanted[0].text, a.wanted[1].text, a.wanted[2].text,
			a.wanted[3].text
		};

		ok = credentials_keep(found, &texts, "the answer", err);
	}
	free_answer(&a);
	return ok || error_in(err, PLACE, NULL);
}

/* ---- both ---- */

static bool exchange(struct credentials_found *found, const char *url,
		     const struct buffer *form, const char *token,
		     struct error *err)
{
	const struct reader_bytes bytes = { form->data, form->len };
	const struct reader body = reader_memory(&bytes);
	struct http_request r = {
		.method = "POST", .url = url, .upload = &body,
		.context = "Content-Type: application/x-www-form-urlencoded",
	};
	bool ok = credentials_ask(&r, err);

	if (ok)
		ok = r.status == 200 ? keep(found, &r, err)
				     : refuse(&r, token, err);
	credentials_wipe(&r);
	return ok;
}

bool credentials_assume_role(struct credentials_found *found,
			     const struct credentials_role *role,
			     struct error *err)
{
	struct text_file token = { 0 };
	struct buffer form = { 0 }, url = { 0 };
	bool ok = text_file_read_token(&token, role->token_file,
				       CREDENTIALS_TOKEN_MOST, err) &&
		  put_form(&form, role, token.text, err) &&
		  put_url(&url, err) &&
		  exchange(found, url.data, &form, token.text, err);

	if (form.data)
		OPENSSL_cleanse(form.data, form.capacity);
	buffer_free(&form);
	buffer_free(&url);
	text_file_free(&token);
	return ok;
}

bool credentials_by_web_identity(struct credentials_found *found,
				 struct error *err)
{
	const struct credentials_role role = {
		profile_variable("AWS_ROLE_ARN"),
		profile_variable("AWS_WEB_IDENTITY_TOKEN_FILE"),
		profile_variable("AWS_ROLE_SESSION_NAME")
	};

	if (!role.token_file)
		return true;
	if (!role.arn)
		return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				 "AWS_WEB_IDENTITY_TOKEN_FILE is in the "
				 "environment, but AWS_ROLE_ARN is not");
	return credentials_assume_role(found, &role, err);
}
