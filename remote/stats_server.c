/* stats_server.c - ask the stats server for a policy */
#include "remote/stats_server.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "formats/json.h"
#include "remote/http.h"
#include "remote/percent.h"

#define OPTION "--stats-server"
#define TOKEN "METTA_STATS_TOKEN"

enum {
	URL_LIMIT = 2048, TOKEN_LIMIT = 8192,
	ANSWER_LIMIT = 4 << 20,
	VERSIONS_LIMIT = 1000	/* of one answer */
};

static const char *server, *token;
static bool on_this_machine;	/* the server */

/* ---- the server and the token ---- */

static bool fault_usage(struct error *err, const char *why)
{
	return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET, "%s", why);
}

/* How many characters of the text are printable ASCII. */
static size_t visible_span(const char *text)
{
	size_t len = 0;

	while (text[len] > ' ' && text[len] <= '~')
		len++;
	return len;
}

/* Where the host begins, or NULL: it is no URL of HTTP. */
static const char *find_host(const char *url, bool *secure)
{
	*secure = strncmp(url, "https://", 8) == 0;
	if (*secure)
		return url + 8;
	return strncmp(url, "http://", 7) == 0 ? url + 7 : NULL;
}

/* Characters that a parser could take for the end of the host are refused. */
static bool check_url(const char *url, struct error *err)
{
	static const char of_host[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789-._:[]";
	bool secure;
	const char *host = find_host(url, &secure);
	size_t len = host ? strcspn(host, "/") : 0;

	if (len == 0 || strspn(host, of_host) != len)
		return fault_usage(err, OPTION " takes http[s]://HOST[:PORT]"
				   "[/PATH]");
	if (strlen(url) > URL_LIMIT || url[visible_span(url)] ||
	    strpbrk(host, "?#\\"))
		return fault_usage(err, OPTION " takes a URL without a query, "
				   "and with special characters encoded");
	host = http_find_host(url, &len);
	on_this_machine = http_is_loopback(host, len);
	return !token || secure || on_this_machine ||
	       fault_usage(err, TOKEN " is set, and is not sent over http://, "
			   "where others can read it: name the stats server "
			   "with https://");
}

static bool read_token(struct error *err)
{
	size_t len;

	token = getenv(TOKEN);
	if (token && !*token)
		token = NULL;
	if (!token)
		return true;
	len = visible_span(token);
	return (!token[len] && len <= TOKEN_LIMIT) ||
	       fault_usage(err, TOKEN " is too long, or has characters that no "
			   "token has");
}

bool stats_server_begin(const char *url, struct error *err)
{
	server = url;
	return !url || (read_token(err) && check_url(url, err));
}

bool stats_server_is_known(void)
{
	return server != NULL;
}

/* ---- the question ---- */

static bool put_line(struct buffer *lines, const char *name, const char *value,
		     struct error *err)
{
	return buffer_append(lines, name, strlen(name), err) &&
	       buffer_append(lines, value, strlen(value) + 1, err);
}

static bool put_headers(struct buffer *lines,
			const struct http_request *request, struct error *err)
{
	(void)request;
	return put_line(lines, "Accept: ", "application/json", err) &&
	       (!token || put_line(lines, "X-Auth-Token: ", token, err));
}

static bool print_url(struct buffer *url, const struct uri *u,
		      struct error *err)
{
	size_t len = strlen(server);
	bool ok;

	while (server[len - 1] == '/')
		len--;
	ok = buffer_append(url, server, len, err);
	if (u->is_id)
		ok = ok && buffer_print(url, err,
					"/stats/policies/versions/%s",
					u->name);
	else
		ok = ok && buffer_print(url, err, "/stats/policy-versions"
					"?limit=%d&name_exact=",
					VERSIONS_LIMIT) &&
		     percent_encode(url, u->name, err) &&
		     (!u->has_version ||
		      buffer_print(url, err, "&version=%" PRIu64,
				   u->version));
	return ok && buffer_terminate(url, err);
}

/* ---- the answer ---- */

static bool fault_answer(struct error *err, const char *why)
{
	return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			 "the stats server's answer cannot be used: %.300s",
			 why);
}

static bool fault_unknown(struct error *err)
{
	return error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
			 "the stats server knows no such policy, or none of "
			 "this version");
}

static bool check_status(unsigned status, struct error *err)
{
	if (status == 200)
		return true;
	if (status == 404)
		return fault_unknown(err);
	if (status == 401 || status == 403)
		return error_set(err, ERROR_IO, ERROR_NO_OFFSET,
				 "the stats server refuses to tell (status "
				 "%u): %s", status, token ?
				 "it does not take the token of " TOKEN :
				 TOKEN " is not set");
	return error_set(err, ERROR_IO, ERROR_NO_OFFSET,
			 "the stats server answers with status %u", status);
}

