/* s3_answer.c - read headers and short documents */
#include "remote/s3_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote/s3_xml.h"

enum { MD5_HEX_LEN = S3_MD5_HEX_SIZE - 1 };

static bool corrupt(struct error *err, const char *what, const char *text)
{
	return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			 "S3 answered \"%.80s\" where %s must stand", text,
			 what);
}

/* ---- ETags ---- */

bool s3_answer_read_etag(char etag[S3_ETAG_SIZE], const char *text,
			 struct error *err)
{
	const char *p = text;
	size_t len = strlen(text);

	if (len >= 2 && p[0] == '"' && p[len - 1] == '"') {
		p++;
		len -= 2;
	}
	for (size_t i = 0; i < len; i++)
		if (p[i] <= ' ' || p[i] >= 0x7f || strchr("\"<>&\\", p[i]))
			return corrupt(err, "an ETag", text);
	if (len == 0 || len >= S3_ETAG_SIZE)
		return corrupt(err, "an ETag", text);
	memcpy(etag, p, len);
	etag[len] = '\0';
	return true;
}

/* The ETag is not the MD5 of the content under keys of KMS or of the user. */
static bool is_encrypted(const struct http_request *answer)
{
	const char *how = http_header(answer, "x-amz-server-side-encryption");

	return (how && strncmp(how, "aws:kms", 7) == 0) ||
	       http_header(answer, "x-amz-server-side-encryption-customer-"
				   "algorithm");
}

bool s3_answer_read_sums(struct s3_facts *facts,
			 const struct http_request *answer, struct error *err)
{
	const char *etag = http_header(answer, "ETag");

	facts->etag[0] = facts->md5[0] = '\0';
	if (!etag)
		return true;
	if (!s3_answer_read_etag(facts->etag, etag, err))
		return false;
	if (strlen(facts->etag) == MD5_HEX_LEN && !is_encrypted(answer) &&
	    strspn(facts->etag, "0123456789abcdef") == MD5_HEX_LEN)
		memcpy(facts->md5, facts->etag, sizeof(facts->md5));
	return true;
}

/* ---- times ---- */

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

struct moment {
	int year, month, day, hour, minute, second;
};

/* Days since 1970 in the Gregorian calendar; March begins the year. */
static int64_t days_of(const struct moment *m)
{
	int64_t year = m->month > 2 ? m->year : m->year - 1;
	int64_t month = (m->month + 9) % 12;

	return 365 * year + year / 4 - year / 100 + year / 400 +
	       (153 * month + 2) / 5 + m->day - 1 - 719468;
}

static bool is_moment(const struct moment *m)
{
	return m->year >= 1970 && m->month >= 1 && m->month <= 12 &&
	       m->day >= 1 && m->day <= 31 && m->hour >= 0 && m->hour <= 23 &&
	       m->minute >= 0 && m->minute <= 59 && m->second >= 0 &&
	       m->second <= 60;
}

static bool set_time(struct timespec *time, const struct moment *m)
{
	const int of_day = (m->hour * 60 + m->minute) * 60 + m->second;

	if (!is_moment(m))
		return false;
	*time = (struct timespec){
		.tv_sec = (time_t)(days_of(m) * 86400 + of_day),
	};
	return true;
}

/* So many digits, and *text behind them; -1 if they are not there. */
static int take_digits(const char **text, unsigned count)
{
	int value = 0;

	for (; count > 0; count--, ++*text) {
		if (**text < '0' || **text > '9')
			return -1;
		value = 10 * value + (**text - '0');
	}
	return value;
}

static int take_month(const char **text)
{
	const char *name = months;

	for (int month = 1; month <= 12; month++, name += 3)
		if (strncmp(*text, name, 3) == 0) {
			*text += 3;
			return month;
		}
	return -1;
}

static bool take_weekday(const char **text)
{
	for (unsigned i = 0; i < 3; i++, ++*text)
		if (!strchr("MonTueWedThuFriSatSun", **text) || !**text)
			return false;
	return true;
}

static const struct field {
	char letter;
	unsigned digits;
	size_t at;		/* in struct moment */
} fields_of_time[] = {
	{ 'Y', 4, offsetof(struct moment, year) },
	{ 'M', 2, offsetof(struct moment, month) },
	{ 'D', 2, offsetof(struct moment, day) },
	{ 'h', 2, offsetof(struct moment, hour) },
	{ 'm', 2, offsetof(struct moment, minute) },
	{ 's', 2, offsetof(struct moment, second) },
};

static void take_number(struct moment *m, char letter, const char **text)
{
	const struct field *f = fields_of_time;

	while (f->letter != letter)
		f++;
	*(int *)(void *)((char *)m + f->at) = take_digits(text, f->digits);
}

/*
 * Numbers by their letters, %B for the name of a month, %A for that of a day;
 * the rest as it stands.  *text is behind it then.
 */
