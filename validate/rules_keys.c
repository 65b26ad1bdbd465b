/* rules_keys.c - what the keys of the weights say, and the spec of them */
#include "validate/rules_subject.h"

#include <inttypes.h>

#include "base/text.h"
#include "formats/action_space.h"
#include "formats/architecture_weights.h"
#include "formats/keys.h"

enum { KEY_TEXT = 160 };

static void escape(char text[KEY_TEXT], const struct tensor *t)
{
	text_escape(text, KEY_TEXT, t->key, t->key_len);
}

bool rule_keys_prefix(struct subject *s, struct error *err)
{
	const struct state_dict *sd = weights_tensors(&s->weights);
	struct keys_prefixes found;
	char key[KEY_TEXT];

	keys_look(&found, sd);
	if (found.wrapped > 0) {
		escape(key, found.a_wrapped);
		error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			  "%zu of %zu keys carry a wrapper's name (_orig_mod "
			  "and the like), as \"%s\": the loader will not find "
			  "them", found.wrapped, sd->count, key);
	} else if (found.module > 0 && !found.no_module) {
		escape(key, found.a_module);
		error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			  "all %zu keys carry a wrapper's name (module.), as "
			  "\"%s\": the loader will not find them", sd->count,
			  key);
	}
	return err->kind == ERROR_NONE || error_in(err, NULL, s->data_path);
}

bool rule_keys_mixed(struct subject *s, struct error *err)
{
	const struct state_dict *sd = weights_tensors(&s->weights);
	struct keys_prefixes found;
	char with[KEY_TEXT], without[KEY_TEXT];

	keys_look(&found, sd);
	if (found.module > 0 && found.no_module) {
		escape(with, found.a_module);
		escape(without, found.no_module);
		error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			  "%zu of %zu keys begin with \"module.\", as \"%s\", "
			  "the others do not, as \"%s\"", found.module,
			  sd->count, with, without);
	} else if (found.network > 0 && found.sequential > 0) {
		escape(with, found.a_network);
		escape(without, found.a_sequential);
		error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			  "keys under an old name, as \"%s\", and under its "
			  "new one, as \"%s\"", with, without);
	}
	return err->kind == ERROR_NONE || error_in(err, NULL, s->data_path);
}

static void fault_pattern(const struct architecture_contradiction *c,
			  struct error *err)
{
	int len = c->pattern->value_len < 80 ? (int)c->pattern->value_len : 80;

	if (c->letter)
		error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			  "core_resnet_pattern is %.*s, the keys are those of "
			  "'%c'", len, c->pattern->value, c->letter);
	else
		error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			  "core_resnet_pattern is %.*s, the keys have cells of "
			  "both kinds, A and L", len, c->pattern->value);
}

bool rule_keys_architecture(struct subject *s, struct error *err)
{
	struct architecture_contradiction c;
	struct error layers = { 0 };

	if (!s->architecture.text || !s->data_path)
		return true;
	architecture_hold_to(&c, &s->architecture,
			     weights_tensors(&s->weights));
	if (c.layers) {
		error_set(&layers, ERROR_CORRUPT, ERROR_NO_OFFSET,
			  "core_resnet_layers is %" PRIu64 ", the keys are "
			  "those of %" PRIu64 " layers", c.layers_said,
			  c.layers_there);
		error_in(&layers, NULL, BUNDLE_SPEC);
		subject_add(s, s->rule->severity, &layers);
	}
	if (c.pattern)
		fault_pattern(&c, err);
	return !c.pattern || error_in(err, NULL, BUNDLE_SPEC);
}

bool rule_keys_actions(struct subject *s, struct error *err)
{
	unsigned expected = s->options->expect_actions;
	struct action_space found;
	char key[KEY_TEXT];

	if (expected == 0)
		return true;
	action_space_find(&found, weights_tensors(&s->weights));
	if (found.heads == 0) {
		error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			  "no key is that of an actor head, so it is not known "
			  "whether it has %u actions", expected);
	} else if (found.actions != expected) {
		escape(key, found.head);
		error_set(err, ERROR_DIFFERENT, ERROR_NO_OFFSET,
			  "the actor head has %" PRIu64 " actions, not %u: "
			  "\"%s\"%s", found.actions, expected, key,
			  found.heads > 1 ? " and those after it" : "");
	}
	return err->kind == ERROR_NONE || error_in(err, NULL, s->data_path);
}
