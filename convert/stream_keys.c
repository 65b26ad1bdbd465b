/* stream_keys.c - find the keys, write numbers over them, and back */
#include "convert/stream_keys.h"

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

/* One place in ZEROS is looked at, for so many in a row reach one of them. */
static bool has_zeros(const void *text, size_t len)
{
	const char *p = text;

	for (size_t at = ZEROS - 1; at < len; at += ZEROS) {
		size_t first = at, end = at;

		while (first > 0 && p[first - 1] == '0')
			first--;
		while (end < len && p[end] == '0')
			end++;
		if (end - first >= ZEROS)
			return true;
	}
	return false;
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

/*
 * Go to the next text in the pickles; false behind the last, and where they are
 * none.  Some texts are not plain: they have quotes or escapes.
 */
static bool next_text(struct cursor *c, struct pickle_operand *text,
		      bool *plain)
{
	struct error ignored = { 0 };

	while (cursor_left(c) > 0) {
		const struct pickle_opcode *op = &pickle_opcodes[cursor_u8(c)];

		if (!pickle_operand_read(text, op, c, 0, &ignored))
			return false;
		*plain = op->layout != LAYOUT_QUOTED_LINE &&
			 op->layout != LAYOUT_LINE;
		if (op->kind == KIND_TEXT)
			return true;
	}
	return false;
}

/* Every text of the list; *fit says whether each can be numbered. */
static bool collect_keys(struct stream_keys *k, const uint8_t *list,
			 size_t len, bool *fit, struct error *err)
{
	struct cursor c = cursor_over(list, len);
	struct pickle_operand text;
	size_t capacity = 0;
	bool plain;

	*fit = false;
	while (next_text(&c, &text, &plain)) {
		void *grown = k->keys;

		if (!plain || !is_address(text.text, text.len) ||
		    k->count == KEYS_LIMIT)
			return true;
		if (!memory_grow(&grown, &capacity, k->count + 1,
				 sizeof(*k->keys), err))
			return false;
		k->keys = grown;
		memcpy(k->keys[k->count].text, text.text, text.len);
		k->keys[k->count++].number = SIZE_MAX;
	}
	*fit = k->count > 0;
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
	size_t len = strlen(key->text);

	memset(number.text, '0', len);
	for (size_t n = key->number; n > 0; n /= 10)
		number.text[--len] = (char)('0' + n % 10);
	return number;
}

static void write_number(struct stream_keys *k, const uint8_t *text,
			 const struct stream_key *key)
{
	struct stream_key number = number_of(key);

	memcpy(k->numbered + (text - k->numbered), number.text,
	       strlen(key->text));
}

/* Returns whether all texts were plain, and each key of the list there. */
static bool number_object(struct stream_keys *k, size_t len,
			  struct stream_key **sorted)
{
	struct cursor c = cursor_over(k->numbered, len);
	struct pickle_operand text;
	size_t used = 0;
	bool plain = true;

	while (next_text(&c, &text, &plain) && plain) {
		struct stream_key *key;

		if (!is_address(text.text, text.len))
			continue;
		key = find(sorted, k->count, text.text, text.len);
		if (!key)
			continue;
		if (key->number == SIZE_MAX) {
			k->by_number[used] = key;
			key->number = used++;
		}
		write_number(k, text.text, key);
	}
	return plain && used == k->count;
}

/* Each place gets the next number of a key of so many digits. */
static void number_list(struct stream_keys *k, size_t list, size_t len)
{
	struct cursor c = cursor_over(k->numbered + list, len);
	struct pickle_operand text;
	size_t next[DIGITS_MOST + 1] = { 0 };
	bool plain;

	for (size_t i = 0; next_text(&c, &text, &plain); i++) {
		size_t *at = &next[text.len];

		while (strlen(k->by_number[*at]->text) != text.len)
			(*at)++;
		k->written[i] = k->by_number[(*at)++];
		write_number(k, text.text, k->written[i]);
	}
}

/* Room for everything, and a copy of the pickles. */
static bool prepare(struct stream_keys *k, const uint8_t *pickles, size_t len,
		    struct error *err)
{
	k->by_number = memory_array(k->count, sizeof(struct stream_key *),
				    err);
	if (k->by_number)
		k->written = memory_array(k->count,
					  sizeof(struct stream_key *), err);
	if (k->written)
		k->listed = memory_array(k->count, sizeof(*k->listed), err);
	if (k->listed)
		k->numbered = memory_array(len, 1, err);
	if (k->numbered)
		memcpy(k->numbered, pickles, len);
	return k->numbered != NULL;
}

bool stream_keys_number(struct stream_keys *k, const uint8_t *pickles,
			size_t len, size_t list, struct error *err)
{
	struct stream_key **sorted = NULL;
	bool ok = false, fit = false;

	*k = (struct stream_keys){ 0 };
	if (has_zeros(pickles, len))
		return true;
	ok = collect_keys(k, pickles + list, len - list, &fit, err);
	if (!ok || !fit)
		goto done;
	sorted = sort_keys(k, err);
	ok = sorted && prepare(k, pickles, len, err);
	fit = ok && number_object(k, list, sorted);
	if (fit)
		number_list(k, list, len - list);
done:
	free(sorted);
	if (!fit)
		stream_keys_free(k);
	return ok;
}

static bool shows_numbers(const struct pickle_index *index)
{
	const struct state_dict *sd = &index->weights;
	const char *architecture = index->architecture;

	for (size_t i = 0; i < sd->count; i++)
		if (has_zeros(sd->tensors[i].key, sd->tensors[i].key_len))
			return true;
	for (size_t i = 0; i < index->note_count; i++)
		if (strchr(index->notes[i], '0'))
			return true;
	for (size_t i = 0; i < index->global_count; i++)
		if (has_zeros(index->globals[i], strlen(index->globals[i])))
			return true;
	return architecture && has_zeros(architecture, strlen(architecture));
}

/* The text may have more behind a NUL. */
static bool is_number_of(const struct stream_key *key, const char *text,
			 size_t len)
{
	return strlen(key->text) == len &&
	       memcmp(number_of(key).text, text, len) == 0;
}

/* The key whose number this is, or NULL. */
static const struct stream_key *key_of(const struct stream_keys *k,
				       const char *text, size_t len)
{
	unsigned long long number = strtoull(text, NULL, 10);
	const struct stream_key *key;

	if (number >= k->count)
		return NULL;
	key = k->by_number[number];
	return is_number_of(key, text, len) ? key : NULL;
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
		const struct stream_key *key = k->written[i];
		struct pickle_listed *place = &k->listed[key - k->keys];

		if (!is_number_of(key, index->listed[i].key,
				  index->listed[i].key_len))
			return false;
		*place = index->listed[i];
		place->key = key->text;
	}
	index->listed = k->listed;
	return true;
}

bool stream_keys_name(const struct stream_keys *k, struct pickle_index *index)
{
	return !shows_numbers(index) &&
	       (index->not_a_policy ||
		(name_storages(k, index) && name_listed(k, index)));
}

void stream_keys_free(struct stream_keys *k)
{
	free(k->numbered);
	free(k->keys);
	free(k->by_number);
	free(k->written);
	free(k->listed);
	*k = (struct stream_keys){ 0 };
}
