/*
 * http.h - requests over HTTP and HTTPS, several at a time, tried again
 *
 * A request is tried again, after a pause that grows and is random in part,
 * when the connection fails or stalls, when the body has another length than
 * it must, and on the statuses that ask for it (408, 429, 500, 502, 503, 504).
 * Redirects are not followed: a signature, or a token, is for one host.
 * Proxies and CA certificates are what the environment says, as for curl:
 * http_proxy, https_proxy, no_proxy; AWS_CA_BUNDLE, CURL_CA_BUNDLE,
 * SSL_CERT_FILE, SSL_CERT_DIR.
 *
 * Everything that comes back is hostile: bodies and headers are bounded.
 * Errors name the host and the reason, never a header, a query or a body that
 * was sent, nor the password of a proxy.  Any thread may call http_perform(),
 * with requests of its own.  Transport by libcurl; in a program that was built
 * without it, or where it cannot be loaded, each request fails.
 */
#ifndef REMOTE_HTTP_H
#define REMOTE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/reader.h"
#include "base/writer.h"

/* The largest body that goes to memory, and all headers of one answer. */
#define HTTP_TEXT_LIMIT (UINT64_C(16) << 20)
#define HTTP_HEADERS_LIMIT (64 << 10)

/* Requests of one http_perform() that are under way at the same time. */
#define HTTP_PARALLEL 4

#define HTTP_ANY_LENGTH UINT64_MAX

struct http_request {
	const char *method;	/* "GET", "PUT", ... */
	const char *url;	/* percent-encoded; sent as it stands */
	/*
	 * Append "Name: value" lines, each with a NUL behind it, that go with
	 * an attempt; called anew for each, as signatures hold the time.  May
	 * be NULL.
	 */
	bool (*put_headers)(struct buffer *lines,
			    const struct http_request *request,
			    struct error *err);
	const void *context;	/* for put_headers */
	const struct reader *upload;	/* the body to send; NULL: none */
	/*
	 * Where the body of a 200 or 206 goes, from offset 'to_offset' on; an
	 * attempt that fails has written some of it.  Without: to 'text'.
	 */
	const struct writer *to;
	uint64_t to_offset;
	/*
	 * The bytes that the body of a 200 or 206 must have, or
	 * HTTP_ANY_LENGTH, which needs 'to' to be NULL.
	 */
	uint64_t expected_nbytes;
	unsigned timeout_s;	/* 0: that of http_begin() */
	unsigned attempts_most;	/* 0: that of http_begin() */
	/*
	 * For what is to be tidied up at others: a signal does not stop an
	 * http_perform() that this is the first request of.
	 */
	bool despite_signals;
	/*
	 * For what nobody knows of if it is cut off: after a signal an
	 * http_perform() that this is the first request of may still come to
	 * its end, for some seconds in all.
	 */
	bool lingers;
	bool no_proxy;		/* straight to the host, whatever the
				   environment says */

	/* The answer: of the last attempt. */
	unsigned status;	/* 0: there was none */
	unsigned attempts;
	struct buffer text;	/* body, with a NUL that len does not count */
	struct buffer headers;	/* lines, each with a NUL behind it */
	struct error fault;	/* why there was none */
};

struct http_options {
	/*
	 * To connect; and in which at least 1000 bytes a second must come, on
	 * the average: so no request lasts for ever.
	 */
	unsigned timeout_s;
	unsigned attempts_most;	/* of each request, with the first */
};

/* The version of the library behind it, or "none": for --version. */
const char *http_version(void);

/*
 * Once in a program, before there are threads.  libcurl itself is only loaded
 * for the first request.
 */
void http_begin(const struct http_options *options);
void http_end(void);

/*
 * Perform them all, some at a time.  True if each has a status, whatever that
 * is.  False at the first that has none after all attempts (its fault is
 * copied to *err), if a signal arrives, or if a writer or a reader fails,
 * which is not tried again; the rest is abandoned.
 */
bool http_perform(struct http_request *requests, size_t count,
		  struct error *err);

/* The value of a header of the answer, by its name in any case; or NULL. */
const char *http_header(const struct http_request *request,
			const char *name);

/*
 * The host that a URL with a scheme names, in the URL, without its port; *len
 * bytes, and with its brackets, if it has some.
 */
const char *http_find_host(const char *url, size_t *len);

/* Is it this machine, by its name or by an address of 127.0.0.0/8 or ::1? */
bool http_is_loopback(const char *host, size_t len);

bool http_is_success(const struct http_request *request);

void http_free(struct http_request *request);

#endif
