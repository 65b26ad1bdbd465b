/* recall.c - requests and their answers, compared byte for byte */
#include "convert/recall.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { HELD_LIMIT = 2 * RECALL_LIMIT };	/* bytes, in all */

static bool is_answer_to(const struct recall_answer *a,
			 const struct pickle_request *request)
{
	return a->pickle && a->layout == request->layout &&
	       a->pickle_len == request->len &&
	       memcmp(a->pickle, request->pickle, request->len) == 0;
}

static void answer_free(struct recall_answer *a)
{
	free(a->pickle);
	free(a->answer);
	*a = (struct recall_answer){ 0 };
}

/* Put an answer first; those that were before its place move back by one. */
static void put_first(struct recall *r, struct recall_answer answer,
		      size_t place)
{
	memmove(&r->held[1], &r->held[0], place * sizeof(r->held[0]));
	r->held[0] = answer;
}

const struct recall_answer *recall_find(struct recall *r,
					const struct pickle_request *request)
{
	for (size_t i = 0; i < RECALL_ANSWERS; i++)
		if (is_answer_to(&r->held[i], request)) {
			put_first(r, r->held[i], i);
			return &r->held[0];
		}
	return NULL;
}

static uint8_t *copy(const void *bytes, size_t len, struct error *err)
{
	uint8_t *copied = memory_array(len, 1, err);

	if (copied)
		memcpy(copied, bytes, len);
	return copied;
}

/* Drop all from that on with which there would be too much. */
static void bound(struct recall *r)
{
	size_t held = 0;

	for (size_t i = 0; i < RECALL_ANSWERS; i++) {
		held += r->held[i].pickle_len + r->held[i].answer_len;
		if (held > HELD_LIMIT)
			answer_free(&r->held[i]);
	}
}

bool recall_keep(struct recall *r, const struct pickle_request *request,
		 const uint8_t *answer, size_t len, struct error *err)
{
	struct recall_answer kept = { .layout = request->layout,
				      .pickle_len = request->len,
				      .answer_len = len };

	if (request->layout == UNPICKLER_PLAIN ||
	    request->len > RECALL_LIMIT || len > RECALL_LIMIT)
		return true;
	kept.answer = copy(answer, len, err);
	if (kept.answer)
		kept.pickle = copy(request->pickle, request->len, err);
	if (!kept.pickle) {
		answer_free(&kept);
		return false;
	}
	answer_free(&r->held[RECALL_ANSWERS - 1]);
	put_first(r, kept, RECALL_ANSWERS - 1);
	bound(r);
	return true;
}

void recall_free(struct recall *r)
{
	for (size_t i = 0; i < RECALL_ANSWERS; i++)
		answer_free(&r->held[i]);
}
