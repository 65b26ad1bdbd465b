/*
 * text_file.h - small files of text that may hold secrets
 *
 * Settings of the AWS tools, and tokens.  They are read whole into a block of
 * just their size, which is wiped when it is freed.  Content is any bytes but
 * NUL.  Zeroed is empty; freeing twice is harmless.  Safe from any thread.
 */
#ifndef REMOTE_TEXT_FILE_H
#define REMOTE_TEXT_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct text_file {
	char *text;		/* owned; ends in NUL */
	size_t len;
};

/* Over 'most' bytes is ERROR_LIMIT.  Errors name the path. */
bool text_file_read(struct text_file *f, const char *path, size_t most,
		    struct error *err);

/* The same without the white space at the end, and not empty. */
bool text_file_read_token(struct text_file *f, const char *path, size_t most,
			  struct error *err);

void text_file_free(struct text_file *f);

#endif
