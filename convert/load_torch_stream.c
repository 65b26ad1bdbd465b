/*
 * load_torch_stream.c - what torch.save wrote before 1.6: pickles, then bytes
 *
 * Behind the pickles (see convert/stream_head.h), for each key in the order of
 * the list:
 *
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
#include "convert/stream_head.h"
#include "convert/unpickler/protocol.h"

enum { COUNT_SIZE = 8 };

/* One storage of the list: its count, and where its bytes are. */
static bool open_listed(struct checkpoint *c, const struct reader *bytes,
			const struct reader *counts,
			const struct pickle_listed *listed, uint64_t *at,
			struct error *err)
{
	uint8_t le[COUNT_SIZE];
	struct cursor cursor = cursor_over(le, sizeof(le));
	struct reader window;
	struct storage *storage;
	uint64_t count;

	if (!reader_read(counts, *at, le, sizeof(le), err))
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
	struct reader_ahead ahead = { 0 };
	const struct reader_near near = { bytes, &ahead };
	struct reader counts = reader_near(&near);

	c->storages = arena_array(&c->arena, index->storage_count,
				  sizeof(*c->storages), err);
	if (!c->storages)
		return false;
	for (size_t i = 0; i < index->listed_count; i++)
		if (!open_listed(c, bytes, &counts, &index->listed[i], &at,
				 err)) {
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
static bool ask(const struct stream_head *head, struct stream_keys *keys,
		struct scratch *scratch, struct pickle_index *index,
		struct error *err)
{
	size_t len = head->end - head->object;
	struct error fault = { 0 };

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
	return storages_ask(UNPICKLER_STREAM, head->bytes + head->object, len,
			    scratch, index, err);
}

/* The pickles, and numbers for their keys if that helps to know an answer. */
static bool read_head(struct stream_head *head, struct stream_keys *keys,
		      const struct reader *bytes, uint64_t limit,
		      struct scratch *scratch, struct error *err)
{
	struct stream_head *model = &scratch->stream;

	if (!stream_head_recall(head, keys, model, bytes, limit, err))
		return false;
	if (keys->numbered)
		return true;
	if (!stream_head_read(head, bytes, limit, err))
		return false;
	if (scratch->state_dict_path)
		return true;
	return stream_head_number(head, keys, err) &&
	       (!keys->numbered || stream_head_keep(model, head, keys, err));
}

bool load_torch_stream(struct checkpoint *c, const struct reader *bytes,
		       struct scratch *scratch, struct error *err)
{
	struct pickle_index index = { 0 };
	struct stream_keys keys = { 0 };
	struct stream_head head = { 0 };
	bool ok = false;

	if (!c->era)
		c->era = "torch stream";
	if (!read_head(&head, &keys, bytes, c->pickle_limit, scratch, err))
		goto done;
	if (!ask(&head, &keys, scratch, &index, err) ||
	    !storages_look(c, &index, err)) {
		error_in(err, NULL, "object");
		goto done;
	}
	ok = c->skip || (open_storages(c, bytes, &index, head.end, err) &&
			 storages_take_index(c, &index, err));
done:
	stream_head_free(&head);
	pickle_index_free(&index);
	stream_keys_free(&keys);
	return ok;
}
