/*
 * s3_xml.h - the texts in an XML document that S3, or STS, answered
 *
 * The document is hostile.  Of XML only elements and their text are taken: a
 * document type, and with it every entity but the five of XML itself, is
 * refused; depth and text are bounded.  By expat.  Safe from any thread.
 */
#ifndef REMOTE_S3_XML_H
#define REMOTE_S3_XML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define S3_XML_DEPTH_LIMIT 16
#define S3_XML_TEXT_LIMIT (16 << 10)

struct s3_xml_taker {
	/*
	 * Called at the end of each element: path is "Error/Code", text what
	 * stands directly in it, behind the last element in it.
	 */
	bool (*take)(void *to, const char *path, const char *text,
		     struct error *err);
	void *to;
};

/* What is no such document is ERROR_CORRUPT, ERROR_UNSAFE or ERROR_LIMIT. */
bool s3_xml_parse(const char *xml, size_t len,
		  const struct s3_xml_taker *taker, struct error *err);

#endif
