/* unpickle_answer.c - parse what the helper says, as if an enemy had said it */
#include "convert/unpickle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/text.h"

/* The least bytes that one element of each list takes in an answer. */
enum { MIN_TEXT = 4, MIN_STORAGE = 17, MIN_LISTED = 20, MIN_TENSOR = 25 };

struct text {
	const char *data;
	size_t len;
};

static bool nonsense(const struct cursor *c, const char *what,
		     struct error *err)
{
	return error_set(err, ERROR_PYTHON, c->pos,
			 "the unpickler's answer makes no sense: %s", what);
}

static bool read_text(struct cursor *c, struct text *text, struct error *err)
{
	text->len = cursor_u32(c);
	text->data = (const char *)cursor_take(c, text->len);
	if (c->bad)
		return nonsense(c, "it ends inside a text", err);
	if (!text_is_utf8(text->data, text->len))
		return nonsense(c, "a text is not UTF-8", err);
	return true;
}

static bool keep_text(struct cursor *c, struct arena *arena, const char **kept,
		      size_t *len, struct error *err)
{
	struct text text;

	if (!read_text(c, &text, err))
		return false;
	*kept = arena_copy(arena, text.data, text.len, err);
	if (len)
		*len = text.len;
	return *kept != NULL;
}

/* A count of elements that take at least min bytes each. */
static bool read_count(struct cursor *c, size_t min, size_t *count,
		       struct error *err)
{
	*count = cursor_u32(c);
	if (c->bad || *count > cursor_left(c) / min)
		return nonsense(c, "a list is longer than the answer", err);
	return true;
}

/* The bytes of a storage that came along, if they did. */
static bool read_inline(struct cursor *c, struct pickle_storage *storage,
			struct error *err)
{
	uint8_t inside = cursor_u8(c);
	uint64_t len;

	if (inside > 1)
		return nonsense(c, "a storage neither inside nor out", err);
	len = inside ? cursor_u64(c) : 0;
	storage->bytes = cursor_take(c, len);
	if (c->bad)
		return nonsense(c, "it ends inside a storage", err);
	if (!inside) {
		storage->bytes = NULL;
		return true;
	}
	if (len == storage->nbytes)
		return true;
	return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			 "storage \"%.80s\" has %" PRIu64 " bytes, its pickle "
			 "says %" PRIu64, storage->key, len, storage->nbytes);
}

static bool read_storage(struct cursor *c, struct pickle_index *index,
			 struct pickle_storage *storage, enum dtype *dtype,
			 struct error *err)
{
	struct text class;
	uint64_t nelements;
	char name[80];

	if (!keep_text(c, &index->weights.arena, &storage->key,
		       &storage->key_len, err) ||
	    !read_text(c, &class, err))
		return false;
	nelements = cursor_u64(c);
	if (c->bad)
		return nonsense(c, "it ends inside a storage", err);
	if (class.len == 14 && memcmp(class.data, "UntypedStorage", 14) == 0) {
		*dtype = DTYPE_U8;
	} else if (!dtype_by_storage(class.data, class.len, dtype)) {
		text_escape(name, sizeof(name), class.data, class.len);
		return error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
				 "storage \"%.80s\" of unknown class \"%s\"",
				 storage->key, name);
	}
	if (__builtin_mul_overflow(nelements, dtype_info(*dtype)->item,
				   &storage->nbytes))
		return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				 "storage \"%.80s\": %" PRIu64 " elements of "
				 "%u bytes overflow 64 bits", storage->key,
				 nelements, dtype_info(*dtype)->item);
	return read_inline(c, storage, err);
}

static bool read_listed(struct cursor *c, struct pickle_index *index,
			struct pickle_listed *listed, struct error *err)
{
	uint32_t item, storage;

