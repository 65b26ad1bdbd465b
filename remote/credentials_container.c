/* credentials_container.c - credentials of the container this runs in */
#include "remote/credentials_source.h"

#include <openssl/crypto.h>
#include <string.h>

#include "base/memory.h"
#include "remote/profile.h"
#include "remote/text_file.h"

#define RELATIVE "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
#define FULL "AWS_CONTAINER_CREDENTIALS_FULL_URI"
#define PLACE "the container's credentials"

enum { TIMEOUT_S = 2, ATTEMPTS = 3 };

/* ---- which URL ---- */

/* The hosts that are asked without encryption: they are not far away. */
static bool is_near(const char *url)
{
	static const char *const hosts[] = {
		"169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"
	};
	size_t len;
	const char *host = http_find_host(url, &len);

	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++)
		if (strlen(hosts[i]) == len && memcmp(host, hosts[i], len) == 0)
			return true;
	return http_is_loopback(host, len);
}

/* The authorization goes to nobody who happens to be named. */
static bool check_full(const char *url, struct error *err)
{
	if (!profile_check_url(url, FULL, err))
		return false;
	return strncmp(url, "https://", 8) == 0 || is_near(url) ||
	       error_set(err, ERROR_UNSAFE, ERROR_NO_OFFSET,
			 FULL " is neither https:// nor on this host, "
			 "169.254.170.2, 169.254.170.23 or [fd00:ec2::23]");
}

static bool put_url(struct buffer *url, struct error *err)
{
	const char *relative = profile_variable(RELATIVE);
	const char *full = profile_variable(FULL);

	if (!relative)
		return check_full(full, err) &&
		       buffer_print(url, err, "%s", full) &&
		       buffer_terminate(url, err);
	if (*relative != '/')
		return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				 RELATIVE " does not begin with a slash");
	return buffer_print(url, err, "http://169.254.170.2%s", relative) &&
	       buffer_terminate(url, err) &&
	       profile_check_url(url->data, RELATIVE, err);
}

/* ---- the request ---- */

/* *line stays empty if nothing is said. */
static bool put_authorization(struct buffer *line, struct error *err)
{
	static const char name[] = "Authorization: ";
	const char *path = profile_variable(
		"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	const char *token = profile_variable(
		"AWS_CONTAINER_AUTHORIZATION_TOKEN");
	struct text_file file = { 0 };
	bool ok;

	if (path && !text_file_read_token(&file, path, CREDENTIALS_TOKEN_MOST,
					  err))
		return false;
	if (path)
		token = file.text;
	ok = !token || (buffer_append(line, name, sizeof(name) - 1, err) &&
			buffer_append(line, token, strlen(token) + 1, err));
	text_file_free(&file);
	return ok;
}

static bool ask(struct credentials_found *found, const char *url,
		const char *line, struct error *err)
{
	struct http_request r = {
		.method = "GET", .url = url, .context = line,
		.timeout_s = TIMEOUT_S, .attempts_most = ATTEMPTS,
		.no_proxy = true,
	};
	bool ok = credentials_ask(&r, err);

	if (ok && r.status != 200)
		ok = error_set(err, ERROR_IO, ERROR_NO_OFFSET,
			       "the status %u instead of credentials",
			       r.status);
	ok = ok && credentials_keep_json(found, r.text.data, r.text.len,
					 err);
	credentials_wipe(&r);
	return ok || error_in(err, PLACE, NULL);
}

bool credentials_of_container(struct credentials_found *found,
			      struct error *err)
{
	struct buffer url = { 0 }, line = { 0 };
	bool ok;

	if (!profile_variable(RELATIVE) && !profile_variable(FULL))
		return true;
	ok = put_url(&url, err) && put_authorization(&line, err) &&
	     ask(found, url.data, line.data, err);
	if (line.data)
		OPENSSL_cleanse(line.data, line.capacity);
	buffer_free(&line);
	buffer_free(&url);
	return ok;
}
