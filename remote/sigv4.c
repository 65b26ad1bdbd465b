/* sigv4.c - sign requests with Signature Version 4 */
#include "remote/sigv4.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define SCOPE_END "aws4_request"

enum {
	TIME_SIZE = sizeof("YYYYMMDDThhmmssZ"), DAY_SIZE = sizeof("YYYYMMDD"),
	KEY_NBYTES = 32
};

struct header {
	const char *name, *value;	/* borrowed */
	size_t name_len;
};

/*
 * What is signed, line by line (the canonical request):
 *
 *	method
 *	path
 *	query
 *	name:value		of each header, sorted by name
 *	(empty)
 *	name;name;...		the same names again: 'names'
 *	SHA-256 of the body, in hex
 */
struct signing {
	const struct sigv4_request *request;
	const struct sigv4_keys *keys;
	char time[TIME_SIZE], day[DAY_SIZE];
	struct header *headers;
	size_t count;
	struct buffer names, canonical;
	char signature[DIGEST_HEX_SIZE];
};

/* ---- text ---- */

static bool append_text(struct buffer *out, const char *text,
			struct error *err)
{
	return buffer_append(out, text, strlen(text), err);
}

static bool append_line(struct buffer *out, const char *text,
			struct error *err)
{
	return append_text(out, text, err) && buffer_append(out, "\n", 1, err);
}

/* Without the blanks round it; those inside it are one. */
static bool append_value(struct buffer *out, const char *value,
			 struct error *err)
{
	static const char blanks[] = " \t";
	const char *p = value + strspn(value, blanks);
	bool ok = true;

	while (ok && *p) {
		size_t len = strcspn(p, blanks);

		ok = buffer_append(out, p, len, err);
		p += len;
		p += strspn(p, blanks);
		ok = ok && (!*p || buffer_append(out, " ", 1, err));
	}
	return ok;
}

static bool print_time(struct signing *s, time_t now, struct error *err)
{
	struct tm utc;

	if (!gmtime_r(&now, &utc) ||
	    !strftime(s->time, TIME_SIZE, "%Y%m%dT%H%M%SZ", &utc))
		return error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
				 "the clock shows a time that no signature "
				 "can hold");
	snprintf(s->day, DAY_SIZE, "%.8s", s->time);
	return true;
}

/* ---- the headers ---- */

static bool put_line(struct buffer *lines, const char *name,
		     const char *value, struct error *err)
{
	return append_text(lines, name, err) &&
	       append_text(lines, value, err) &&
	       buffer_append(lines, "", 1, err);
}

/* All of them but Authorization. */
static bool put_lines(struct buffer *lines, const struct signing *s,
		      struct error *err)
{
	const struct sigv4_request *r = s->request;
	bool ok = true;

	for (size_t i = 0; ok && i < r->header_count; i++)
		ok = put_line(lines, "", r->headers[i], err);
	return ok && put_line(lines, "x-amz-date: ", s->time, err) &&
	       put_line(lines, "x-amz-content-sha256: ", r->payload_sha256,
			err) &&
	       (!s->keys->token ||
		put_line(lines, "x-amz-security-token: ", s->keys->token,
			 err));
}

static int compare_names(const void *left, const void *right)
{
	const struct header *a = left, *b = right;
	size_t len = a->name_len < b->name_len ? a->name_len : b->name_len;
	int order = memcmp(a->name, b->name, len);

	return order ? order : (a->name_len > b->name_len) -
			       (a->name_len < b->name_len);
}

/* Those of the lines, and Host; sorted. */
static bool collect(struct signing *s, const char *lines, size_t len,
		    struct error *err)
{
	const size_t own = 4;	/* host, date, payload, token */

	s->headers = memory_array(s->request->header_count + own,
				  sizeof(*s->headers), err);
	if (!s->headers)
		return false;
	s->headers[s->count++] = (struct header){ "host", s->request->host,
						  4 };
	for (size_t i = 0; i < len; i += strlen(lines + i) + 1) {
		const char *colon = strchr(lines + i, ':');

		assert(colon);
		s->headers[s->count++] = (struct header){
			lines + i, colon + 1, (size_t)(colon - (lines + i))
		};
	}
	qsort(s->headers, s->count, sizeof(*s->headers), compare_names);
	return true;
}

/* ---- the canonical request ---- */

static bool append_header(struct signing *s, const struct header *h,
			  struct error *err)
{
	struct buffer *out = &s->canonical;