	if (!keep_text(c, &index->weights.arena, &listed->key,
		       &listed->key_len, err))
		return false;
	listed->nelements = cursor_u64(c);
	item = cursor_u32(c);
	storage = cursor_u32(c);
	if (c->bad)
		return nonsense(c, "it ends inside the list of storages", err);
	if (storage != UNPICKLER_NO_STORAGE &&
	    storage >= index->storage_count)
		return nonsense(c, "it lists a storage that is not there",
				err);
	listed->storage = storage == UNPICKLER_NO_STORAGE ? PICKLE_NO_STORAGE
							  : storage;
	if (__builtin_mul_overflow(listed->nelements, item, &listed->nbytes))
		return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				 "storage \"%.80s\": %" PRIu64 " elements of "
				 "%" PRIu32 " bytes overflow 64 bits",
				 listed->key, listed->nelements, item);
	return true;
}

static bool read_list(struct cursor *c, struct pickle_index *index,
		      struct error *err)
{
	size_t count;

	if (!read_count(c, MIN_LISTED, &count, err))
		return false;
	index->listed = arena_array(&index->weights.arena, count,
				    sizeof(*index->listed), err);
	if (!index->listed)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!read_listed(c, index, &index->listed[i], err))
			return false;
	index->listed_count = count;
	return true;
}

static uint64_t *read_numbers(struct cursor *c, struct arena *arena,
			      size_t count, struct error *err)
{
	uint64_t *values = arena_array(arena, count, sizeof(*values), err);

	for (size_t i = 0; values && i < count; i++)
		values[i] = cursor_u64(c);
	return values;
}

static bool read_tensor(struct cursor *c, struct pickle_index *index,
			const enum dtype *storage_dtypes, struct tensor *t,
			struct error *err)
{
	struct arena *arena = &index->weights.arena;
	struct text dtype;
	uint64_t offset;
	uint8_t flags;
	char name[80];

	if (!keep_text(c, arena, &t->key, &t->key_len, err))
		return false;
	t->storage = cursor_u32(c);
	if (c->bad || t->storage >= index->storage_count)
		return nonsense(c, "a tensor in a storage that is not there",
				err);
	if (!read_text(c, &dtype, err))
		return false;
	t->dtype = storage_dtypes[t->storage];
	if (dtype.len > 0 &&
	    !dtype_by_torch(dtype.data, dtype.len, &t->dtype)) {
		text_escape(name, sizeof(name), dtype.data, dtype.len);
		return tensor_error(t, err, ERROR_UNSUPPORTED,
				    "unknown dtype \"%s\"", name);
	}
	offset = cursor_u64(c);
	t->rank = cursor_u32(c);
	if (c->bad || t->rank > cursor_left(c) / 16)
		return nonsense(c, "a tensor of more dimensions than the "
				"answer can hold", err);
	t->shape = read_numbers(c, arena, t->rank, err);
	t->stride = read_numbers(c, arena, t->rank, err);
	if (!t->shape || !t->stride)
		return false;
	flags = cursor_u8(c);
	if (c->bad)
		return nonsense(c, "it ends inside a tensor", err);
	if (flags > (UNPICKLER_CONJ | UNPICKLER_NEG))
		return nonsense(c, "a tensor with unknown flags", err);
	t->conj = flags & UNPICKLER_CONJ;
	t->neg = flags & UNPICKLER_NEG;
	t->packed = t->dtype == DTYPE_F4;
	if (__builtin_mul_overflow(offset, dtype_info(t->dtype)->item,
				   &t->start))
		return tensor_error(t, err, ERROR_CORRUPT,
				    "offset %" PRIu64 " overflows 64 bits",
				    offset);
	return true;
}

static bool read_storages(struct cursor *c, struct pickle_index *index,
			  enum dtype **dtypes, struct error *err)
{
	struct arena *arena = &index->weights.arena;
	size_t count;

	if (!read_count(c, MIN_STORAGE, &count, err))
		return false;
	index->storages = arena_array(arena, count, sizeof(*index->storages),
				      err);
	*dtypes = arena_array(arena, count, sizeof(**dtypes), err);
	if (!index->storages || !*dtypes)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!read_storage(c, index, &index->storages[i], *dtypes + i,
				  err))
			return false;
	index->storage_count = count;
	return true;
}

static bool read_tensors(struct cursor *c, struct pickle_index *index,
			 const enum dtype *storage_dtypes, struct error *err)
{
	size_t count;

	if (!read_count(c, MIN_TENSOR, &count, err))
		return false;
	index->weights.tensors = memory_array(
		count, sizeof(*index->weights.tensors), err);
	if (!index->weights.tensors)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!read_tensor(c, index, storage_dtypes,
				 &index->weights.tensors[i], err))
			return false;
	index->weights.count = count;
	return true;
}

