/* stream_keys.c - find the keys, write numbers over them, and back */
#include "convert/stream_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/memory.h"
#include "formats/pickle_opcodes.h"

enum {
	ZEROS = 8,		/* that a number begins with */
	KEYS_LIMIT = 10000,	/* the rest of the shortest number */
	DIGITS_LEAST = 12,
	DIGITS_MOST = sizeof(struct stream_key) - 1
};

static bool has_zeros(const void *text, size_t len)
{
	const char *p = text;
	size_t run = 0;

	for (size_t i = 0; i < len && run < ZEROS; i++)
		run = p[i] == '0' ? run + 1 : 0;
	return run == ZEROS;
}

static bool is_address(const uint8_t *text, size_t len)
{
	if (len < DIGITS_LEAST || len > DIGITS_MOST)
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] < '0' || text[i] > '9')
			return false;
	return true;
}

/* Go to the next text in the pickles that looks like an address. */
static bool next_address(struct cursor *c, struct pickle_operand *operand)
{
	struct error never = { 0 };	/* the pickles were scanned */

	while (cursor_left(c) > 0) {
		const struct pickle_opcode *op = &pickle_opcodes[cursor_u8(c)];

		if (!pickle_operand_read(operand, op, c, 0, &never))
			return false;
		if (op->kind == KIND_TEXT && operand->len > 0 &&
		    is_address(operand->text, operand->len))
			return true;
	}
	return false;
}

static bool collect_keys(struct stream_keys *k, const uint8_t *list,
			 size_t len, struct error *err)
{
	struct cursor c = cursor_over(list, len);
	struct pickle_operand operand;
	size_t capacity = 0;

	while (k->count <= KEYS_LIMIT && next_address(&c, &operand)) {
		void *grown = k->keys;

		if (!memory_grow(&grown, &capacity, k->count + 1,
				 sizeof(*k->keys), err))
			return false;
		k->keys = grown;
		memcpy(k->keys[k->count].text, operand.text, operand.len);
		k->keys[k->count++].number = SIZE_MAX;
	}
	return true;
}

static int by_text(const void *a, const void *b)
{
	const struct stream_key *const *x = a, *const *y = b;

	return strcmp((*x)->text, (*y)->text);
}

static struct stream_key **sort_keys(const struct stream_keys *k,
				     struct error *err)
{
	struct stream_key **sorted = memory_array(k->count, sizeof(*sorted),
						  err);

	if (!sorted)
		return NULL;
	for (size_t i = 0; i < k->count; i++)
		sorted[i] = &k->keys[i];
	qsort(sorted, k->count, sizeof(struct stream_key *), by_text);
	return sorted;
}

/* The key that the text is, or NULL; of keys that stand twice one of them. */
static struct stream_key *find(struct stream_key **sorted, size_t count,
			       const uint8_t *text, size_t len)
{
	struct stream_key wanted = { 0 }, *key = &wanted, **found;

	memcpy(wanted.text, text, len);
	found = bsearch(&key, sorted, count, sizeof(struct stream_key *),
			by_text);
	return found ? *found : NULL;
}

/* As many digits as the key has, so that nothing else moves. */
static struct stream_key number_of(const struct stream_key *key)
{
	struct stream_key number = { 0 };

	snprintf(number.text, sizeof(number.text), "%0*zu",
		 (int)strlen(key->text), key->number);
	return number;
}

static void write_number(struct stream_keys *k, const uint8_t *text,
			 const struct stream_key *key)
{
	struct stream_key number = number_of(key);

	memcpy(k->numbered + (text - k->numbered), number.text,
	       strlen(key->text));
}

/* Returns whether each key of the list was there. */
static bool number_object(struct stream_keys *k, size_t len,
			  struct stream_key **sorted)
{
	struct cursor c = cursor_over(k->numbered, len);
	struct pickle_operand operand;
	size_t used = 0;

	while (next_address(&c, &operand)) {
		struct stream_key *key = find(sorted, k->count, operand.text,
					      operand.len);

		if (!key)
			continue;
		if (key->number == SIZE_MAX) {
			k->by_number[used] = key;
			key->number = used++;
		}
		write_number(k, operand.text, key);
	}
	return used == k->count;
}

