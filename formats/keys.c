/* keys.c - wrapper prefixes */
#include "formats/keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const char *const wrappers[] = {
	"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module",
};

static const char module_prefix[] = "module.";
enum { MODULE_LEN = sizeof(module_prefix) - 1 };

/* A key before and after, so that a collision can name both. */
struct renamed {
	const char *before, *after;
	size_t before_len, after_len;
};

static bool is_wrapper(const char *component, size_t len)
{
	if (len == 0 || component[0] != '_')
		return false;	/* as is nearly every component */
	for (size_t i = 0; i < sizeof(wrappers) / sizeof(wrappers[0]); i++)
		if (strlen(wrappers[i]) == len &&
		    memcmp(wrappers[i], component, len) == 0)
			return true;
	return false;
}

/* Write the key without its wrapper components to out; returns the length. */
static size_t drop_wrappers(char *out, const char *key, size_t len)
{
	size_t used = 0, start = 0;
	bool first = true;

	for (size_t i = 0; i <= len; i++) {
		if (i < len && key[i] != '.')
			continue;
		if (!is_wrapper(key + start, i - start)) {
			if (!first)
				out[used++] = '.';
			memcpy(out + used, key + start, i - start);
			used += i - start;
			first = false;
		}
		start = i + 1;
	}
	return first ? 0 : used;
}

size_t keys_strip(char *out, const char *key, size_t len)
{
	size_t used = drop_wrappers(out, key, len), front = 0;

	if (used == 0) {
		memcpy(out, key, len);
		used = len;
	}
	while (used - front > MODULE_LEN &&
	       memcmp(out + front, module_prefix, MODULE_LEN) == 0)
		front += MODULE_LEN;
	memmove(out, out + front, used - front);
	return used - front;
}

static bool starts_with(const struct tensor *t, const char *prefix)
{
	size_t len = strlen(prefix);

	return t->key_len >= len && memcmp(t->key, prefix, len) == 0;
}

static bool is_wrapped(const struct tensor *t)
{
	size_t start = 0;

	for (size_t i = 0; i <= t->key_len; i++) {
		if (i < t->key_len && t->key[i] != '.')
			continue;
		if (is_wrapper(t->key + start, i - start))
			return true;
		start = i + 1;
	}
	return false;
}

static void count_key(size_t *count, const struct tensor **first,
		      const struct tensor *t)
{
	if ((*count)++ == 0)
		*first = t;
}

void keys_look(struct keys_prefixes *found, const struct state_dict *sd)
{
	*found = (struct keys_prefixes){ 0 };
	for (size_t i = 0; i < sd->count; i++) {
		const struct tensor *t = &sd->tensors[i];

		if (starts_with(t, module_prefix))
			count_key(&found->module, &found->a_module, t);
		else if (!found->no_module)
			found->no_module = t;
		if (is_wrapped(t))
			count_key(&found->wrapped, &found->a_wrapped, t);
		if (starts_with(t, "network."))
			count_key(&found->network, &found->a_network, t);
		if (starts_with(t, "_sequential_network."))
			count_key(&found->sequential, &found->a_sequential, t);
	}
}

static bool drop_all_wrappers(struct state_dict *sd,
			      struct keys_report *report, struct error *err)
{
	for (size_t i = 0; i < sd->count; i++) {
		struct tensor *t = &sd->tensors[i];
		char *copy;
		size_t len;

		if (!memchr(t->key, '_', t->key_len))
			continue;	/* every wrapper's name has one */
		copy = arena_copy(&sd->arena, t->key, t->key_len, err);
		if (!copy)
			return false;
		len = drop_wrappers(copy, t->key, t->key_len);
		if (len == 0 || len == t->key_len)
			continue;
		copy[len] = '\0';
		t->key = copy;
		t->key_len = len;
		report->wrapper = true;
	}
	return true;
}

static bool all_have_module(const struct state_dict *sd)
{
	for (size_t i = 0; i < sd->count; i++)
		if (!starts_with(&sd->tensors[i], module_prefix))
			return false;
	return sd->count > 0;
}

static void drop_module(struct state_dict *sd, struct keys_report *report)
{
	while (all_have_module(sd)) {
		for (size_t i = 0; i < sd->count; i++) {
			sd->tensors[i].key += MODULE_LEN;
			sd->tensors[i].key_len -= MODULE_LEN;
		}
		report->module++;
	}
}

static int by_after(const void *a, const void *b)
{
	const struct renamed *x = a, *y = b;
	size_t shorter = x->after_len < y->after_len ? x->after_len
						     : y->after_len;
	int order = memcmp(x->after, y->after, shorter);

	if (order != 0)
		return order;
	return x->after_len < y->after_len ? -1 : x->after_len > y->after_len;
}

static bool collision(const struct renamed *a, const struct renamed *b,
		      struct error *err)
{
	char first[150], second[150], both[150];

	text_escape(first, sizeof(first), a->before, a->before_len);
	text_escape(second, sizeof(second), b->before, b->before_len);
	text_escape(both, sizeof(both), a->after, a->after_len);
	return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			 "keys \"%s\" and \"%s\" would both become \"%s\"; "
			 "--keep-prefix leaves them as they are", first,
			 second, both);
}

bool keys_normalise(struct state_dict *sd, struct keys_report *report,
		    struct error *err)
{
	struct renamed *names = memory_array(sd->count, sizeof(*names), err);
	bool ok = false;

	*report = (struct keys_report){ 0 };
	if (!names)
		return false;
	for (size_t i = 0; i < sd->count; i++) {
		names[i].before = sd->tensors[i].key;
		names[i].before_len = sd->tensors[i].key_len;
	}
	if (!drop_all_wrappers(sd, report, err))
		goto done;
	drop_module(sd, report);
	for (size_t i = 0; i < sd->count; i++) {
		names[i].after = sd->tensors[i].key;
		names[i].after_len = sd->tensors[i].key_len;
		report->changed += names[i].after != names[i].before;
	}
	if (report->changed > 0) {
		qsort(names, sd->count, sizeof(*names), by_after);
		for (size_t i = 1; i < sd->count; i++)
			if (by_after(&names[i - 1], &names[i]) == 0) {
				collision(&names[i - 1], &names[i], err);
				goto done;
			}
	}
	ok = true;
done:
	free(names);
	return ok;
}