/* What the server has of one version.  Borrows the document. */
struct version {
	uint64_t number;
	const char *uri;	/* NULL: it has none */
};

/* Is it what was asked for? */
static bool check_version(const struct json_value *v, const struct uri *u,
			  uint64_t number, struct error *err)
{
	const char *said;

	if (!json_get_string(v, u->is_id ? "id" : "name", &said, err))
		return false;
	if ((u->is_id ? strcasecmp(said, u->name) : strcmp(said, u->name)) != 0)
		return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				 "it is of another policy, \"%.100s\"", said);
	return !u->has_version || u->version == number ||
	       error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			 "it is of version %" PRIu64, number);
}

static bool take_version(struct version *version, const struct json_value *v,
			 const struct uri *u, struct error *err)
{
	static const char *const keys[] = { "s3_path", "checkpoint_uri" };

	*version = (struct version){ 0 };
	if (!json_to_object(v, "a version", err) ||
	    !json_get_u64(v, "version", &version->number, err) ||
	    !check_version(v, u, version->number, err))
		return false;
	for (size_t i = 0; i < 2 && !version->uri; i++) {
		const struct json_value *uri = json_find(v, keys[i]);

		if (uri && json_type(uri) != JSON_NULL &&
		    !json_to_string(uri, keys[i], &version->uri, err))
			return false;
	}
	return true;
}

/* Versions of policies of two users, perhaps, that share a name. */
static bool fault_twice(struct error *err, uint64_t number)
{
	return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			 "it has version %" PRIu64 " twice: ask for the one or "
			 "the other by its id", number);
}

static bool take_highest(struct version *highest,
			 const struct json_value *root, const struct uri *u,
			 struct error *err)
{
	const struct json_value *entries;
	size_t count = 0;
	bool twice = false;

	if (!json_to_object(root, "it", err) ||
	    !json_get_array(root, "entries", &entries, err))
		return false;
	for (const struct json_value *v = json_first(entries); v;
	     v = json_next(v)) {
		struct version version;

		if (!take_version(&version, v, u, err))
			return false;
		if (count == 0 || version.number >= highest->number) {
			twice = count > 0 && version.number == highest->number;
			*highest = version;
		}
		count++;
	}
	if (count >= VERSIONS_LIMIT)
		return error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
				 "it has %zu versions, and there may be more: "
				 "ask for one with :vN", count);
	if (twice)
		return fault_twice(err, highest->number);
	return count > 0 || fault_unknown(err);
}

static bool copy_uri(char **uri, const struct version *version,
		     struct error *err)
{
	if (!version->uri)
		return error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
				 "version %" PRIu64 " of the policy has "
				 "neither s3_path nor checkpoint_uri",
				 version->number);
	*uri = strdup(version->uri);
	return *uri || error_set_memory(err, strlen(version->uri) + 1);
}

static bool read_answer(char **uri, const struct http_request *r,
			const struct uri *u, struct error *err)
{
	struct json_document document = { 0 };
	struct version version = { 0 };
	struct error fault = { 0 };
	bool ok;

	if (r->text.len > ANSWER_LIMIT)
		return error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
				 "the stats server's answer of %zu bytes is "
				 "over the limit of %d", r->text.len,
				 ANSWER_LIMIT);
	ok = json_parse(&document, r->text.data, r->text.len, &fault) &&
	     (u->is_id ? take_version : take_highest)(&version, document.root,
						      u, &fault) &&
	     copy_uri(uri, &version, &fault);
	json_free(&document);
	if (!ok && (fault.kind == ERROR_MEMORY ||
		    fault.kind == ERROR_UNSUPPORTED))
		*err = fault;
	else if (!ok)
		fault_answer(err, fault.reason);
	return ok;
}

bool stats_server_find(char **uri, const struct uri *policy, struct error *err)
{
	struct buffer url = { 0 };
	struct http_request r = {
		.method = "GET", .put_headers = put_headers,
		.expected_nbytes = HTTP_ANY_LENGTH,
		/* Else a proxy would read the token. */
		.no_proxy = on_this_machine,
	};
	bool ok;

	*uri = NULL;
	ok = print_url(&url, policy, err);
	r.url = url.data;
	ok = ok && http_perform(&r, 1, err) && check_status(r.status, err) &&
	     read_answer(uri, &r, policy, err);
	http_free(&r);
	buffer_free(&url);
	return ok;
}