static bool take_time(struct timespec *time, const char *format,
		      const char **text)
{
	struct moment m = { 0 };
	bool ok = true;

	for (; ok && *format; format++) {
		if (*format != '%')
			ok = *(*text)++ == *format;
		else if (*++format == 'A')
			ok = take_weekday(text);
		else if (*format == 'B')
			m.month = take_month(text);
		else
			take_number(&m, *format, text);
	}
	return ok && set_time(time, &m);
}

/* The nanoseconds in ".123", and *text behind it. */
static long take_fraction(const char **text)
{
	long unit = 100000000, ns = 0;

	if (**text == '.')
		for (++*text; **text >= '0' && **text <= '9'; ++*text) {
			ns += (**text - '0') * unit;
			unit /= 10;
		}
	return ns;
}

bool s3_answer_read_iso_time(struct timespec *time, const char *text,
			     struct error *err)
{
	const char *p = text;

	if (!take_time(time, "%Y-%M-%DT%h:%m:%s", &p))
		return corrupt(err, "a time", text);
	time->tv_nsec = take_fraction(&p);
	return strcmp(p, "Z") == 0 || corrupt(err, "a time", text);
}

bool s3_answer_read_http_time(struct timespec *time, const char *text,
			      struct error *err)
{
	const char *p = text;

	return (take_time(time, "%A, %D %B %Y %h:%m:%s GMT", &p) && !*p) ||
	       corrupt(err, "a time", text);
}

/* ---- headers ---- */

bool s3_answer_read_size(uint64_t *nbytes, const char *text,
			 struct error *err)
{
	size_t len = strspn(text, "0123456789");

	/* 19 digits are below 2^64. */
	if (len == 0 || len > 19 || text[len])
		return corrupt(err, "a number of bytes", text);
	*nbytes = strtoull(text, NULL, 10);
	return true;
}

bool s3_answer_read_facts(struct s3_facts *facts,
			  const struct http_request *answer,
			  struct error *err)
{
	const char *size = http_header(answer, "Content-Length");
	const char *time = http_header(answer, "Last-Modified");

	if (!size || !time)
		return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				 "S3 answered without %s", size
				 ? "Last-Modified" : "Content-Length");
	return s3_answer_read_size(&facts->nbytes, size, err) &&
	       s3_answer_read_http_time(&facts->modified, time, err) &&
	       s3_answer_read_sums(facts, answer, err);
}

/* ---- documents ---- */

/* Where the text of an element goes. */
struct text_field {
	const char *path;
	char *to;		/* "": not met yet */
	size_t size;
};

struct text_fields {
	const struct text_field *fields;
	size_t count;
};

/* The first of its name counts; what does not fit is cut. */
static bool take_text(void *to, const char *path, const char *text,
		      struct error *err)
{
	const struct text_fields *f = to;

	(void)err;
	for (size_t i = 0; i < f->count; i++)
		if (strcmp(f->fields[i].path, path) == 0 &&
		    !f->fields[i].to[0])
			snprintf(f->fields[i].to, f->fields[i].size, "%s",
				 text);
	return true;
}

static bool read_texts(const struct text_field *fields, size_t count,
		       const char *xml, size_t len, struct error *err)
{
	struct text_fields f = { fields, count };
	const struct s3_xml_taker taker = { take_text, &f };

	for (size_t i = 0; i < count; i++)
		fields[i].to[0] = '\0';
	return s3_xml_parse(xml, len, &taker, err);
}

void s3_answer_read_fault(struct s3_fault *fault, const char *xml, size_t len)
{
	const struct text_field fields[] = {
		{ "Error/Code", fault->code, sizeof(fault->code) },
		{ "Error/Message", fault->message, sizeof(fault->message) },
		{ "Error/Region", fault->region, sizeof(fault->region) },
	};
	struct error ignored = { 0 };

	if (!read_texts(fields, sizeof(fields) / sizeof(*fields), xml, len,
			&ignored))
		*fault = (struct s3_fault){ 0 };
}

bool s3_answer_read_upload(char id[S3_UPLOAD_ID_SIZE], const char *xml,
			   size_t len, struct error *err)
{
	const struct text_field field = {
		"InitiateMultipartUploadResult/UploadId", id,
		S3_UPLOAD_ID_SIZE,
	};

	if (!read_texts(&field, 1, xml, len, err))
		return false;
	return (id[0] && strlen(id) < S3_UPLOAD_ID_SIZE - 1) ||
	       corrupt(err, "the id of an upload", id);
}

bool s3_answer_read_complete(char etag[S3_ETAG_SIZE], struct s3_fault *fault,
			     const char *xml, size_t len, struct error *err)
{
	char text[S3_ETAG_SIZE + 2];
	const struct text_field fields[] = {
		{ "CompleteMultipartUploadResult/ETag", text, sizeof(text) },
		{ "Error/Code", fault->code, sizeof(fault->code) },
		{ "Error/Message", fault->message, sizeof(fault->message) },
	};

	etag[0] = '\0';
	*fault = (struct s3_fault){ 0 };
	if (!read_texts(fields, sizeof(fields) / sizeof(*fields), xml, len,
			err))
		return false;
	return fault->code[0] || s3_answer_read_etag(etag, text, err);
}
