/* s3_sending.c - hold what S3 has against what was sent */
#include "remote/s3_sending.h"

#include <string.h>
#include <time.h>

#include "remote/s3_answer.h"

enum { PAUSE_MS = 100, CHUNK_SIZE = 16 << 10 };

void s3_sending_pause(unsigned tries)
{
	long ms = PAUSE_MS << tries;
	struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&pause, NULL);
}

bool s3_sending_is_passing(const struct s3_request *r)
{
	static const char *const codes[] = {
		"BadDigest", "XAmzContentSHA256Mismatch", "IncompleteBody",
		"RequestTimeout", "ConditionalRequestConflict",
		"OperationAborted", "InternalError", "ServiceUnavailable",
		"SlowDown",
	};

	/* http.h has tried those again. */
	if (r->http.status >= 500)
		return false;
	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (s3_request_is_fault(r, codes[i]))
			return true;
	return false;
}

void s3_sending_guard(const struct s3_sending *s, struct s3_request *r)
{
	if (!s->instead_of)
		s3_request_add_header(r, "if-none-match: *");
	else if (*s->instead_of)
		s3_request_add_header(r, "if-match: \"%s\"", s->instead_of);
}

/* ---- byte by byte ---- */

struct comparison {
	const struct reader *with;
	bool differs;
};

static bool compare(void *to, uint64_t offset, const void *buf, size_t len,
		    struct error *err)
{
	struct comparison *c = to;
	char chunk[CHUNK_SIZE];
	size_t n;

	for (size_t done = 0; done < len; done += n) {
		n = len - done < CHUNK_SIZE ? len - done : CHUNK_SIZE;
		if (!reader_read(c->with, offset + done, chunk, n, err))
			return false;
		c->differs = memcmp(chunk, (const char *)buf + done, n) != 0;
		if (c->differs)
			return error_set(err, ERROR_DIFFERENT, offset + done,
					 "not what was sent");
	}
	return true;
}

static bool read_back(const struct s3_sending *s, bool *same,
		      struct error *err)
{
	struct comparison c = { .with = s->from };
	const struct writer to = { compare, &c };
	struct error fault = { 0 };

	*same = s3_fetch(s->place, &s->facts, 0, s->facts.nbytes, &to,
			 &fault);
	if (*same || c.differs)
		return true;
	*err = fault;
	return false;
}

/* Are s->facts those of what is sent? */
static bool is_same(const struct s3_sending *s, const char *etag, bool *same,
		    struct error *err)
{
	const struct s3_facts *f = &s->facts;

	*same = f->nbytes == s->from->size && strcmp(f->etag, etag) == 0;
	if (*same || f->md5[0] || f->nbytes != s->from->size)
		return true;
	return read_back(s, same, err);
}

/* ---- after a no ---- */

bool s3_sending_find(struct s3_sending *s, bool *found, const char *etag,
		     struct error *err)
{
	if (!s3_look(&s->facts, found, s->place, err))
		return false;
	return !*found || is_same(s, etag, found, err);
}

enum s3_outcome s3_sending_judge(struct s3_sending *s,
				 const struct s3_request *r, const char *etag,
				 struct error *err)
{
	bool own;

	if (r->http.status == 412) {
		if (!s3_sending_find(s, &own, etag, err))
			return S3_FAILED;
		return own ? S3_SENT : S3_TAKEN;
	}
	s3_request_fail(r, err);
	return s3_sending_is_passing(r) ? S3_AGAIN : S3_FAILED;
}

/* ---- after a yes ---- */

/* What was made and is wrong must not stay; somebody else's must. */
static bool remove_own(const struct s3_sending *s)
{
	struct error ignored = { 0 };
	struct s3_facts now;
	bool found;

	return s->facts.etag[0] &&
	       s3_look(&now, &found, s->place, &ignored) && found &&
	       strcmp(now.etag, s->facts.etag) == 0 &&
	       s3_remove(s->place, &ignored);
}

enum s3_outcome s3_sending_check(struct s3_sending *s,
				 const struct http_request *answer,
				 const char *etag, struct error *err)
{
	const char *date = http_header(answer, "Date");
	struct error ignored = { 0 };
	bool same, removed;

	s->facts.nbytes = s->from->size;
	if (date)
		s3_answer_read_http_time(&s->facts.modified, date, &ignored);
	if (!is_same(s, etag, &same, err))
		return S3_FAILED;
	if (same)
		return S3_SENT;
	removed = remove_own(s);
	error_set(err, ERROR_IO, ERROR_NO_OFFSET,
		  "what S3 has differs from what was sent (ETag %s, not %s): "
		  "it was changed on its way, and was %s", s->facts.etag, etag,
		  removed ? "removed again" : "not removed");
	return removed ? S3_AGAIN : S3_FAILED;
}
