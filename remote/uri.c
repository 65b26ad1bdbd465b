/* uri.c - parse and print the URIs of checkpoints */
#include "remote/uri.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "formats/bundle.h"
#include "remote/percent.h"

#define LATEST ":latest"
#define POLICY_FOLDER "policy/"

enum {
	KEY_LIMIT = 1024,	/* of S3 */
	BUCKET_LEAST = 3, BUCKET_MOST = 63,
	UUID_LEN = 36
};

static bool fault(struct error *err, size_t offset, const char *why)
{
	return error_set(err, ERROR_CORRUPT, offset, "%s", why);
}

/* ---- characters ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Part of a URI: where it begins in the whole, and its bytes. */
struct part {
	const char *text;
	size_t len, offset;
};

static bool keep(char **kept, const struct part *p, struct error *err)
{
	*kept = memory_copy(p->text, p->len, err);
	return *kept != NULL;
}

static bool decode(char **decoded, const struct part *p, struct error *err)
{
	return percent_decode(decoded, p->text, p->len, p->offset, err);
}

/* Take ":latest" off the end. */
static void cut_latest(struct uri *u, struct part *p)
{
	size_t n = sizeof(LATEST) - 1;

	u->latest = p->len >= n &&
		    memcmp(p->text + p->len - n, LATEST, n) == 0;
	if (u->latest)
		p->len -= n;
}

/* The slashes that stood before ":latest" say no more. */
static void trim(const struct uri *u)
{
	size_t len = strlen(u->name);

	while (u->latest && len > 1 && u->name[len - 1] == '/')
		u->name[--len] = '\0';
}

/* ---- one function for each scheme ---- */

static bool parse_path(struct uri *u, struct part p, struct error *err)
{
	static const char here[] = ".";

	u->scheme = URI_FILE;
	u->bare = true;
	cut_latest(u, &p);
	if (p.len == 0 && u->latest)
		p = (struct part){ here, 1, 0 };
	return p.len > 0 ? keep(&u->name, &p, err) :
	       fault(err, 0, "an empty name");
}

static bool parse_file(struct uri *u, struct part p, struct error *err)
{
	u->scheme = URI_FILE;
	cut_latest(u, &p);
	return p.len > 0 ? decode(&u->name, &p, err) :
	       fault(err, p.offset, "no path follows file://");
}

/* Names of hosts are made of it. */
static bool check_bucket(const struct part *p, struct error *err)
{
	if (p->len < BUCKET_LEAST || p->len > BUCKET_MOST)
		return error_set(err, ERROR_CORRUPT, p->offset,
				 "a bucket of %zu bytes; names of buckets have "
				 "%d to %d", p->len, BUCKET_LEAST, BUCKET_MOST);
	for (size_t i = 0; i < p->len; i++) {
		char c = p->text[i];

		if (!is_letter(c) && !is_digit(c) &&
		    (i == 0 || (c != '-' && c != '.' && c != '_')))
			return fault(err, p->offset + i, "no name of a bucket: "
				     "it is made of letters, digits and -._");
	}
	return true;
}

static bool check_key(const char *key, size_t offset, struct error *err)
{
	size_t len = strlen(key), span = text_utf8_span(key, len);

	if (len > KEY_LIMIT)
		return error_set(err, ERROR_LIMIT, offset,
				 "a key of %zu bytes, over the limit of %d",
				 len, KEY_LIMIT);
	return span == len || fault(err, offset, "the key is not UTF-8");
}

/* What stands before the first slash, and what follows it. */
static bool split(const struct part *p, struct part *before,
		  struct part *after)
{
	const char *slash = p->len > 0 ? memchr(p->text, '/', p->len) : NULL;
	size_t len = slash ? (size_t)(slash - p->text) : p->len;

	*before = (struct part){ p->text, len, p->offset };
	*after = (struct part){ p->text + len, 0, p->offset + len };
	if (slash)
		*after = (struct part){ slash + 1, p->len - len - 1,
					p->offset + len + 1 };
	return slash != NULL;
}

/* Keys stand as they are: a % is a %. */
static bool parse_s3(struct uri *u, struct part p, struct error *err)
{
	struct part bucket, key;

	u->scheme = URI_S3;
	split(&p, &bucket, &key);
	cut_latest(u, &key);
	return check_bucket(&bucket, err) && keep(&u->bucket, &bucket, err) &&
	       keep(&u->name, &key, err) &&
	       check_key(u->name, key.offset, err);
}

