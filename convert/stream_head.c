/* stream_head.c - find where pickles end, or know it */
#include "convert/stream_head.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "convert/recall.h"
#include "formats/pickle.h"

enum { START_SIZE = 256 << 10 };	/* bytes that are looked at first */

static const char *const part_names[] = {
	"magic number", "protocol version", "sys_info", "object",
	"storage keys",
};

/* The number 1001, as each protocol writes it. */
static const struct version {
	const char *bytes;
	size_t len;
} versions[] = {
	{ "I1001\n.", 7 },
	{ "M\xe9\x03.", 4 },
	{ "\x80\x02M\xe9\x03.", 6 },
	{ "\x80\x03M\xe9\x03.", 6 },
	{ "\x80\x04\x95\x04\0\0\0\0\0\0\0M\xe9\x03.", 15 },
	{ "\x80\x05\x95\x04\0\0\0\0\0\0\0M\xe9\x03.", 15 },
};

static bool is_version(const uint8_t *pickle, size_t len)
{
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (len == versions[i].len &&
		    memcmp(pickle, versions[i].bytes, len) == 0)
			return true;
	return false;
}

/* Find the ends of the five pickles in what has been read of the file. */
static bool scan_pickles(struct stream_head *head, size_t nbytes,
			 struct error *err)
{
	size_t at = 0;

	for (size_t i = 0; i < sizeof(part_names) / sizeof(*part_names); i++) {
		struct pickle_scan scan;
		size_t len;

		if (i == 3)
			head->object = at;
		if (i == 4)
			head->list = at;
		if (!pickle_scan(&scan, head->bytes + at, nbytes - at,
				 err)) {
			if (err->offset != ERROR_NO_OFFSET)
				err->offset += at;
			return error_in(err, NULL, part_names[i]);
		}
		len = (size_t)scan.nbytes;
		pickle_scan_free(&scan);
		if (i == 1 && !is_version(head->bytes + at, len))
			return error_set(err, ERROR_UNSUPPORTED, at,
					 "the protocol version is not 1001");
		at += len;
	}
	head->end = at;
	return true;
}

/* Read more until the last pickle ends, or the file does. */
bool stream_head_read(struct stream_head *head, const struct reader *r,
		      uint64_t limit, struct error *err)
{
	const uint64_t most = r->size < limit ? r->size : limit;

	*head = (struct stream_head){ 0 };
	for (uint64_t want = START_SIZE; ; want *= 4) {
		struct error fault = { 0 };
		bool whole = want >= most;
		size_t nbytes = (size_t)(whole ? most : want);

		free(head->bytes);
		head->bytes = memory_array(nbytes, 1, err);
		if (!head->bytes || !reader_read(r, 0, head->bytes, nbytes,
						 err))
			return false;
		if (scan_pickles(head, nbytes, &fault))
			return true;
		if (whole && fault.kind == ERROR_TRUNCATED && most < r->size)
			return error_set(err, ERROR_LIMIT, 0, "its pickles do "
					 "not end within %" PRIu64 " bytes, "
					 "the limit for a file of its size",
					 most);
		if (whole || fault.kind != ERROR_TRUNCATED) {
			*err = fault;
			return false;
		}
	}
}

static bool number(const struct stream_head *head, struct stream_keys *keys,
		   struct error *err)
{
	return stream_keys_number(keys, head->bytes + head->object,
				  head->end - head->object,
				  head->list - head->object, err);
}

/* Do the pickles pass the scan with their numbers, too? */
static bool scan_numbered(const struct stream_head *head,
			  const struct stream_keys *keys, struct error *err)
{
	size_t begins[] = { 0, head->list - head->object };

	for (size_t i = 0; i < 2; i++) {
		struct pickle_scan scan;

		if (!pickle_scan(&scan, keys->numbered + begins[i],
				 head->end - head->object - begins[i], err))
			return false;
		pickle_scan_free(&scan);
	}
	return true;
}

bool stream_head_number(const struct stream_head *head,
			struct stream_keys *keys, struct error *err)
{
	struct error fault = { 0 };

	*keys = (struct stream_keys){ 0 };
	if (head->end > RECALL_LIMIT)
		return true;
	if (!number(head, keys, err))
		return false;
	if (!keys->numbered || scan_numbered(head, keys, &fault))
		return true;
	stream_keys_free(keys);
	if (fault.kind == ERROR_MEMORY)
		*err = fault;
	return fault.kind != ERROR_MEMORY;
}

bool stream_head_recall(struct stream_head *head, struct stream_keys *keys,
			const struct stream_head *model,
			const struct reader *r, uint64_t limit,
			struct error *err)
{
	size_t object = model->object;

	*head = (struct stream_head){ 0 };
	*keys = (struct stream_keys){ 0 };
	if (!model->bytes || model->end > r->size || model->end > limit)
		return true;
	*head = *model;
	head->bytes = memory_array(model->end, 1, err);
	if (!head->bytes || !reader_read(r, 0, head->bytes, model->end, err))
		return false;
	if (memcmp(head->bytes, model->bytes, object) == 0 &&
	    !number(head, keys, err))
		return false;
	if (keys->numbered && memcmp(keys->numbered, model->bytes + object,
				     model->end - object) == 0)
		return true;
	stream_keys_free(keys);
	stream_head_free(head);
	return true;
}

bool stream_head_keep(struct stream_head *model,
		      const struct stream_head *head,
		      const struct stream_keys *keys, struct error *err)
{
	stream_head_free(model);
	*model = *head;
	model->bytes = memory_array(head->end, 1, err);
	if (!model->bytes)
		return false;
	memcpy(model->bytes, head->bytes, head->object);
	memcpy(model->bytes + head->object, keys->numbered,
	       head->end - head->object);
	return true;
}

void stream_head_free(struct stream_head *head)
{
	free(head->bytes);
	*head = (struct stream_head){ 0 };
}