static bool read_texts(struct cursor *c, struct arena *arena,
		       const char ***texts, size_t *count, struct error *err)
{
	if (!read_count(c, MIN_TEXT, count, err))
		return false;
	*texts = arena_array(arena, *count, sizeof(**texts), err);
	if (!*texts)
		return false;
	for (size_t i = 0; i < *count; i++)
		if (!keep_text(c, arena, *texts + i, NULL, err))
			return false;
	return true;
}

/* The helper refused: its reason, and the key or path it is about. */
static bool read_refusal(struct cursor *c, unsigned verdict,
			 struct pickle_index *index, struct error *err)
{
	static const enum error_kind kinds[] = {
		[UNPICKLER_CORRUPT] = ERROR_CORRUPT,
		[UNPICKLER_UNSUPPORTED] = ERROR_UNSUPPORTED,
		[UNPICKLER_NOT_A_POLICY] = ERROR_NONE,
		[UNPICKLER_LIMIT] = ERROR_LIMIT,
		[UNPICKLER_MEMORY] = ERROR_MEMORY,
	};
	struct arena *arena = &index->weights.arena;
	struct text reason, key;
	char why[300], where[200];

	if (verdict >= sizeof(kinds) / sizeof(kinds[0]))
		return nonsense(c, "an unknown verdict", err);
	if (!read_text(c, &reason, err) || !read_text(c, &key, err))
		return false;
	if (cursor_left(c) > 0)
		return nonsense(c, "it goes on behind its end", err);
	if (reason.len == 0)
		return nonsense(c, "a refusal without a reason", err);
	text_escape(why, sizeof(why), reason.data, reason.len);
	text_escape(where, sizeof(where), key.data, key.len);
	if (kinds[verdict] != ERROR_NONE)
		return error_set(err, kinds[verdict], ERROR_NO_OFFSET,
				 "%s%s%s%s", where[0] ? "\"" : "", where,
				 where[0] ? "\": " : "", why);
	index->not_a_policy = true;
	index->notes = arena_array(arena, 1, sizeof(*index->notes), err);
	if (!index->notes)
		return false;
	index->notes[0] = arena_copy(arena, why, strlen(why), err);
	index->note_count = 1;
	return index->notes[0] != NULL;
}

static bool read_index(struct cursor *c, struct pickle_index *index,
		       struct error *err)
{
	struct arena *arena = &index->weights.arena;
	enum dtype *dtypes;
	struct text text;
	uint8_t described;

	if (!read_text(c, &text, err))		/* kind, for people */
		return false;
	described = cursor_u8(c);
	if (described > 1)
		return nonsense(c, "an architecture neither there nor not",
				err);
	if (described &&
	    !keep_text(c, arena, &index->architecture, NULL, err))
		return false;
	if (!read_storages(c, index, &dtypes, err) ||
	    !read_list(c, index, err) ||
	    !read_tensors(c, index, dtypes, err) ||
	    !read_texts(c, arena, &index->notes, &index->note_count, err) ||
	    !read_texts(c, arena, &index->globals, &index->global_count, err))
		return false;
	if (cursor_left(c) > 0)
		return nonsense(c, "it goes on behind its end", err);
	return true;
}

bool pickle_index_parse(struct pickle_index *index, const void *answer,
			size_t len, struct error *err)
{
	struct cursor c = cursor_over(answer, len);
	uint8_t verdict = cursor_u8(&c);
	bool ok;

	*index = (struct pickle_index){ 0 };
	if (c.bad)
		ok = nonsense(&c, "it is empty", err);
	else if (verdict == UNPICKLER_INDEX)
		ok = read_index(&c, index, err);
	else
		ok = read_refusal(&c, verdict, index, err);
	if (!ok)
		pickle_index_free(index);
	return ok;
}

void pickle_index_free(struct pickle_index *index)
{
	state_dict_free(&index->weights);
	free(index->answer);
	*index = (struct pickle_index){ 0 };
}
