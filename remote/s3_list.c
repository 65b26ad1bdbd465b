/* s3_list.c - listings, page after page */
#include "remote/s3.h"

#include <stdlib.h>
#include <string.h>

#include "remote/s3_page.h"
#include "remote/s3_request.h"

/* 1000 keys each. */
enum { PAGES_LIMIT = 1 << 20 };

struct listing {
	const struct s3_place *place;
	bool flat;
	const struct s3_taker *taker;
	struct s3_page page;
	char *token;		/* of the page to ask for; NULL: the first */
	char *behind;		/* the last key, or NULL */
	char *met;		/* a token of before: if it comes again ... */
	size_t pages, met_until;	/* ... up to this page */
};

static bool keep(char **to, const char *text, struct error *err)
{
	char *copy = strdup(text);

	if (!copy)
		return error_set_memory(err, strlen(text) + 1);
	free(*to);
	*to = copy;
	return true;
}

/* Sorted by name. */
static bool put_query(struct s3_request *r, const struct listing *l,
		      struct error *err)
{
	return (!l->token || s3_request_add_query(r, "continuation-token",
						  l->token, err)) &&
	       (!l->flat || s3_request_add_query(r, "delimiter", "/", err)) &&
	       s3_request_add_query(r, "encoding-type", "url", err) &&
	       s3_request_add_query(r, "list-type", "2", err) &&
	       s3_request_add_query(r, "prefix", l->place->key, err);
}

static bool fetch_page(struct listing *l, struct error *err)
{
	const struct s3_place bucket = { l->place->bucket, "" };
	const struct s3_page_bounds bounds = { l->place->key, l->behind,
					       l->flat };
	struct s3_request r = { .method = "GET", .place = &bucket };
	bool ok = put_query(&r, l, err) && s3_request_perform(&r, 1, err);

	if (ok && !http_is_success(&r.http))
		ok = s3_request_fail(&r, err);
	s3_page_free(&l->page);
	ok = ok && s3_page_parse(&l->page, &bounds, r.http.text.data,
				 r.http.text.len, err);
	s3_request_free(&r);
	return ok;
}

static bool hand_over(struct listing *l, struct error *err)
{
	const struct s3_page *page = &l->page;

	for (size_t i = 0; i < page->count; i++)
		if (!l->taker->take(l->taker->to, page->items[i].key,
				    &page->items[i].facts, err))
			return false;
	return page->count == 0 ||
	       keep(&l->behind, page->items[page->count - 1].key, err);
}

/*
 * A server may lead in circles over pages without keys.  One token is held
 * against those that follow, for twice as long each time: so the second round
 * of any circle is noticed.
 */
static bool advance(struct listing *l, struct error *err)
{
	const char *next = l->page.next;

	if (l->met && strcmp(l->met, next) == 0)
		return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				 "the listing leads to the same page again");
	if (++l->pages >= PAGES_LIMIT)
		return error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
				 "the listing has over %d pages", PAGES_LIMIT);
	if (l->pages > l->met_until) {
		l->met_until = 2 * l->pages;
		if (!keep(&l->met, next, err))
			return false;
	}
	return keep(&l->token, next, err);
}

bool s3_list(const struct s3_place *place, bool flat,
	     const struct s3_taker *taker, struct error *err)
{
	struct listing l = { .place = place, .flat = flat, .taker = taker };
	bool ok, more = true;

	do {
		ok = fetch_page(&l, err) && hand_over(&l, err);
		more = ok && l.page.next;
		ok = ok && (!more || advance(&l, err));
	} while (ok && more);
	s3_page_free(&l.page);
	free(l.token);
	free(l.behind);
	free(l.met);
	return ok || s3_request_error_in(err, place);
}
