/* repair.c - core_resnet_pattern and core_resnet_layers */
#include "convert/repair.h"

#include <inttypes.h>

#include "formats/architecture.h"
#include "formats/architecture_weights.h"

static bool note_pattern(const struct architecture_contradiction *c,
			 struct notes *notes, struct error *err)
{
	int len = c->pattern ? (int)c->pattern->value_len : 0;

	if (!c->pattern)
		return true;
	if (!c->letter)
		return notes_add(notes, err, "core_resnet_pattern %.*s does "
				 "not name both kinds of cell that the weights "
				 "have; it was left", len, c->pattern->value);
	return notes_add(notes, err, "core_resnet_pattern %.*s contradicts the "
			 "weights; it was made '%c'", len, c->pattern->value,
			 c->letter);
}

static bool note_layers(const struct architecture_contradiction *c,
			struct notes *notes, struct error *err)
{
	return !c->layers ||
	       notes_add(notes, err, "core_resnet_layers %" PRIu64
			 " contradicts the weights; it was made %" PRIu64,
			 c->layers_said, c->layers_there);
}

/* The text with the values of both keywords as they should be. */
static bool rewrite(struct buffer *out, const struct architecture *a,
		    const struct architecture_contradiction *c,
		    struct error *err)
{
	const char *at = a->text, *end = a->text + a->len;

	for (size_t i = 0; i < a->count; i++) {
		const struct architecture_keyword *k = &a->keywords[i];
		bool new_pattern = c->letter && c->pattern &&
				   k == c->pattern;
		bool ok = true;

		if (!new_pattern && (!c->layers || k != c->layers))
			continue;
		if (!buffer_append(out, at, (size_t)(k->value - at), err))
			return false;
		at = k->value + k->value_len;
		if (new_pattern)
			ok = buffer_print(out, err, "'%c'", c->letter);
		else
			ok = buffer_print(out, err, "%" PRIu64,
					  c->layers_there);
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
	struct architecture_contradiction c;
	struct architecture a = { 0 };
	struct buffer out = { 0 };
	bool ok = false;

	if (!architecture_parse(&a, *text, *len, err))
		return false;
	architecture_hold_to(&c, &a, weights);
	if (!note_pattern(&c, notes, err) || !note_layers(&c, notes, err))
		goto done;
	ok = true;
	if (!c.letter && !c.layers)
		goto done;
	ok = rewrite(&out, &a, &c, err);
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
