/* unpickle.c - one request to the helper, and its answer */
#include "convert/unpickle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"

static void put_le(uint8_t *bytes, uint64_t value, unsigned nbytes)
{
	for (unsigned i = 0; i < nbytes; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
}

static bool send_request(struct helper *helper,
			 const struct pickle_request *request,
			 struct error *err)
{
	const char *path = request->state_dict_path ? request->state_dict_path
						    : "";
	size_t path_len = strlen(path);
	uint64_t nbytes = 5 + (uint64_t)path_len + request->len;
	uint8_t head[13];

	put_le(head, nbytes, 8);
	put_le(head + 8, (uint64_t)request->layout, 1);
	put_le(head + 9, path_len, 4);
	return helper_begin(helper, nbytes, err) &&
	       helper_send(helper, head, sizeof(head), err) &&
	       helper_send(helper, path, path_len, err) &&
	       helper_send(helper, request->pickle, request->len, err);
}

/* The length of the answer that is about to come, if it can be believed. */
static bool receive_length(struct helper *helper, size_t *len,
			   struct error *err)
{
	uint8_t frame[8];
	struct cursor c = cursor_over(frame, sizeof(frame));
	uint64_t n;

	if (!helper_receive(helper, frame, sizeof(frame), err))
		return false;
	n = cursor_u64(&c);
	if (n > UNPICKLER_ANSWER_LIMIT) {
		helper_kill(helper);
		return error_set(err, ERROR_PYTHON, ERROR_NO_OFFSET,
				 "the unpickler answers with %" PRIu64
				 " bytes, over the limit of %u", n,
				 UNPICKLER_ANSWER_LIMIT);
	}
	*len = (size_t)n;
	return true;
}

/* Ask, and receive the body of the answer; *answer is malloc'ed. */
static bool ask(struct helper *helper, const struct pickle_request *request,
		uint8_t **answer, size_t *len, struct error *err)
{
	*answer = NULL;
	if (!send_request(helper, request, err) ||
	    !receive_length(helper, len, err))
		return false;
	*answer = memory_array(*len, 1, err);
	if (!*answer) {
		helper_kill(helper);
		return false;
	}
	if (helper_receive(helper, *answer, *len, err))
		return true;
	free(*answer);
	return false;
}

static bool ask_and_parse(struct helper *helper,
			  const struct pickle_request *request,
			  struct pickle_index *index, struct error *err)
{
	uint8_t *answer;
	size_t len = 0;

	if (!ask(helper, request, &answer, &len, err))
		return false;
	if (pickle_index_parse(index, answer, len, err)) {
		index->answer = answer;
		index->answer_len = len;
		return true;
	}
	free(answer);
	helper_kill(helper);	/* after a bad pickle none is trusted */
	return false;
}

bool unpickle_index(struct helper *helper,
		    const struct pickle_request *request,
		    struct pickle_index *index, struct error *err)
{
	bool fresh = !helper->pid;
	struct error fault = { 0 };

	*index = (struct pickle_index){ 0 };
	if (!fresh) {
		if (ask_and_parse(helper, request, index, &fault))
			return true;
		if (fault.kind != ERROR_PYTHON && fault.kind != ERROR_MEMORY) {
			*err = fault;
			return false;
		}
		/* This pickle's doing, or what an earlier one left behind? */
	}
	return ask_and_parse(helper, request, index, err);
}
