/* http_curl.c - requests by libcurl */
#define CURL_DISABLE_TYPECHECK	/* its macros are for calls by name */
#include "remote/http.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/interrupt.h"

enum {
	POLL_MS = 200,		/* how soon a signal is noticed */
	BYTES_A_SECOND = 1000,	/* less is a stall */
	RETRY_AFTER_MOST_S = 60,
	LINGER_S = 10		/* from when a signal was noticed first */
};

static const double pause_first_s = 0.25, pause_most_s = 20;

/*
 * libcurl is loaded when it is first needed: with the libraries that it needs
 * itself that takes as long as to convert a small checkpoint.
 */
#define CURL_LIBRARY "libcurl.so.4"
#define CURL_FUNCTION(name) __typeof__(&curl_##name) name

static struct curl {
	CURL_FUNCTION(global_init);
	CURL_FUNCTION(easy_init);
	CURL_FUNCTION(easy_reset);
	CURL_FUNCTION(easy_cleanup);
	CURL_FUNCTION(easy_getinfo);
	CURL_FUNCTION(easy_setopt);
	CURL_FUNCTION(easy_strerror);
	CURL_FUNCTION(multi_init);
	CURL_FUNCTION(multi_cleanup);
	CURL_FUNCTION(multi_add_handle);
	CURL_FUNCTION(multi_remove_handle);
	CURL_FUNCTION(multi_info_read);
	CURL_FUNCTION(multi_perform);
	CURL_FUNCTION(multi_poll);
	CURL_FUNCTION(slist_append);
	CURL_FUNCTION(slist_free_all);
	CURL_FUNCTION(version);
} curl;

static const struct {
	const char *symbol;
	size_t field;		/* of struct curl */
} functions[] = {
	{ "curl_global_init", offsetof(struct curl, global_init) },
	{ "curl_easy_init", offsetof(struct curl, easy_init) },
	{ "curl_easy_reset", offsetof(struct curl, easy_reset) },
	{ "curl_easy_cleanup", offsetof(struct curl, easy_cleanup) },
	{ "curl_easy_getinfo", offsetof(struct curl, easy_getinfo) },
	{ "curl_easy_setopt", offsetof(struct curl, easy_setopt) },
	{ "curl_easy_strerror", offsetof(struct curl, easy_strerror) },
	{ "curl_multi_init", offsetof(struct curl, multi_init) },
	{ "curl_multi_cleanup", offsetof(struct curl, multi_cleanup) },
	{ "curl_multi_add_handle", offsetof(struct curl, multi_add_handle) },
	{ "curl_multi_remove_handle", offsetof(struct curl, multi_remove_handle) },
	{ "curl_multi_info_read", offsetof(struct curl, multi_info_read) },
	{ "curl_multi_perform", offsetof(struct curl, multi_perform) },
	{ "curl_multi_poll", offsetof(struct curl, multi_poll) },
	{ "curl_slist_append", offsetof(struct curl, slist_append) },
	{ "curl_slist_free_all", offsetof(struct curl, slist_free_all) },
	{ "curl_version", offsetof(struct curl, version) },
};

enum { FUNCTION_COUNT = sizeof(functions) / sizeof(*functions) };

/* A multi handle has the connections that wait for their next use. */
struct client {
	CURLM *multi;
	CURL *easy[HTTP_PARALLEL];
	struct client *next;
};

static struct {
	struct http_options options;
	const char *ca_file, *ca_folder;
	/* These are used within the critical section http_clients. */
	struct client *idle;
	bool loaded;
} http;

/* A request while http_perform() works on it. */
struct transfer {
	struct http_request *r;
	CURL *easy;		/* NULL: not under way */
	struct curl_slist *headers;
	char reason[CURL_ERROR_SIZE];
	uint64_t received, sent;
	double due;		/* when the next attempt may begin */
	bool done;
	bool too_long;		/* more came than must */
	struct error fatal;	/* of a reader, a writer or a limit */
};

struct performance {
	struct client *client;
	struct transfer *transfers;
	size_t count, pending;
	size_t ended;		/* attempts */
	bool despite_signals, lingers;
	struct error *err;
};

/* ---- begin and end ---- */