	return (s->names.len == 0 ||
		buffer_append(&s->names, ";", 1, err)) &&
	       buffer_append(&s->names, h->name, h->name_len, err) &&
	       buffer_append(out, h->name, h->name_len, err) &&
	       buffer_append(out, ":", 1, err) &&
	       append_value(out, h->value, err) &&
	       buffer_append(out, "\n", 1, err);
}

static bool make_canonical(struct signing *s, struct error *err)
{
	const struct sigv4_request *r = s->request;
	struct buffer *out = &s->canonical;
	bool ok = append_line(out, r->method, err) &&
		  append_line(out, r->path, err) &&
		  append_line(out, r->query, err);

	for (size_t i = 0; ok && i < s->count; i++)
		ok = append_header(s, &s->headers[i], err);
	return ok && buffer_terminate(&s->names, err) &&
	       append_line(out, "", err) &&
	       append_line(out, s->names.data, err) &&
	       append_text(out, r->payload_sha256, err);
}

/* ---- the signature ---- */

static bool hmac(unsigned char mac[KEY_NBYTES], const void *key,
		 size_t key_len, const char *text, struct error *err)
{
	return EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, key_len,
			 (const unsigned char *)text, strlen(text), mac,
			 KEY_NBYTES, NULL) ||
	       error_set(err, ERROR_MEMORY, ERROR_NO_OFFSET,
			 "libcrypto cannot compute an HMAC");
}

/* Each step's result is the key of the next. */
static bool derive_key(const struct signing *s, unsigned char key[KEY_NBYTES],
		       struct error *err)
{
	const char *steps[] = { s->request->region, s->request->service,
				SCOPE_END };
	size_t size = strlen(s->keys->secret_key) + sizeof("AWS4");
	char *first = memory_array(size, 1, err);
	bool ok = first != NULL;

	if (ok) {
		snprintf(first, size, "AWS4%s", s->keys->secret_key);
		ok = hmac(key, first, size - 1, s->day, err);
		OPENSSL_cleanse(first, size);
		free(first);
	}
	for (size_t i = 0; ok && i < sizeof(steps) / sizeof(*steps); i++)
		ok = hmac(key, key, KEY_NBYTES, steps[i], err);
	return ok;
}

static void print_hex(char hex[DIGEST_HEX_SIZE],
		      const unsigned char bytes[KEY_NBYTES])
{
	for (size_t i = 0; i < KEY_NBYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", (unsigned)bytes[i]);
}

/* The string to sign: algorithm, time, scope, digest of the request. */
static bool make_signature(struct signing *s, struct error *err)
{
	const struct sigv4_request *r = s->request;
	struct buffer text = { 0 };
	unsigned char key[KEY_NBYTES], mac[KEY_NBYTES];
	char digest[DIGEST_HEX_SIZE];
	bool ok = digest_of(s->canonical.data, s->canonical.len, digest,
			    err) &&
		  buffer_print(&text, err, ALGORITHM "\n%s\n%s/%s/%s/"
			       SCOPE_END "\n%s", s->time, s->day, r->region,
			       r->service, digest) &&
		  buffer_terminate(&text, err) && derive_key(s, key, err) &&
		  hmac(mac, key, KEY_NBYTES, text.data, err);

	if (ok)
		print_hex(s->signature, mac);
	OPENSSL_cleanse(key, sizeof(key));
	buffer_free(&text);
	return ok;
}

static bool put_authorization(struct buffer *lines, const struct signing *s,
			      struct error *err)
{
	return buffer_print(lines, err, "Authorization: " ALGORITHM
			    " Credential=%s/%s/%s/%s/" SCOPE_END
			    ", SignedHeaders=%s, Signature=%s",
			    s->keys->access_key, s->day, s->request->region,
			    s->request->service, s->names.data,
			    s->signature) &&
	       buffer_append(lines, "", 1, err);
}

bool sigv4_sign(struct buffer *lines, const struct sigv4_request *request,
		const struct sigv4_keys *keys, time_t now, struct error *err)
{
	struct signing s = { .request = request, .keys = keys };
	size_t start = lines->len;
	bool ok = print_time(&s, now, err) && put_lines(lines, &s, err) &&
		  collect(&s, lines->data + start, lines->len - start, err) &&
		  make_canonical(&s, err) && make_signature(&s, err) &&
		  put_authorization(lines, &s, err);

	/* The token is in it. */
	if (s.canonical.data)
		OPENSSL_cleanse(s.canonical.data, s.canonical.capacity);
	buffer_free(&s.canonical);
	buffer_free(&s.names);
	free(s.headers);
	return ok;
}
