/* repair.c - core_resnet_pattern and core_resnet_layers */
#include "convert/repair.h"

#include <inttypes.h>
#include <string.h>

#include "formats/architecture.h"

/* What the keys of a state dict tell about the core. */
struct core {
	bool lstm, axon;	/* cells of the letters L and A */
	bool layers_known;
	uint64_t layers;	/* one more than the highest block */
};

static bool contains(const struct tensor *t, const char *part)
{
	/* A NUL in a key ends the search; no key of such a policy has one. */
	return strstr(t->key, part) != NULL;
}

/* "cortex.func.stack.blocks.<n>." anywhere in the key. */
static bool block_number(const struct tensor *t, uint64_t *number)
{
	static const char mark[] = "cortex.func.stack.blocks.";
	const char *at = t->key;

	while ((at = strstr(at, mark)) != NULL) {
		const char *digit = at + sizeof(mark) - 1;
		uint64_t n = 0;

		at = digit;
		/* Nine digits: no core has more blocks. */
		while (*digit >= '0' && *digit <= '9' && digit - at < 9)
			n = n * 10 + (uint64_t)(*digit++ - '0');
		if (digit > at && *digit == '.') {
			*number = n;
			return true;
		}
	}
	return false;
}

static struct core look_at_keys(const struct state_dict *weights)
{
	struct core core = { 0 };

	for (size_t i = 0; i < weights->count; i++) {
		const struct tensor *t = &weights->tensors[i];
		uint64_t number;

		core.lstm |= contains(t, "cell.net.weight_ih_l0");
		core.axon |= contains(t, "cell.nu_log");
		if (!block_number(t, &number))
			continue;
		core.layers_known = true;
		if (number + 1 > core.layers)
			core.layers = number + 1;
	}
	return core;
}

/* The letters of a plain string literal; false if it is anything else. */
static bool pattern_letters(const struct architecture_keyword *k,
			    const char **letters, size_t *len)
{
	const char *v = k->value;
	size_t n = k->value_len;

	if (n < 2 || (v[0] != '\'' && v[0] != '"') || v[n - 1] != v[0])
		return false;
	*letters = v + 1;
	*len = n - 2;
	for (size_t i = 0; i < *len; i++)
		if ((*letters)[i] < 'A' || (*letters)[i] > 'Z')
			return false;
	return *len > 0;
}

static bool small_number(const struct architecture_keyword *k,
			 uint64_t *number)
{
	*number = 0;
	for (size_t i = 0; i < k->value_len; i++) {
		if (k->value[i] < '0' || k->value[i] > '9' || i >= 9)
			return false;
		*number = *number * 10 + (uint64_t)(k->value[i] - '0');
	}
	return k->value_len > 0;
}

/* Components that are listed say all themselves; no list is an empty one. */
static bool has_components(const struct architecture *a)
{
	const struct architecture_keyword *k = architecture_find(a,
							"components");

	return k && !(k->value_len == 2 && memcmp(k->value, "[]", 2) == 0);
}

/*
 * A pattern may have several letters, each an expert of every layer, so one
 * that names just the cells the keys have is right whatever its order.
 */
static bool judge_pattern(const struct architecture_keyword *k,
			  const struct core *core, char *repaired,
			  struct notes *notes, struct error *err)
{
	const char *letters;
	bool says_lstm, says_axon;
	size_t len;

	*repaired = '\0';
	if (!pattern_letters(k, &letters, &len) || (!core->lstm && !core->axon))
		return true;
	says_lstm = memchr(letters, 'L', len);
	says_axon = memchr(letters, 'A', len);
	if (says_lstm == core->lstm && says_axon == core->axon)
		return true;
	if (core->lstm && core->axon)
		return notes_add(notes, err, "core_resnet_pattern %.*s does "
				 "not name both kinds of cell that the weights "
				 "have; it was left", (int)k->value_len,
				 k->value);
	*repaired = core->lstm ? 'L' : 'A';
	return notes_add(notes, err, "core_resnet_pattern %.*s contradicts the "
			 "weights; it was made '%c'", (int)k->value_len,
			 k->value, *repaired);
}

static bool judge_layers(const struct architecture_keyword *k,
			 const struct core *core, bool *repair,
			 struct notes *notes, struct error *err)
{
	uint64_t says;

	*repair = core->layers_known && small_number(k, &says) &&
		  says != core->layers;
	return !*repair ||
	       notes_add(notes, err, "core_resnet_layers %" PRIu64
			 " contradicts the weights; it was made %" PRIu64,
			 says, core->layers);
}

/*
 * The text with the values of both keywords as they should be: letter 0, or
 * count NULL, leaves one as it is.
 */
static bool rewrite(struct buffer *out, const struct architecture *a,
		    const struct architecture_keyword *pattern, char letter,
		    const struct architecture_keyword *layers,
		    const uint64_t *count, struct error *err)
{
	const char *at = a->text, *end = a->text + a->len;

	for (size_t i = 0; i < a->count; i++) {
		const struct architecture_keyword *k = &a->keywords[i];
		bool new_pattern = letter && k == pattern, ok = true;

		if (!new_pattern && !(count && k == layers))
			continue;
		if (!buffer_append(out, at, (size_t)(k->value - at), err))
			return false;
		at = k->value + k->value_len;
		if (new_pattern)
			ok = buffer_print(out, err, "'%c'", letter);
		else
			ok = buffer_print(out, err, "%" PRIu64, *count);
		if (!ok)
			return false;
	}
	return buffer_append(out, at, (size_t)(end - at), err);
}

bool repair_architecture(const char **text, size_t *len,
			 const struct state_dict *weights,
			 struct arena *arena, struct notes *notes,
			 struct error *err)
{
	const struct architecture_keyword *pattern, *layers;
	struct architecture a = { 0 };
	struct buffer out = { 0 };
	struct core core;
	bool new_layers, ok = false;
	char letter;

	if (!architecture_parse(&a, *text, *len, err))
		return false;
	pattern = architecture_find(&a, "core_resnet_pattern");
	layers = architecture_find(&a, "core_resnet_layers");
	if (!pattern || !layers || has_components(&a)) {
		ok = true;
		goto done;
	}
	core = look_at_keys(weights);
	if (!judge_pattern(pattern, &core, &letter, notes, err) ||
	    !judge_layers(layers, &core, &new_layers, notes, err))
		goto done;
	ok = true;
	if (!letter && !new_layers)
		goto done;
	ok = rewrite(&out, &a, pattern, letter, layers,
		     new_layers ? &core.layers : NULL, err);
	if (!ok)
		goto done;
	*text = arena_copy(arena, out.data, out.len, err);
	*len = out.len;
	ok = *text != NULL;
done:
	buffer_free(&out);
	architecture_free(&a);
	return ok;
}
