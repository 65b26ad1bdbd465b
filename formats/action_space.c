/* action_space.c - find the actor head */
#include "formats/action_space.h"

#include <string.h>

/* Components that name a head; where an earlier one is, later are not. */
static const char *const names[] = {
	"actor_head", "actor", "action_head", "_action_head", "policy_head",
};

enum { NAMES = sizeof(names) / sizeof(names[0]), NO_NUMBER = -1, NUMBERS = 64 };

/* Where the component that starts at 'at' ends: at a dot, or at len. */
static size_t component_end(const struct tensor *t, size_t at)
{
	while (at < t->key_len && t->key[at] != '.')
		at++;
	return at;
}

static bool is_component(const struct tensor *t, size_t at, size_t end,
			 const char *word)
{
	return end - at == strlen(word) &&
	       memcmp(t->key + at, word, end - at) == 0;
}

/* The component as a number below NUMBERS, or NO_NUMBER. */
static int number_of(const struct tensor *t, size_t at, size_t end)
{
	int n = 0;

	if (at >= end || end - at > 2)
		return NO_NUMBER;
	for (; at < end; at++) {
		if (t->key[at] < '0' || t->key[at] > '9')
			return NO_NUMBER;
		n = n * 10 + (t->key[at] - '0');
	}
	return n < NUMBERS ? n : NO_NUMBER;
}

/* Has the key this name as a component?  *number is the one behind it. */
static bool has_name(const struct tensor *t, const char *name, int *number)
{
	for (size_t at = 0, end; at < t->key_len; at = end + 1) {
		end = component_end(t, at);
		if (is_component(t, at, end, name)) {
			*number = end < t->key_len ?
				  number_of(t, end + 1,
					    component_end(t, end + 1)) :
				  NO_NUMBER;
			return end < t->key_len;
		}
	}
	return false;
}

static bool ends_in(const struct tensor *t, const char *word)
{
	size_t len = strlen(word);

	return t->key_len > len && t->key[t->key_len - len - 1] == '.' &&
	       memcmp(t->key + t->key_len - len, word, len) == 0;
}

static bool is_head_weight(const struct tensor *t, const char *name,
			   int *number)
{
	return t->rank == 2 && ends_in(t, "weight") &&
	       has_name(t, name, number);
}

/* The weights of one name. */
struct weights {
	size_t count;
	uint64_t numbers;	/* a bit for each number that one has */
	bool unclear;		/* two of one number have different sizes */
	bool same_input;
	uint64_t product;
	const struct tensor *first, *last;	/* by number */
	int last_number;
};

/* A second tensor of a number is the first again, under another name. */
static void take(struct weights *w, const struct tensor *t, int number)
{
	uint64_t bit = number == NO_NUMBER ? 0 : UINT64_C(1) << number;

	if (w->count == 0) {
		*w = (struct weights){ 1, bit, false, true, t->shape[0], t, t,
				       number };
		return;
	}
	if ((bit & w->numbers) != 0 || (bit == 0 && w->numbers == 0)) {
		if (number == w->last_number &&
		    t->shape[0] != w->last->shape[0])
			w->unclear = true;
		return;
	}
	w->same_input = w->same_input && t->shape[1] == w->first->shape[1];
	if (__builtin_mul_overflow(w->product, t->shape[0], &w->product))
		w->unclear = true;
	w->count++;
	w->numbers |= bit;
	if (number > w->last_number) {
		w->last = t;
		w->last_number = number;
	}
}

void action_space_find(struct action_space *found,
		       const struct state_dict *sd)
{
	struct weights w = { 0 };
	bool separate;
	int number;

	*found = (struct action_space){ 0 };
	for (size_t n = 0; n < NAMES && w.count == 0; n++)
		for (size_t i = 0; i < sd->count; i++)
			if (is_head_weight(&sd->tensors[i], names[n], &number))
				take(&w, &sd->tensors[i], number);
	if (w.count == 0 || w.unclear)
		return;
	/* Layers have something between them, and so numbers left out. */
	separate = w.count > 1 && w.same_input && w.count < NUMBERS &&
		   w.numbers == (UINT64_C(1) << w.count) - 1;
	found->heads = separate ? w.count : 1;
	found->actions = separate ? w.product : w.last->shape[0];
	found->head = separate ? w.first : w.last;
}

bool action_space_is_head(const struct tensor *t)
{
	int number;

	if (!ends_in(t, "weight") && !ends_in(t, "bias"))
		return false;
	for (size_t n = 0; n < NAMES; n++)
		if (has_name(t, names[n], &number))
			return true;
	return false;
}
