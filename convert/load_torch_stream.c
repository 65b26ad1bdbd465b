/*
 * load_torch_stream.c - what torch.save wrote before 1.6: pickles, then bytes
 *
 *	pickle	119547037146038801333356, the magic number
 *	pickle	1001, the protocol version
 *	pickle	a dict about the machine; nobody reads it
 *	pickle	the object, its tensors by persistent id
 *	pickle	a list of storage keys
 *	then for each key, in the order of the list:
 *	  8	number of elements, little-endian
 *	  ...	the elements, little-endian whatever the machine
 *
 * Nothing is padded and nothing has a checksum.  torch returns memory that
 * nobody has written for a storage that the list does not have; here that is
 * an error, as is one that no tensor uses.
 */
#include "convert/load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/text.h"
#include "convert/storages.h"
#include "convert/stream_keys.h"
#include "convert/unpickler/protocol.h"
#include "formats/pickle.h"

enum { HEAD_START = 256 << 10, COUNT_SIZE = 8 };

/* The five pickles, in memory. */
struct head {
	uint8_t *bytes;
	size_t len;
	size_t object, list, end;	/* offsets: of the fourth and fifth,
					   and behind that */
};

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
static bool scan_head(struct head *head, struct error *err)
{
	size_t at = 0;

	for (size_t i = 0; i < sizeof(part_names) / sizeof(*part_names); i++) {
		struct pickle_scan scan;
		size_t len;

		if (i == 3)
			head->object = at;
		if (i == 4)
			head->list = at;
		if (!pickle_scan(&scan, head->bytes + at, head->len - at,
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

/*
 * The pickles' length is not written anywhere: read more until the last one
 * ends, or the file does.
 */
static bool read_head(struct head *head, const struct reader *bytes,
		      uint64_t limit, struct error *err)
{
	uint64_t want = HEAD_START;

	for (;;) {
		uint64_t most = bytes->size < limit ? bytes->size : limit;
		struct error fault = { 0 };
		bool whole = want >= most;

		head->len = (size_t)(whole ? most : want);
		free(head->bytes);
		head->bytes = memory_array(head->len, 1, err);
		if (!head->bytes ||
		    !reader_read(bytes, 0, head->bytes, head->len, err))
			return false;
		if (scan_head(head, &fault))
			return true;
		if (whole && fault.kind == ERROR_TRUNCATED &&
		    most < bytes->size)
			return error_set(err, ERROR_LIMIT, 0, "its pickles do "
					 "not end within %" PRIu64 " bytes, "
					 "the limit for a file of its size",
					 most);
		if (whole || fault.kind != ERROR_TRUNCATED) {
			*err = fault;
			return false;
		}
		want *= 4;
	}
}

/* One storage of the list: its count, and where its bytes are. */
static bool open_listed(struct checkpoint *c, const struct reader *bytes,
			const struct pickle_listed *listed, uint64_t *at,
			struct error *err)
{
	uint8_t le[COUNT_SIZE];
	struct cursor cursor = cursor_over(le, sizeof(le));
	struct reader window;
	struct storage *storage;
	uint64_t count;

	if (!reader_read(bytes, *at, le, sizeof(le), err))
		return false;
	count = cursor_u64(&cursor);
	if (count != listed->nelements)
		return error_set(err, ERROR_CORRUPT, *at,
				 "%" PRIu64 " elements, the pickle says %"
				 PRIu64, count, listed->nelements);
	*at += COUNT_SIZE;
	if (!reader_window(&window, bytes, *at, listed->nbytes, err))
		return false;
	*at += listed->nbytes;
	if (listed->storage == PICKLE_NO_STORAGE)
		return true;
	storage = &c->storages[listed->storage];
	storage->bytes = window;
	storage->name = arena_copy(&c->arena, listed->key, listed->key_len,
				   err);
	return storage->name != NULL;
}

/*
 * Find the storages behind the pickles.  Each that a tensor lies in must have
 * been listed, with the size its persistent id says.
 */
static bool open_storages(struct checkpoint *c, const struct reader *bytes,
			  const struct pickle_index *index, uint64_t at,
			  struct error *err)
{
	c->storages = arena_array(&c->arena, index->storage_count,
				  sizeof(*c->storages), err);
	if (!c->storages)
		return false;
	for (size_t i = 0; i < index->listed_count; i++)
		if (!open_listed(c, bytes, &index->listed[i], &at, err)) {
			char name[140], key[100];

			text_escape(key, sizeof(key), index->listed[i].key,
				    index->listed[i].key_len);
			snprintf(name, sizeof(name), "storage %s", key);
			return error_in(err, NULL, name);
		}
	for (size_t i = 0; i < index->storage_count; i++)
		if (!c->storages[i].name ||
		    c->storages[i].bytes.size != index->storages[i].nbytes)
			return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
					 "storage \"%.80s\" of %" PRIu64
					 " bytes is not in the list of "
					 "storages, or of another size there",
					 index->storages[i].key,
					 index->storages[i].nbytes);
	return at == bytes->size ||
	       notes_add(&c->notes, err, "%" PRIu64 " bytes follow the last "
			 "storage and were left", bytes->size - at);
}

/* Was it this pickle that the helper did not like? */
static bool is_refused(const struct error *fault)
{
	return fault->kind == ERROR_CORRUPT || fault->kind == ERROR_LIMIT ||
	       fault->kind == ERROR_UNSUPPORTED;
}

/*
 * With numbers for keys, for which the answer may be known.  A refusal may name
 * a number, and an answer show one: then the same is asked with the keys.
 */
static bool ask(const struct head *head, struct stream_keys *keys,
		struct scratch *scratch, struct pickle_index *index,
		struct error *err)
{
	const uint8_t *pickles = head->bytes + head->object;
	size_t len = head->end - head->object;
	struct error fault = { 0 };

	if (!scratch->state_dict_path && len <= RECALL_LIMIT &&
	    !stream_keys_number(keys, pickles, len, head->list - head->object,
				err))
		return false;
	if (keys->numbered) {
		bool answered = storages_ask(UNPICKLER_STREAM, keys->numbered,
					     len, scratch, index, &fault);

		if (answered && stream_keys_name(keys, index))
			return true;
		pickle_index_free(index);
		if (!answered && !is_refused(&fault)) {
			*err = fault;
			return false;
		}
	}
	return storages_ask(UNPICKLER_STREAM, pickles, len, scratch, index,
			    err);
}

bool load_torch_stream(struct checkpoint *c, const struct reader *bytes,
		       struct scratch *scratch, struct error *err)
{
	struct pickle_index index = { 0 };
	struct stream_keys keys = { 0 };
	struct head head = { 0 };
	bool ok = false;

	if (!c->era)
		c->era = "torch stream";
	if (!read_head(&head, bytes, c->pickle_limit, err))
		goto done;
	if (!ask(&head, &keys, scratch, &index, err) ||
	    !storages_look(c, &index, err)) {
		error_in(err, NULL, "object");
		goto done;
	}
	ok = c->skip || (open_storages(c, bytes, &index, head.end, err) &&
			 storages_take_index(c, &index, err));
done:
	free(head.bytes);
	pickle_index_free(&index);
	stream_keys_free(&keys);
	return ok;
}
