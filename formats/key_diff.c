/* key_diff.c - two sorted lists of keys, side by side */
#include "formats/key_diff.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "formats/action_space.h"
#include "formats/key_similar.h"

enum { KEY_TEXT = 120, SHAPE_TEXT = 60 };

/* ---- find ---- */

static bool same_shape(const struct tensor *a, const struct tensor *b)
{
	return a->rank == b->rank &&
	       (a->rank == 0 || memcmp(a->shape, b->shape,
				       a->rank * sizeof(*a->shape)) == 0);
}

static bool multiply(const struct tensor *t, uint64_t *product)
{
	*product = 1;
	for (size_t i = 0; i < t->rank; i++)
		if (__builtin_mul_overflow(*product, t->shape[i], product))
			return false;
	return true;
}

/* Does b have the sizes of a from last to first, or any two exchanged? */
static bool is_transposed(const struct tensor *a, const struct tensor *b)
{
	size_t moved = 0, first = 0, last = 0;
	bool reversed = true;

	if (a->rank != b->rank)
		return false;
	for (size_t i = 0; i < a->rank; i++) {
		reversed &= a->shape[i] == b->shape[b->rank - 1 - i];
		if (a->shape[i] == b->shape[i])
			continue;
		if (moved++ == 0)
			first = i;
		last = i;
	}
	return reversed || (moved == 2 && a->shape[first] == b->shape[last] &&
			    a->shape[last] == b->shape[first]);
}

/* All sizes but the first are the same. */
static bool is_other_count(const struct tensor *a, const struct tensor *b)
{
	return a->rank == b->rank && a->rank > 0 &&
	       (a->rank == 1 || memcmp(a->shape + 1, b->shape + 1,
				       (a->rank - 1) * sizeof(*a->shape)) == 0);
}

static enum key_cause cause_of_shape(const struct tensor *ours,
				     const struct tensor *theirs)
{
	uint64_t n, m;

	if (theirs->rank == 0 && ours->rank == 1 && ours->shape[0] == 1)
		return KEY_CAUSE_SCALAR;
	if (action_space_is_head(ours) && is_other_count(ours, theirs))
		return KEY_CAUSE_ACTIONS;
	if (is_transposed(ours, theirs))
		return KEY_CAUSE_TRANSPOSED;
	if (multiply(ours, &n) && multiply(theirs, &m) && n == m)
		return KEY_CAUSE_RESHAPED;
	return KEY_CAUSE_NONE;
}

static bool add(struct key_diff *diff, struct key_difference difference,
		struct error *err)
{
	void *grown = diff->items;

	if (!memory_grow(&grown, &diff->capacity, diff->count + 1,
			 sizeof(difference), err))
		return false;
	diff->items = grown;
	diff->items[diff->count++] = difference;
	return true;
}

/* A key that both have. */
static bool compare(struct key_diff *diff, const struct tensor *ours,
		    const struct tensor *theirs, struct error *err)
{
	if (!same_shape(ours, theirs) &&
	    !add(diff, (struct key_difference){ KEY_SHAPE,
		 cause_of_shape(ours, theirs), ours, theirs }, err))
		return false;
	return ours->dtype == theirs->dtype ||
	       add(diff, (struct key_difference){ KEY_DTYPE, KEY_CAUSE_NONE,
		   ours, theirs }, err);
}

/* Walk through both lists at once. */
static bool walk(struct key_diff *diff, const struct tensor **ours, size_t n,
		 const struct tensor **theirs, size_t m, struct error *err)
{
	size_t i = 0, j = 0;
	bool ok = true;

	while (ok && (i < n || j < m)) {
		int order = i == n ? 1 : j == m ? -1 :
			    tensor_compare_keys(ours[i], theirs[j]);

		if (order == 0)
			ok = compare(diff, ours[i++], theirs[j++], err);
		else if (order < 0)
			ok = add(diff, (struct key_difference){
				 KEY_UNEXPECTED, KEY_CAUSE_NONE, ours[i++],
				 NULL }, err);
		else
			ok = add(diff, (struct key_difference){
				 KEY_MISSING, KEY_CAUSE_NONE, NULL,
				 theirs[j++] }, err);
	}
	return ok;
}

/* The tensors that stand alone on one side. */
static const struct tensor **collect(const struct key_diff *diff,
				     enum key_difference_kind kind,
				     size_t *count, struct error *err)
{
	const struct tensor **list = memory_array(diff->count, sizeof(*list),
						  err);

	*count = 0;
	for (size_t i = 0; list && i < diff->count; i++)
		if (diff->items[i].kind == kind)
			list[(*count)++] = kind == KEY_MISSING ?
					   diff->items[i].theirs :
					   diff->items[i].ours;
	return list;
}

static bool index_alone(struct key_index *index, const struct key_diff *diff,
			enum key_difference_kind kind, struct error *err)
{
	size_t count;
	const struct tensor **list = collect(diff, kind, &count, err);
	bool ok = list && key_index_make(index, list, count, err);

	free(list);
	return ok;
}