/* Each place gets the next number of a key of so many digits. */
static void number_list(struct stream_keys *k, size_t list, size_t len)
{
	struct cursor c = cursor_over(k->numbered + list, len);
	struct pickle_operand operand;
	size_t next[DIGITS_MOST + 1] = { 0 };

	while (next_address(&c, &operand)) {
		size_t *at = &next[operand.len];

		while (strlen(k->by_number[*at]->text) != operand.len)
			(*at)++;
		write_number(k, operand.text, k->by_number[(*at)++]);
	}
}

bool stream_keys_number(struct stream_keys *k, const uint8_t *pickles,
			size_t len, size_t list, struct error *err)
{
	struct stream_key **sorted = NULL;

	*k = (struct stream_keys){ 0 };
	if (has_zeros(pickles, len))
		return true;
	if (!collect_keys(k, pickles + list, len - list, err))
		goto fail;
	if (k->count == 0 || k->count > KEYS_LIMIT)
		return true;
	sorted = sort_keys(k, err);
	k->by_number = memory_array(k->count, sizeof(struct stream_key *),
				    err);
	k->listed = memory_array(k->count, sizeof(*k->listed), err);
	k->numbered = memory_array(len, 1, err);
	if (!sorted || !k->by_number || !k->listed || !k->numbered)
		goto fail;
	memcpy(k->numbered, pickles, len);
	if (number_object(k, list, sorted)) {
		number_list(k, list, len - list);
	} else {
		free(k->numbered);
		k->numbered = NULL;
	}
	free(sorted);
	return true;
fail:
	free(sorted);
	stream_keys_free(k);
	return false;
}

static bool text_has_zeros(const char *text)
{
	return text && has_zeros(text, strlen(text));
}

static bool any_has_zeros(const char *const *texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (text_has_zeros(texts[i]))
			return true;
	return false;
}

static bool shows_numbers(const struct pickle_index *index)
{
	const struct state_dict *sd = &index->weights;

	for (size_t i = 0; i < sd->count; i++)
		if (has_zeros(sd->tensors[i].key, sd->tensors[i].key_len))
			return true;
	return text_has_zeros(index->architecture) ||
	       any_has_zeros(index->notes, index->note_count) ||
	       any_has_zeros(index->globals, index->global_count);
}

/* The key whose number this is, or NULL. */
static const struct stream_key *key_of(const struct stream_keys *k,
				       const char *text, size_t len)
{
	unsigned long long number = strtoull(text, NULL, 10);
	const struct stream_key *key;

	if (!has_zeros(text, len) || number >= k->count)
		return NULL;
	key = k->by_number[number];
	return strcmp(number_of(key).text, text) == 0 ? key : NULL;
}

/* For streams the helper names no storage that is not in the list. */
static bool name_storages(const struct stream_keys *k,
			  struct pickle_index *index)
{
	for (size_t i = 0; i < index->storage_count; i++) {
		struct pickle_storage *s = &index->storages[i];
		const struct stream_key *key = key_of(k, s->key, s->key_len);

		if (!key)
			return false;
		s->key = key->text;
	}
	return true;
}

static bool name_listed(const struct stream_keys *k,
			struct pickle_index *index)
{
	if (index->listed_count != k->count)
		return false;
	for (size_t i = 0; i < k->count; i++) {
		const struct pickle_listed *l = &index->listed[i];
		const struct stream_key *key = key_of(k, l->key, l->key_len);
		struct pickle_listed *place;

		if (!key)
			return false;
		place = &k->listed[key - k->keys];
		if (place->key)
			return false;
		*place = *l;
		place->key = key->text;
	}
	index->listed = k->listed;
	return true;
}

bool stream_keys_name(const struct stream_keys *k, struct pickle_index *index)
{
	return !shows_numbers(index) && name_storages(k, index) &&
	       name_listed(k, index);
}

void stream_keys_free(struct stream_keys *k)
{
	free(k->numbered);
	free(k->keys);
	free(k->by_number);
	free(k->listed);
	*k = (struct stream_keys){ 0 };
}
