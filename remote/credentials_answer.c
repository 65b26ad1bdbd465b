/* credentials_answer.c - what is asked of servers, and what they answer */
#include "remote/credentials_source.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "formats/json.h"
#include "remote/s3_answer.h"

enum { TEXT_MOST = 16 << 10 };	/* bytes of a key or a token */

/* ---- keys ---- */

static bool keep_text(char **kept, const char *text, const char *what,
		      const char *place, struct error *err)
{
	size_t len = strlen(text), good = 0;

	while (text[good] > ' ' && text[good] < 0x7f)
		good++;
	if (len == 0 || len > TEXT_MOST)
		return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				 "the %s of %s has %zu bytes, not 1 to %d",
				 what, place, len, TEXT_MOST);
	if (good < len)
		return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				 "the %s of %s: byte %zu of %zu is a blank, or "
				 "no printable ASCII character", what, place,
				 good + 1, len);
	*kept = memory_copy(text, len, err);
	return *kept != NULL;
}

static bool keep_expiration(struct credentials_found *found, const char *text,
			    const char *place, struct error *err)
{
	struct error ignored = { 0 };
	struct timespec moment;

	if (!s3_answer_read_iso_time(&moment, text, &ignored))
		return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				 "the expiration of %s is \"%.40s\", which is "
				 "no time as 2030-01-31T12:00:00Z", place,
				 text);
	found->expires = moment.tv_sec;
	return found->expires > time(NULL) ||
	       error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			 "the credentials of %s expired at %.40s, by the "
			 "clock of this machine", place, text);
}

bool credentials_keep(struct credentials_found *found,
		      const struct credentials_texts *texts,
		      const char *place, struct error *err)
{
	struct credentials *c = &found->keys;

	return keep_text(&c->access_key, texts->access_key, "access key",
			 place, err) &&
	       keep_text(&c->secret_key, texts->secret_key, "secret key",
			 place, err) &&
	       (!texts->token ||
		keep_text(&c->token, texts->token, "session token", place,
			  err)) &&
	       (!texts->expiration ||
		keep_expiration(found, texts->expiration, place, err));
}

/* ---- JSON ---- */

/* Instances say so; containers have no "Code" if all is well. */
static bool check_code(const struct json_value *root, struct error *err)
{
	const char *code;

	if (!json_find(root, "Code"))
		return true;
	return json_get_string(root, "Code", &code, err) &&
	       (strcmp(code, "Success") == 0 ||
		error_set(err, ERROR_IO, ERROR_NO_OFFSET,
			  "no credentials, but the code \"%.100s\"", code));
}

static bool read_texts(struct credentials_texts *texts,
		       const struct json_value *root, struct error *err)
{
	return json_to_object(root, "the answer", err) &&
	       check_code(root, err) &&
	       json_get_string(root, "AccessKeyId", &texts->access_key,
			       err) &&
	       json_get_string(root, "SecretAccessKey", &texts->secret_key,
			       err) &&
	       json_get_string(root, "Token", &texts->token, err) &&
	       json_get_string(root, "Expiration", &texts->expiration, err);
}

bool credentials_keep_json(struct credentials_found *found, const char *text,
			   size_t len, struct error *err)
{
	struct json_document doc;
	struct credentials_texts texts;
	bool ok;

	if (!json_parse(&doc, text, len, err))
		return false;
	ok = read_texts(&texts, doc.root, err) &&
	     credentials_keep(found, &texts, "the answer", err);
	json_free(&doc);
	return ok;
}

/* ---- requests ---- */

/* What would end a line, and begin another header. */
static bool check_line(const char *line, struct error *err)
{
	for (const char *c = line; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return error_set(err, ERROR_UNSAFE, ERROR_NO_OFFSET,
					 "a control character in what should "
					 "be the value of the header %.*s",
					 (int)strcspn(line, ":"), line);
	return true;
}

static bool put_line(struct buffer *lines, const struct http_request *request,
		     struct error *err)
{
	const char *line = request->context;

	return check_line(line, err) &&
	       buffer_append(lines, line, strlen(line) + 1, err);
}

bool credentials_ask(struct http_request *request, struct error *err)
{
	if (request->context)
		request->put_headers = put_line;
	request->expected_nbytes = HTTP_ANY_LENGTH;
	return http_perform(request, 1, err);
}

void credentials_wipe(struct http_request *request)
{
	if (request->text.data)
		OPENSSL_cleanse(request->text.data, request->text.capacity);
	http_free(request);
}