/* The length of the bucket in bucket.s3[.region].amazonaws.com, or 0. */
static size_t bucket_of_host(const struct part *host)
{
	static const char domain[] = ".amazonaws.com";
	size_t n = sizeof(domain) - 1, bucket = 0, i;

	if (host->len < n ||
	    memcmp(host->text + host->len - n, domain, n) != 0)
		return 0;
	while (bucket < host->len - n && host->text[bucket] != '.')
		bucket++;
	i = bucket + 3;
	if (i > host->len - n || memcmp(host->text + bucket, ".s3", 3) != 0)
		return 0;
	if (i == host->len - n)
		return bucket;
	if (host->text[i++] != '.' || i == host->len - n)
		return 0;
	for (; i < host->len - n; i++)
		if (!is_letter(host->text[i]) && !is_digit(host->text[i]) &&
		    host->text[i] != '-')
			return 0;
	return bucket;
}

/* Unlike those behind s3://, keys are encoded here, as by whoever made it. */
static bool parse_https(struct uri *u, struct part p, struct error *err)
{
	struct part host, key;

	u->scheme = URI_S3;
	split(&p, &host, &key);
	host.len = bucket_of_host(&host);
	if (host.len == 0)
		return error_set(err, ERROR_UNSUPPORTED, p.offset,
				 "not the host of a bucket, which is "
				 "BUCKET.s3.amazonaws.com or "
				 "BUCKET.s3.REGION.amazonaws.com");
	cut_latest(u, &key);
	return check_bucket(&host, err) && keep(&u->bucket, &host, err) &&
	       decode(&u->name, &key, err) &&
	       check_key(u->name, key.offset, err) &&
	       (u->latest || !text_ends_in(u->name, LATEST) ||
		fault(err, key.offset, "a key that ends in \":latest\" cannot "
		      "be told from a question for the latest"));
}

static bool parse_mock(struct uri *u, struct part p, struct error *err)
{
	u->scheme = URI_MOCK;
	if (p.len == 0)
		return fault(err, p.offset, "no class follows mock://");
	if (!percent_check(p.text, p.len, p.offset, err) ||
	    !keep(&u->name, &p, err))
		return false;
	return bundle_is_dotted_name(u->name) ||
	       fault(err, p.offset, "no dotted name of a class");
}

/* 8-4-4-4-12 hex digits.  What only looks like it is no name, either. */
static bool check_uuid(struct uri *u, const struct part *p, struct error *err)
{
	const char *t = p->text;

	if (p->len != UUID_LEN || t[8] != '-' || t[13] != '-' ||
	    t[18] != '-' || t[23] != '-')
		return true;
	for (size_t i = 0; i < p->len; i++)
		if (!strchr("0123456789abcdefABCDEF", t[i]) &&
		    !(i == 8 || i == 13 || i == 18 || i == 23))
			return fault(err, p->offset + i,
				     "laid out like a UUID, but this is no hex "
				     "digit");
	u->is_id = true;
	return true;
}

/* Take ":v" and digits off the end. */
static bool cut_version(struct uri *u, struct part *p, struct error *err)
{
	size_t i = p->len, digits;
	uint64_t version = 0;

	while (i > 0 && is_digit(p->text[i - 1]))
		i--;
	digits = p->len - i;
	if (digits == 0 || i < 3 || p->text[i - 1] != 'v' ||
	    p->text[i - 2] != ':')
		return true;
	for (size_t k = i; k < p->len; k++)
		if (__builtin_mul_overflow(version, 10, &version) ||
		    __builtin_add_overflow(version,
					   (uint64_t)(p->text[k] - '0'),
					   &version))
			return error_set(err, ERROR_LIMIT, p->offset + i,
					 "a version of %zu digits, over the "
					 "limit of 2^64-1", digits);
	u->has_version = true;
	u->version = version;
	p->len = i - 2;
	return true;
}

/* It becomes the name of a folder. */
static bool check_policy(const struct part *p, struct error *err)
{
	if (p->len == 0)
		return fault(err, p->offset,
			     "no name follows metta://policy/");
	if (memchr(p->text, '/', p->len) ||
	    (p->text[0] == '.' &&
	     (p->len == 1 || (p->len == 2 && p->text[1] == '.'))))
		return error_set(err, ERROR_UNSAFE, p->offset,
				 "no name of a policy: it is a path");
	if (!text_is_utf8(p->text, p->len))
		return fault(err, p->offset, "the name is not UTF-8");
	return percent_check(p->text, p->len, p->offset, err);
}

