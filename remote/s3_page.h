/*
 * s3_page.h - one page of a listing: the answer to ListObjectsV2
 *
 * The page is hostile.  What is taken of it is whole and in order: keys begin
 * with the prefix, each stands behind the one before, and each has its facts.
 * Zeroed is empty; freeing twice is harmless.
 */
#ifndef REMOTE_S3_PAGE_H
#define REMOTE_S3_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"
#include "remote/s3.h"

struct s3_page_item {
	char *key;		/* UTF-8 */
	struct s3_facts facts;
};

struct s3_page {
	struct s3_page_item *items;
	size_t count, capacity;
	const char *next;	/* of the next page, or NULL: it is the last */
	struct arena arena;	/* of the texts */
};

struct s3_page_bounds {
	const char *prefix;
	const char *behind;	/* the last key of the page before, or NULL */
	bool flat;		/* no slash stands behind the prefix */
};

/* Parse an empty *page; on failure it may hold something. */
bool s3_page_parse(struct s3_page *page, const struct s3_page_bounds *bounds,
		   const char *xml, size_t len, struct error *err);

void s3_page_free(struct s3_page *page);

#endif