/* Within http_clients. */
static bool load(struct error *err)
{
	void *library;

	if (http.loaded)
		return true;
	library = dlopen(CURL_LIBRARY, RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; library && i < FUNCTION_COUNT; i++) {
		void *function = dlsym(library, functions[i].symbol);

		if (!function)
			library = NULL;
		memcpy((char *)&curl + functions[i].field, &function,
		       sizeof(function));
	}
	http.loaded = library && curl.global_init(CURL_GLOBAL_DEFAULT) ==
				 CURLE_OK;
	return http.loaded ||
	       error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
			 "libcurl, by which the network is reached, cannot be "
			 "loaded: %.300s", library ? "it cannot begin"
						   : dlerror());
}

const char *http_version(void)
{
	struct error fault = { 0 };
	bool ok;

#pragma omp critical(http_clients)
	ok = load(&fault);
	return ok ? curl.version() : "libcurl cannot be loaded";
}

/* The first of these variables that says something. */
static const char *environment(const char *const *names)
{
	for (; *names; names++) {
		const char *value = getenv(*names);

		if (value && *value)
			return value;
	}
	return NULL;
}

void http_begin(const struct http_options *options)
{
	static const char *const files[] = {
		"AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", NULL
	};
	static const char *const folders[] = { "SSL_CERT_DIR", NULL };

	http.options = *options;
	http.ca_file = environment(files);
	http.ca_folder = environment(folders);
}

static void free_client(struct client *client)
{
	for (size_t i = 0; i < HTTP_PARALLEL; i++)
		if (client->easy[i])
			curl.easy_cleanup(client->easy[i]);
	if (client->multi)
		curl.multi_cleanup(client->multi);
	free(client);
}

void http_end(void)
{
	while (http.idle) {
		struct client *client = http.idle;

		http.idle = client->next;
		free_client(client);
	}
}

static struct client *make_client(struct error *err)
{
	struct client *client = memory_array(1, sizeof(*client), err);
	bool ok;

	if (!client)
		return NULL;
	client->multi = curl.multi_init();
	ok = client->multi != NULL;
	for (size_t i = 0; i < HTTP_PARALLEL; i++) {
		client->easy[i] = curl.easy_init();
		ok = ok && client->easy[i];
	}
	if (ok)
		return client;
	free_client(client);
	error_set(err, ERROR_MEMORY, ERROR_NO_OFFSET,
		  "no memory for a connection");
	return NULL;
}

static struct client *take_client(struct error *err)
{
	struct client *client = NULL;
	bool ok;

#pragma omp critical(http_clients)
	{
		ok = load(err);
		if (ok && (client = http.idle) != NULL)
			http.idle = client->next;
	}
	return !ok || client ? client : make_client(err);
}

static void give_back(struct client *client)
{
#pragma omp critical(http_clients)
	{
		client->next = http.idle;
		http.idle = client;
	}
}

/* ---- what libcurl calls ---- */

static bool goes_to_writer(const struct transfer *t)
{
	long status = 0;

	curl.easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	return t->r->to && (status == 200 || status == 206);
}

static size_t receive(char *data, size_t size, size_t count, void *user)
{
	struct transfer *t = user;
	struct http_request *r = t->r;
	size_t len = size * count;
	bool ok;

	if (!goes_to_writer(t)) {
		ok = len <= HTTP_TEXT_LIMIT - r->text.len ?
		     buffer_append(&r->text, data, len, &t->fatal) :
		     error_set(&t->fatal, ERROR_LIMIT, ERROR_NO_OFFSET,
			       "the answer is over the limit of %ju bytes",
			       (uintmax_t)HTTP_TEXT_LIMIT);
	} else {
		t->too_long = len > r->expected_nbytes - t->received;
		ok = !t->too_long &&
		     writer_write(r->to, r->to_offset + t->received, data,
				  len, &t->fatal);
	}
	t->received += len;
	return ok ? len : 0;
}