/* Each key that stands alone is looked for among those of the other side. */
static bool find_partners(struct key_diff *diff, struct error *err)
{
	struct key_index missing = { 0 }, unexpected = { 0 };
	bool ok = index_alone(&missing, diff, KEY_MISSING, err) &&
		  index_alone(&unexpected, diff, KEY_UNEXPECTED, err);

	for (size_t i = 0; ok && i < diff->count; i++) {
		struct key_difference *d = &diff->items[i];

		if (d->kind == KEY_MISSING)
			ok = key_index_find(&unexpected, d->theirs, &d->ours,
					    &d->cause, err);
		else if (d->kind == KEY_UNEXPECTED)
			ok = key_index_find(&missing, d->ours, &d->theirs,
					    &d->cause, err);
	}
	key_index_free(&missing);
	key_index_free(&unexpected);
	return ok;
}

bool key_diff_find(struct key_diff *diff, const struct state_dict *ours,
		   const struct state_dict *theirs, struct error *err)
{
	const struct tensor **a = state_dict_by_key(ours, err);
	const struct tensor **b = state_dict_by_key(theirs, err);
	bool ok;

	*diff = (struct key_diff){ 0 };
	ok = a && b && walk(diff, a, ours->count, b, theirs->count, err) &&
	     find_partners(diff, err);
	free(a);
	free(b);
	if (!ok)
		key_diff_free(diff);
	return ok;
}

void key_diff_free(struct key_diff *diff)
{
	free(diff->items);
	*diff = (struct key_diff){ 0 };
}

/* ---- print ---- */

/* "F32 [3,5]"; of many sizes the first. */
static void print_shape(char text[SHAPE_TEXT], const struct tensor *t)
{
	size_t len = (size_t)snprintf(text, SHAPE_TEXT, "%s [",
				      dtype_info(t->dtype)->name ?
				      dtype_info(t->dtype)->name : "?");

	for (size_t i = 0; i < t->rank; i++) {
		if (len + 25 >= SHAPE_TEXT) {
			len += (size_t)snprintf(text + len, SHAPE_TEXT - len,
						",...");
			break;
		}
		len += (size_t)snprintf(text + len, SHAPE_TEXT - len,
					"%s%" PRIu64, i ? "," : "",
					t->shape[i]);
	}
	snprintf(text + len, SHAPE_TEXT - len, "]");
}

/* What is said of a key that stands alone, and of the one that is like it. */
static void print_near(char *text, size_t size, const struct tensor *near,
		       enum key_cause cause)
{
	char key[KEY_TEXT], shape[SHAPE_TEXT];

	if (!near) {
		snprintf(text, size, "no key without a partner is like it");
		return;
	}
	text_escape(key, sizeof(key), near->key, near->key_len);
	print_shape(shape, near);
	if (cause == KEY_CAUSE_WRAPPER)
		snprintf(text, size, "\"%s\" is the same but for the names of "
			 "wrappers", key);
	else if (cause == KEY_CAUSE_PREFIX)
		snprintf(text, size, "\"%s\" is the same but for a prefix",
			 key);
	else if (cause == KEY_CAUSE_RENAMED)
		snprintf(text, size, "perhaps \"%s\" is it, renamed", key);
	else
		snprintf(text, size, "the nearest is \"%s\", %s", key, shape);
}

static void print_alone(char *text, size_t size, const char *what,
			const struct tensor *t, const struct tensor *near,
			enum key_cause cause)
{
	char key[KEY_TEXT], shape[SHAPE_TEXT];
	int len;

	text_escape(key, sizeof(key), t->key, t->key_len);
	print_shape(shape, t);
	len = snprintf(text, size, "%s key \"%s\", %s; ", what, key, shape);
	print_near(text + len, size - (size_t)len, near, cause);
}

static void print_why(char *text, size_t size, const struct key_difference *d)
{
	text[0] = '\0';
	if (d->cause == KEY_CAUSE_ACTIONS)
		snprintf(text, size, ": an actor head of %" PRIu64
			 " actions, not %" PRIu64, d->ours->shape[0],
			 d->theirs->shape[0]);
	else if (d->cause == KEY_CAUSE_TRANSPOSED)
		snprintf(text, size, ": transposed");
	else if (d->cause == KEY_CAUSE_RESHAPED)
		snprintf(text, size, ": as many elements, laid out otherwise");
	else if (d->kind == KEY_DTYPE || d->cause == KEY_CAUSE_SCALAR)
		snprintf(text, size, ": a loader converts it");
}

void key_diff_print(char text[KEY_DIFF_TEXT], const struct key_difference *d)
{
	char key[KEY_TEXT], shape[SHAPE_TEXT], other[SHAPE_TEXT], why[96];

	if (d->kind == KEY_MISSING) {
		print_alone(text, KEY_DIFF_TEXT, "missing", d->theirs, d->ours,
			    d->cause);
		return;
	}
	if (d->kind == KEY_UNEXPECTED) {
		print_alone(text, KEY_DIFF_TEXT, "unexpected", d->ours,
			    d->theirs, d->cause);
		return;
	}
	text_escape(key, sizeof(key), d->ours->key, d->ours->key_len);
	print_shape(shape, d->ours);
	print_shape(other, d->theirs);
	print_why(why, sizeof(why), d);
	snprintf(text, KEY_DIFF_TEXT, "key \"%s\" is %s, and %s in the "
		 "reference%s", key, shape, other, why);
}
