/*
 * s3_page.c - parse a page of a listing
 *
 *	ListBucketResult/EncodingType		"url": keys are encoded
 *	ListBucketResult/Contents/Key		and Size, LastModified, ETag
 *	ListBucketResult/IsTruncated		"true": there are more
 *	ListBucketResult/NextContinuationToken	to ask for them with
 *
 * Source: ListObjectsV2 in the API reference of S3.
 */
#include "remote/s3_page.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "remote/percent.h"
#include "remote/s3_answer.h"
#include "remote/s3_xml.h"

#define ROOT "ListBucketResult"

/* What a page has said up to now. */
struct parsing {
	struct s3_page *page;
	bool is_page;		/* its root was one */
	bool encoded, truncated, knows_truncated;
	struct s3_page_item item;	/* that is being read */
	bool has_size, has_time;
};

static bool fault(struct error *err, const char *what, const char *text)
{
	return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			 "a page of the listing %s \"%.200s\"", what, text);
}

static bool keep_text(struct parsing *p, char **to, const char *text,
		      const char *name, struct error *err)
{
	if (*to)
		return fault(err, "has twice the element", name);
	*to = arena_copy(&p->page->arena, text, strlen(text), err);
	return *to != NULL;
}

/* ---- the fields of an object ---- */

static bool take_key(struct parsing *p, const char *text, struct error *err)
{
	return keep_text(p, &p->item.key, text, "Key", err);
}

static bool take_size(struct parsing *p, const char *text, struct error *err)
{
	p->has_size = true;
	return s3_answer_read_size(&p->item.facts.nbytes, text, err);
}

static bool take_time(struct parsing *p, const char *text, struct error *err)
{
	p->has_time = true;
	return s3_answer_read_iso_time(&p->item.facts.modified, text, err);
}

static bool take_etag(struct parsing *p, const char *text, struct error *err)
{
	return s3_answer_read_etag(p->item.facts.etag, text, err);
}

/* The end of an object. */
static bool take_item(struct parsing *p, const char *text, struct error *err)
{
	struct s3_page *page = p->page;
	void *items = page->items;

	(void)text;
	if (!p->item.key || !p->has_size || !p->has_time)
		return fault(err, "lacks Key, Size or LastModified of",
			     p->item.key ? p->item.key : "");
	if (!memory_grow(&items, &page->capacity, page->count + 1,
			 sizeof(*page->items), err))
		return false;
	page->items = items;
	page->items[page->count++] = p->item;
	p->item = (struct s3_page_item){ 0 };
	p->has_size = p->has_time = false;
	return true;
}

/* ---- the fields of the page ---- */

static bool take_encoding(struct parsing *p, const char *text,
			  struct error *err)
{
	p->encoded = strcmp(text, "url") == 0;
	return p->encoded || fault(err, "has the unknown encoding", text);
}

static bool take_truncated(struct parsing *p, const char *text,
			   struct error *err)
{
	p->knows_truncated = true;
	p->truncated = strcmp(text, "true") == 0;
	return p->truncated || strcmp(text, "false") == 0 ||
	       fault(err, "has IsTruncated", text);
}

static bool take_next(struct parsing *p, const char *text, struct error *err)
{
	char *next = NULL;

	if (p->page->next)
		return fault(err, "has a second token", text);
	if (!keep_text(p, &next, text, "NextContinuationToken", err))
		return false;
	p->page->next = next;
	return true;
}

static bool take_root(struct parsing *p, const char *text, struct error *err)
{
	(void)text;
	(void)err;
	p->is_page = true;
	return true;
}

static const struct {
	const char *path;
	bool (*take)(struct parsing *p, const char *text, struct error *err);
} elements[] = {
	{ ROOT "/Contents/Key",			take_key },
	{ ROOT "/Contents/Size",		take_size },
	{ ROOT "/Contents/LastModified",	take_time },
	{ ROOT "/Contents/ETag",		take_etag },
	{ ROOT "/Contents",			take_item },
	{ ROOT "/EncodingType",			take_encoding },
	{ ROOT "/IsTruncated",			take_truncated },
	{ ROOT "/NextContinuationToken",	take_next },
	{ ROOT,					take_root },
};

static bool take(void *to, const char *path, const char *text,
		 struct error *err)
{
	for (size_t i = 0; i < sizeof(elements) / sizeof(*elements); i++)
		if (strcmp(elements[i].path, path) == 0)
			return elements[i].take(to, text, err);
	return true;
}

/* ---- the whole ---- */

/* As forms are encoded: a blank may be "+". */
static bool decode_key(struct s3_page *page, struct s3_page_item *item,
		       struct error *err)
{
	char *plus = item->key, *decoded;
	bool ok;

	while ((plus = strchr(plus, '+')))
		*plus = ' ';
	ok = percent_decode(&decoded, item->key, strlen(item->key), 0, err);
	if (ok)
		item->key = arena_copy(&page->arena, decoded, strlen(decoded),
				       err);
	free(decoded);
	return ok && item->key;
}

static bool check_key(const char *key, const struct s3_page_bounds *b,
		      const char *before, struct error *err)
{
	size_t len = strlen(b->prefix);

	if (!text_is_utf8(key, strlen(key)))
		return fault(err, "has a key that is no UTF-8:", key);
	if (strncmp(key, b->prefix, len) != 0)
		return fault(err, "has a key without the prefix:", key);
	if (b->flat && strchr(key + len, '/'))
		return fault(err, "has a key of a deeper level:", key);
	return !before || strcmp(before, key) < 0 ||
	       fault(err, "has keys that are not in order, as", key);
}

static bool check_page(const struct parsing *p, struct error *err)
{
	const char *next = p->page->next;

	if (!p->is_page || !p->knows_truncated)
		return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				 "the answer is no page of a listing");
	if (p->truncated && (!next || !next[0]))
		return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				 "a page of the listing is not the last, and "
				 "does not say how to ask for the next");
	return true;
}

bool s3_page_parse(struct s3_page *page, const struct s3_page_bounds *bounds,
		   const char *xml, size_t len, struct error *err)
{
	struct parsing p = { .page = page };
	const struct s3_xml_taker taker = { take, &p };
	const char *before = bounds->behind;
	bool ok = s3_xml_parse(xml, len, &taker, err) && check_page(&p, err);

	for (size_t i = 0; ok && i < page->count; i++) {
		ok = (!p.encoded || decode_key(page, &page->items[i], err)) &&
		     check_key(page->items[i].key, bounds, before, err);
		before = page->items[i].key;
	}
	if (!p.truncated)
		page->next = NULL;
	return ok;
}

void s3_page_free(struct s3_page *page)
{
	free(page->items);
	arena_free(&page->arena);
	*page = (struct s3_page){ 0 };
}