static size_t receive_header(char *data, size_t size, size_t count,
			     void *user)
{
	struct transfer *t = user;
	struct buffer *headers = &t->r->headers;
	size_t len = size * count;

	/* A status line: what came before was for another answer. */
	if (len >= 5 && memcmp(data, "HTTP/", 5) == 0)
		headers->len = 0;
	while (len > 0 && (data[len - 1] == '\n' || data[len - 1] == '\r' ||
			   data[len - 1] == ' '))
		len--;
	if (len == 0 || memchr(data, '\0', len))
		return size * count;
	if (headers->len + len >= HTTP_HEADERS_LIMIT) {
		error_set(&t->fatal, ERROR_LIMIT, ERROR_NO_OFFSET,
			  "the headers of the answer are over the limit of %d "
			  "bytes", HTTP_HEADERS_LIMIT);
		return 0;
	}
	return buffer_append(headers, data, len, &t->fatal) &&
	       buffer_append(headers, "", 1, &t->fatal) ? size * count : 0;
}

static size_t send_more(char *data, size_t size, size_t count, void *user)
{
	struct transfer *t = user;
	uint64_t left = t->r->upload->size - t->sent;
	size_t len = size * count;

	if (len > left)
		len = (size_t)left;
	if (len > 0 && !reader_read(t->r->upload, t->sent, data, len,
				    &t->fatal))
		return CURL_READFUNC_ABORT;
	t->sent += len;
	return len;
}

/*
 * A connection that was kept turned out to be closed, and libcurl sends the
 * body over a new one.  The server may have got it before.
 */
static int send_again(void *user, curl_off_t offset, int origin)
{
	struct transfer *t = user;

	if (origin != SEEK_SET || offset < 0)
		return CURL_SEEKFUNC_CANTSEEK;
	t->r->attempts++;
	t->sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

/* ---- one attempt ---- */

static bool add_header(struct transfer *t, const char *line)
{
	struct curl_slist *grown = curl.slist_append(t->headers, line);

	if (!grown)
		return error_set_memory(&t->fatal, strlen(line));
	t->headers = grown;
	return true;
}

static bool put_headers(struct transfer *t)
{
	struct http_request *r = t->r;
	struct buffer lines = { 0 };
	bool ok = !r->put_headers ||
		  r->put_headers(&lines, r, &t->fatal);

	/* Neither wait for leave to send a body, nor call it a form. */
	ok = ok && add_header(t, "Expect:");
	for (size_t i = 0; ok && i < lines.len; i += strlen(lines.data + i) + 1)
		ok = add_header(t, lines.data + i);
	buffer_free(&lines);
	return ok;
}

static void set_method(const struct transfer *t)
{
	const struct http_request *r = t->r;

	if (r->upload) {
		curl.easy_setopt(t->easy, CURLOPT_UPLOAD, 1L);
		curl.easy_setopt(t->easy, CURLOPT_INFILESIZE_LARGE,
				 (curl_off_t)r->upload->size);
		curl.easy_setopt(t->easy, CURLOPT_READFUNCTION, send_more);
		curl.easy_setopt(t->easy, CURLOPT_READDATA, t);
		curl.easy_setopt(t->easy, CURLOPT_SEEKFUNCTION, send_again);
		curl.easy_setopt(t->easy, CURLOPT_SEEKDATA, t);
	} else if (strcmp(r->method, "HEAD") == 0) {
		curl.easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
	}
	curl.easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, r->method);
}

static void set_transport(const struct transfer *t)
{
	long timeout_s = (long)(t->r->timeout_s ? t->r->timeout_s
						: http.options.timeout_s);

#if LIBCURL_VERSION_NUM >= 0x075500
	curl.easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl.easy_setopt(t->easy, CURLOPT_PROTOCOLS,
			 CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
	curl.easy_setopt(t->easy, CURLOPT_HTTP_VERSION,
			 (long)CURL_HTTP_VERSION_1_1);
	curl.easy_setopt(t->easy, CURLOPT_PATH_AS_IS, 1L);
	curl.easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
	curl.easy_setopt(t->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl.easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT, timeout_s);
	curl.easy_setopt(t->easy, CURLOPT_LOW_SPEED_LIMIT,
			 (long)BYTES_A_SECOND);
	curl.easy_setopt(t->easy, CURLOPT_LOW_SPEED_TIME, timeout_s);
	if (t->r->no_proxy)
		curl.easy_setopt(t->easy, CURLOPT_PROXY, "");
	if (http.ca_file)
		curl.easy_setopt(t->easy, CURLOPT_CAINFO, http.ca_file);
	if (http.ca_folder)
		curl.easy_setopt(t->easy, CURLOPT_CAPATH, http.ca_folder);
}

static void set_callbacks(struct transfer *t)
{
	curl.easy_setopt(t->easy, CURLOPT_USERAGENT,
			 "mpt-bundle/" MPT_VERSION);
	curl.easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->reason);
	curl.easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, receive);
	curl.easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	curl.easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, receive_header);
	curl.easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
	curl.easy_setopt(t->easy, CURLOPT_PRIVATE, t);
}

