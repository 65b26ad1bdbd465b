/* s3_xml.c - walk over the elements of a document */
#include "remote/s3_xml.h"

#include <expat.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <string.h>

#include "base/memory.h"

enum { PATH_SIZE = 512 };

struct walk {
	XML_Parser parser;
	const struct s3_xml_taker *taker;
	char path[PATH_SIZE];
	size_t path_len, depth;
	struct buffer text;
	struct error *err;
};

/* Nothing more is called after this, but for the end of an empty element. */
static void stop(struct walk *w)
{
	XML_StopParser(w->parser, XML_FALSE);
}

static void on_start(void *user, const char *name, const char **attributes)
{
	struct walk *w = user;
	size_t len = strlen(name);

	(void)attributes;
	if (++w->depth > S3_XML_DEPTH_LIMIT ||
	    len >= PATH_SIZE - w->path_len - 1) {
		error_set(w->err, ERROR_LIMIT, ERROR_NO_OFFSET,
			  "elements of the answer lie too deep, or have names "
			  "that are too long");
		stop(w);
		return;
	}
	if (w->path_len > 0)
		w->path[w->path_len++] = '/';
	memcpy(w->path + w->path_len, name, len + 1);
	w->path_len += len;
	w->text.len = 0;
}

static void on_end(void *user, const char *name)
{
	struct walk *w = user;
	const char *slash;

	(void)name;
	if (w->err->kind != ERROR_NONE)
		return;
	if (!buffer_terminate(&w->text, w->err) ||
	    !w->taker->take(w->taker->to, w->path, w->text.data, w->err)) {
		stop(w);
		return;
	}
	slash = strrchr(w->path, '/');
	w->path_len = slash ? (size_t)(slash - w->path) : 0;
	w->path[w->path_len] = '\0';
	w->depth--;
	w->text.len = 0;
}

static void on_text(void *user, const char *text, int len)
{
	struct walk *w = user;

	if ((size_t)len > S3_XML_TEXT_LIMIT - w->text.len) {
		error_set(w->err, ERROR_LIMIT, ERROR_NO_OFFSET,
			  "an element of the answer has more than %d bytes of "
			  "text", S3_XML_TEXT_LIMIT);
		stop(w);
	} else if (!buffer_append(&w->text, text, (size_t)len, w->err)) {
		stop(w);
	}
}

static void on_doctype(void *user, const char *name, const char *system_id,
		       const char *public_id, int has_subset)
{
	struct walk *w = user;

	(void)name;
	(void)system_id;
	(void)public_id;
	(void)has_subset;
	error_set(w->err, ERROR_UNSAFE, ERROR_NO_OFFSET,
		  "the answer declares a document type, which S3 never does");
	stop(w);
}

static bool parse(struct walk *w, const char *xml, size_t len)
{
	if (len > INT_MAX)
		return error_set(w->err, ERROR_LIMIT, ERROR_NO_OFFSET,
				 "an answer of %zu bytes", len);
	XML_SetUserData(w->parser, w);
	XML_SetElementHandler(w->parser, on_start, on_end);
	XML_SetCharacterDataHandler(w->parser, on_text);
	XML_SetStartDoctypeDeclHandler(w->parser, on_doctype);
	if (XML_Parse(w->parser, xml, (int)len, XML_TRUE) == XML_STATUS_OK)
		return true;
	if (XML_GetErrorCode(w->parser) == XML_ERROR_NO_MEMORY)
		return error_set_memory(w->err, len);
	return error_set(w->err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			 "the answer is no XML: line %lu: %s",
			 (unsigned long)XML_GetCurrentLineNumber(w->parser),
			 XML_ErrorString(XML_GetErrorCode(w->parser)));
}

bool s3_xml_parse(const char *xml, size_t len,
		  const struct s3_xml_taker *taker, struct error *err)
{
	struct walk w = { .taker = taker, .err = err };
	bool ok;

	/* Whatever the document says of its encoding. */
	w.parser = XML_ParserCreate("UTF-8");
	if (!w.parser)
		return error_set_memory(err, sizeof(w));
	ok = parse(&w, xml, len);
	XML_ParserFree(w.parser);
	/* STS answers with secrets. */
	if (w.text.data)
		OPENSSL_cleanse(w.text.data, w.text.capacity);
	buffer_free(&w.text);
	return ok;
}
