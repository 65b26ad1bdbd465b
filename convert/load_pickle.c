/*
 * load_pickle.c - a plain pickle of tensors, made without torch.save
 *
 * Each tensor then brings its storage along as a bytes object (which holds a
 * small torch stream), so the answer brings the storages' bytes too: the one
 * case in which tensors pass through the helper, and are held in memory until
 * they are spilled.
 */
#include "convert/load.h"

#include <inttypes.h>
#include <stdlib.h>

#include "convert/storages.h"
#include "formats/pickle.h"

static bool spill_storages(struct checkpoint *c,
			   const struct pickle_index *index,
			   struct scratch *scratch, struct error *err)
{
	c->storages = arena_array(&c->arena, index->storage_count,
				  sizeof(*c->storages), err);
	if (!c->storages)
		return false;
	for (size_t i = 0; i < index->storage_count; i++) {
		const struct pickle_storage *from = &index->storages[i];
		struct storage *to = &c->storages[i];

		if (!from->bytes && from->nbytes > 0)
			return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
					 "a storage outside the pickle");
		to->name = "storage";
		if (!load_spill_bytes(c, from->bytes, (size_t)from->nbytes,
				      scratch, &to->bytes, err))
			return false;
	}
	return true;
}

bool load_pickle(struct checkpoint *c, const struct reader *bytes,
		 struct scratch *scratch, struct error *err)
{
	struct pickle_index index = { 0 };
	struct pickle_scan scan = { 0 };
	uint8_t *data = NULL;
	bool ok = false;

	if (!c->era)
		c->era = "plain pickle";
	if (bytes->size > c->pickle_limit)
		return error_set(err, ERROR_LIMIT, 0, "a plain pickle of %"
				 PRIu64 " bytes, over the limit of %" PRIu64,
				 bytes->size, c->pickle_limit);
	data = memory_array((size_t)bytes->size, 1, err);
	if (!data || !reader_read(bytes, 0, data, (size_t)bytes->size, err) ||
	    !pickle_scan(&scan, data, (size_t)bytes->size, err) ||
	    !storages_index(c, UNPICKLER_PLAIN, data, (size_t)scan.nbytes,
			    scratch, &index, err))
		goto done;
	if (scan.nbytes < bytes->size &&
	    !notes_add(&c->notes, err, "%zu bytes follow the end of its pickle",
		       (size_t)(bytes->size - scan.nbytes)))
		goto done;
	ok = c->skip || (spill_storages(c, &index, scratch, err) &&
			 storages_take_index(c, &index, err));
done:
	free(data);
	pickle_scan_free(&scan);
	pickle_index_free(&index);
	return ok;
}