static bool begin_attempt(struct transfer *t, CURLM *multi)
{
	struct http_request *r = t->r;

	r->attempts++;
	r->status = 0;
	r->text.len = r->headers.len = 0;
	r->fault = (struct error){ 0 };
	t->received = t->sent = 0;
	t->too_long = false;
	t->reason[0] = '\0';
	curl.easy_reset(t->easy);
	if (!put_headers(t))
		return false;
	set_transport(t);
	set_callbacks(t);
	set_method(t);
	curl.easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
	if (curl.easy_setopt(t->easy, CURLOPT_URL, r->url) != CURLE_OK ||
	    curl.multi_add_handle(multi, t->easy) != CURLM_OK)
		return error_set_memory(&t->fatal, strlen(r->url));
	return true;
}

/* The scheme and the host of a URL: its length there. */
static int host_len(const char *url)
{
	const char *host = strstr(url, "://");

	host = host ? host + 3 : url;
	return (int)(host - url) + (int)strcspn(host, "/?");
}

/* libcurl shows a proxy that it cannot use, with the password in it. */
static const char *reason_of(const struct transfer *t, CURLcode code)
{
	if (!strchr(t->reason, '@'))
		return t->reason[0] ? t->reason : curl.easy_strerror(code);
	return strstr(t->reason, "proxy")
		       ? "the proxy that the environment names cannot be used"
		       : curl.easy_strerror(code);
}

static void set_fault(struct transfer *t, const char *reason)
{
	struct http_request *r = t->r;

	error_set(&r->fault, ERROR_IO, ERROR_NO_OFFSET,
		  "%.*s: %s (%u attempt%s)", host_len(r->url), r->url, reason,
		  r->attempts, r->attempts == 1 ? "" : "s");
}

/* False: it is no use to try again. */
static bool is_passing(CURLcode code)
{
	switch (code) {
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_OUT_OF_MEMORY:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_ISSUER_ERROR:
		return false;
	default:
		return true;
	}
}

static bool is_passing_status(unsigned status)
{
	static const unsigned statuses[] = { 408, 429, 500, 502, 503, 504 };

	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
		if (status == statuses[i])
			return true;
	return false;
}

static double now(void)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Some time up to one that doubles; more if the server says so. */
static double choose_pause(const struct http_request *r)
{
	const char *said = http_header(r, "Retry-After");
	double most = pause_first_s, pause;
	unsigned wanted = said ? (unsigned)strtoul(said, NULL, 10) : 0;
	uint32_t bits = UINT32_MAX;

	for (unsigned i = 1; i < r->attempts && most < pause_most_s; i++)
		most *= 2;
	if (getrandom(&bits, sizeof(bits), GRND_NONBLOCK) < 0)
		bits = UINT32_MAX;
	pause = most * (double)bits / (double)UINT32_MAX;
	if (wanted > RETRY_AFTER_MOST_S)
		wanted = RETRY_AFTER_MOST_S;
	return pause > wanted ? pause : wanted;
}

/* What became of an attempt; *again if it is worth another. */
static void judge(struct transfer *t, CURLcode code, bool *again)
{
	struct http_request *r = t->r;
	long status = 0;
	bool wrong_length;

	curl.easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	wrong_length = t->too_long ||
		       (code == CURLE_OK && goes_to_writer(t) &&
			t->received != r->expected_nbytes);
	if (wrong_length) {
		set_fault(t, t->too_long ? "more bytes came than were asked "
					   "for"
					 : "fewer bytes came than were asked "
					   "for");
		*again = true;
	} else if (code != CURLE_OK) {
		set_fault(t, reason_of(t, code));
		*again = is_passing(code);
	} else {
		r->status = (unsigned)status;
		*again = is_passing_status(r->status);
	}
}

static void end_attempt(struct performance *p, struct transfer *t)
{
	p->ended++;
	curl.multi_remove_handle(p->client->multi, t->easy);
	curl.slist_free_all(t->headers);
	t->headers = NULL;
	t->easy = NULL;
}

