/* credentials_container.c - credentials of the container this runs in */
#include "remote/credentials_source.h"

#include <arpa/inet.h>
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

static bool is_loopback(const char *host)
{
	struct in_addr address;

	return inet_pton(AF_INET, host, &address) == 1 &&
	       ntohl(address.s_addr) >> 24 == 127;
}

/* The hosts that are asked without encryption: they are not far away. */
static bool is_near(const char *host)
{
	static const char *const hosts[] = {
		"localhost", "[::1]", "169.254.170.2", "169.254.170.23",
		"[fd00:ec2::23]"
	};

	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++)
		if (strcmp(host, hosts[i]) == 0)
			return true;
	return is_loopback(host);
}

/* What stands before the port or the path; false if it does not fit. */
static bool split_host(char *host, size_t size, const char *url)
{
	const char *start = strstr(url, "://") + 3;
	const char *bracket = *start == '[' ? strchr(start, ']') : NULL;
	const char *from = bracket ? bracket : start;
	const char *end = from + strcspn(from, ":/?#");
	size_t len = (size_t)(end - start);

	if (len >= size)
		return false;
	memcpy(host, start, len);
	host[len] = '\0';
	return true;
}

/* The authorization goes to nobody who happens to be named. */
static bool check_full(const char *url, struct error *err)
{
	char host[64];

	if (!profile_check_url(url, FULL, err))
		return false;
	return strncmp(url, "https://", 8) == 0 ||
	       (split_host(host, sizeof(host), url) && is_near(host)) ||
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