static bool parse_policy(struct uri *u, struct part p, struct error *err)
{
	size_t n = sizeof(POLICY_FOLDER) - 1;

	u->scheme = URI_POLICY;
	if (p.len < n || memcmp(p.text, POLICY_FOLDER, n) != 0)
		return fault(err, p.offset,
			     "only metta://policy/NAME is known");
	p = (struct part){ p.text + n, p.len - n, p.offset + n };
	cut_latest(u, &p);
	return (u->latest || cut_version(u, &p, err)) &&
	       check_policy(&p, err) && check_uuid(u, &p, err) &&
	       keep(&u->name, &p, err);
}

/* ---- which of them ---- */

static const struct {
	const char *word;	/* before "://" */
	bool (*parse)(struct uri *u, struct part p, struct error *err);
} schemes[] = {
	{ "file", parse_file }, { "s3", parse_s3 }, { "https", parse_https },
	{ "http", parse_https }, { "mock", parse_mock },
	{ "metta", parse_policy },
};

const char *uri_scheme_name(enum uri_scheme scheme)
{
	static const char *const names[URI_SCHEME_COUNT] = {
		[URI_FILE] = "file", [URI_S3] = "s3", [URI_MOCK] = "mock",
		[URI_POLICY] = "metta",
	};

	return names[scheme];
}

/* The length of the scheme before "://", or 0: then it is a path. */
static size_t scheme_length(const char *text)
{
	size_t len = 0;

	while (is_letter(text[len]) || is_digit(text[len]) ||
	       (text[len] && strchr("+-.", text[len])))
		len++;
	return is_letter(text[0]) && strncmp(text + len, "://", 3) == 0 ? len
									: 0;
}

static bool parse(struct uri *u, const char *text, struct error *err)
{
	size_t len = strlen(text), scheme = scheme_length(text);
	struct part rest = { text, len, 0 };

	if (len > URI_LIMIT)
		return error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
				 "a name of %zu bytes, over the limit of %d",
				 len, URI_LIMIT);
	if (scheme == 0)
		return parse_path(u, rest, err);
	rest = (struct part){ text + scheme + 3, len - scheme - 3,
			      scheme + 3 };
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strlen(schemes[i].word) == scheme &&
		    memcmp(schemes[i].word, text, scheme) == 0)
			return schemes[i].parse(u, rest, err);
	return error_set(err, ERROR_UNSUPPORTED, 0,
			 "unknown scheme \"%.*s\"; known are file, s3, https, "
			 "mock and metta", scheme > 40 ? 40 : (int)scheme,
			 text);
}

bool uri_parse(struct uri *u, const char *text, struct error *err)
{
	*u = (struct uri){ 0 };
	if (parse(u, text, err)) {
		trim(u);
		return true;
	}
	uri_free(u);
	return false;
}

bool uri_is_plain_path(const char *text)
{
	return scheme_length(text) == 0 && text[0] != '~' &&
	       !text_ends_in(text, LATEST);
}

/* ---- printing ---- */

static bool print_name(struct buffer *out, const struct uri *u,
		       struct error *err)
{
	switch (u->scheme) {
	case URI_FILE:
		return percent_encode(out, u->name, err);
	case URI_S3:
		return buffer_append(out, u->bucket, strlen(u->bucket), err) &&
		       buffer_append(out, "/", 1, err) &&
		       buffer_append(out, u->name, strlen(u->name), err);
	case URI_POLICY:
		return buffer_append(out, POLICY_FOLDER,
				     sizeof(POLICY_FOLDER) - 1, err) &&
		       buffer_append(out, u->name, strlen(u->name), err) &&
		       (!u->has_version ||
			buffer_print(out, err, ":v%" PRIu64, u->version));
	default:
		return buffer_append(out, u->name, strlen(u->name), err);
	}
}

bool uri_print(struct buffer *out, const struct uri *u, struct error *err)
{
	return buffer_print(out, err, "%s://", uri_scheme_name(u->scheme)) &&
	       print_name(out, u, err) &&
	       (!u->latest || buffer_append(out, LATEST, sizeof(LATEST) - 1,
					    err)) &&
	       buffer_terminate(out, err);
}

void uri_free(struct uri *u)
{
	free(u->bucket);
	free(u->name);
	*u = (struct uri){ 0 };
}