/* ---- all of them ---- */

static bool finish(struct performance *p, struct transfer *t, CURLcode code)
{
	struct http_request *r = t->r;
	unsigned most = r->attempts_most ? r->attempts_most
					 : http.options.attempts_most;
	bool again;

	if (t->fatal.kind != ERROR_NONE) {
		*p->err = t->fatal;
		return false;
	}
	judge(t, code, &again);
	again = again && r->attempts < most;
	if (again)
		t->due = now() + choose_pause(r);
	end_attempt(p, t);
	if (again)
		return true;
	t->done = true;
	p->pending--;
	if (r->status == 0)
		*p->err = r->fault;
	return r->status != 0 && buffer_terminate(&r->text, p->err);
}

static CURL *find_idle(const struct performance *p)
{
	for (size_t k = 0; k < HTTP_PARALLEL; k++) {
		CURL *easy = p->client->easy[k];
		bool busy = false;

		for (size_t i = 0; i < p->count; i++)
			busy |= p->transfers[i].easy == easy;
		if (!busy)
			return easy;
	}
	return NULL;
}

/* Begin what is due; the milliseconds until something else is, at most. */
static bool begin_due(struct performance *p, int *wait_ms)
{
	double time = now();

	*wait_ms = POLL_MS;
	for (size_t i = 0; i < p->count; i++) {
		struct transfer *t = &p->transfers[i];

		if (t->done || t->easy)
			continue;
		if (t->due > time) {
			double left_ms = (t->due - time) * 1000 + 1;

			if (left_ms < *wait_ms)
				*wait_ms = (int)left_ms;
			continue;
		}
		t->easy = find_idle(p);
		if (!t->easy)
			break;
		if (!begin_attempt(t, p->client->multi)) {
			*p->err = t->fatal;
			return false;
		}
	}
	return true;
}

static bool finish_done(struct performance *p)
{
	CURLMsg *message;
	int left;

	while ((message = curl.multi_info_read(p->client->multi, &left))) {
		struct transfer *t = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
				  (char **)&t);
		if (!finish(p, t, message->data.result))
			return false;
	}
	return true;
}

/* All together have these seconds, however many they are. */
static bool may_linger(void)
{
	static double noticed;
	double time = now();
	bool may;

#pragma omp critical(http_signal)
	{
		if (noticed == 0)
			noticed = time;
		may = time - noticed < LINGER_S;
	}
	return may;
}

static bool may_go_on(const struct performance *p)
{
	struct error fault = { 0 };

	if (p->despite_signals || interrupt_check(&fault) ||
	    (p->lingers && may_linger()))
		return true;
	*p->err = fault;
	return false;
}

static bool run(struct performance *p)
{
	while (p->pending > 0) {
		size_t ended = p->ended;
		int wait_ms, running;

		if (!may_go_on(p) || !begin_due(p, &wait_ms))
			return false;
		if (curl.multi_perform(p->client->multi, &running) != CURLM_OK)
			return error_set(p->err, ERROR_MEMORY,
					 ERROR_NO_OFFSET,
					 "libcurl cannot go on");
		if (!finish_done(p))
			return false;
		/* Else the next can perhaps begin. */
		if (p->ended == ended)
			curl.multi_poll(p->client->multi, NULL, 0, wait_ms,
					NULL);
	}
	return true;
}

bool http_perform(struct http_request *requests, size_t count,
		  struct error *err)
{
	struct performance p = {
		.count = count, .pending = count, .err = err,
		.despite_signals = count > 0 && requests[0].despite_signals,
		.lingers = count > 0 && requests[0].lingers,
	};
	bool ok;

	p.transfers = memory_array(count, sizeof(*p.transfers), err);
	p.client = p.transfers ? take_client(err) : NULL;
	ok = p.client != NULL;
	for (size_t i = 0; ok && i < count; i++) {
		requests[i].attempts = 0;
		p.transfers[i].r = &requests[i];
	}
	ok = ok && run(&p);
	for (size_t i = 0; p.client && i < count; i++)
		if (p.transfers[i].easy)
			end_attempt(&p, &p.transfers[i]);
	if (p.client)
		give_back(p.client);
	free(p.transfers);
	return ok;
}
