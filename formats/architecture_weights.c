/* architecture_weights.c - core_resnet_pattern and core_resnet_layers */
#include "formats/architecture_weights.h"

#include <string.h>

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
static void judge_pattern(struct architecture_contradiction *found,
			  const struct architecture_keyword *k,
			  const struct core *core)
{
	const char *letters;
	bool says_lstm, says_axon;
	size_t len;

	if (!pattern_letters(k, &letters, &len) || (!core->lstm && !core->axon))
		return;
	says_lstm = memchr(letters, 'L', len);
	says_axon = memchr(letters, 'A', len);
	if (says_lstm == core->lstm && says_axon == core->axon)
		return;
	found->pattern = k;
	if (!core->lstm || !core->axon)
		found->letter = core->lstm ? 'L' : 'A';
}

static void judge_layers(struct architecture_contradiction *found,
			 const struct architecture_keyword *k,
			 const struct core *core)
{
	uint64_t says;

	if (!core->layers_known || !small_number(k, &says) ||
	    says == core->layers)
		return;
	found->layers = k;
	found->layers_said = says;
	found->layers_there = core->layers;
}

void architecture_hold_to(struct architecture_contradiction *found,
			  const struct architecture *a,
			  const struct state_dict *weights)
{
	const struct architecture_keyword *pattern, *layers;
	struct core core;

	*found = (struct architecture_contradiction){ 0 };
	pattern = architecture_find(a, "core_resnet_pattern");
	layers = architecture_find(a, "core_resnet_layers");
	if (!pattern || !layers || has_components(a))
		return;
	core = look_at_keys(weights);
	judge_pattern(found, pattern, &core);
	judge_layers(found, layers, &core);
}
