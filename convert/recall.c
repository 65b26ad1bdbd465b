/* recall.c - one request and one answer, compared byte for byte */
#include "convert/recall.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { KEPT_LIMIT = 1 << 20 };

bool recall_has(const struct recall *r, const struct pickle_request *request)
{
	return r->pickle && r->layout == request->layout &&
	       r->pickle_len == request->len &&
	       memcmp(r->pickle, request->pickle, request->len) == 0;
}

static uint8_t *copy(const void *bytes, size_t len, struct error *err)
{
	uint8_t *copied = memory_array(len, 1, err);

	if (copied)
		memcpy(copied, bytes, len);
	return copied;
}

bool recall_keep(struct recall *r, const struct pickle_request *request,
		 const uint8_t *answer, size_t len, struct error *err)
{
	recall_free(r);
	if (request->layout == UNPICKLER_PLAIN || request->len > KEPT_LIMIT ||
	    len > KEPT_LIMIT)
		return true;
	r->layout = request->layout;
	r->pickle_len = request->len;
	r->answer_len = len;
	r->answer = copy(answer, len, err);
	if (r->answer)
		r->pickle = copy(request->pickle, request->len, err);
	return r->pickle != NULL;
}

void recall_free(struct recall *r)
{
	free(r->pickle);
	free(r->answer);
	*r = (struct recall){ 0 };
}
