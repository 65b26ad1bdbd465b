/* rules_against.c - keys, shapes and dtypes against those of a reference */
#include "validate/rules_subject.h"

#include "formats/key_diff.h"
#include "validate/reference.h"

static const struct reference *reference_of(const struct subject *s,
					    const struct reference **list)
{
	return list ? list[s->index] : NULL;
}

static const struct reference *against(const struct subject *s)
{
	const struct references *refs = s->options->references;

	return refs ? reference_of(s, refs->against) : NULL;
}

bool rule_against(struct subject *s, struct error *err)
{
	const struct reference *r = against(s);

	if (!r)
		return true;
	if (r->error.kind != ERROR_NONE) {
		*err = r->error;
		return false;
	}
	return key_diff_find(&s->diff, weights_tensors(&s->weights), &r->keys,
			     err);
}

/* A finding for each difference of this kind. */
static bool list(struct subject *s, enum key_difference_kind kind)
{
	for (size_t i = 0; i < s->diff.count; i++) {
		const struct key_difference *d = &s->diff.items[i];
		struct error found = { 0 };
		char text[KEY_DIFF_TEXT];

		if (d->kind != kind)
			continue;
		key_diff_print(text, d);
		error_set(&found, ERROR_DIFFERENT, ERROR_NO_OFFSET, "%s", text);
		error_in(&found, NULL, s->data_path);
		subject_add(s, d->cause == KEY_CAUSE_SCALAR ? SEVERITY_WARNING :
			    s->rule->severity, &found);
	}
	return true;
}

bool rule_against_missing(struct subject *s, struct error *err)
{
	(void)err;
	return list(s, KEY_MISSING);
}

bool rule_against_unexpected(struct subject *s, struct error *err)
{
	(void)err;
	return list(s, KEY_UNEXPECTED);
}

bool rule_against_shape(struct subject *s, struct error *err)
{
	(void)err;
	return list(s, KEY_SHAPE);
}

bool rule_against_dtype(struct subject *s, struct error *err)
{
	(void)err;
	return list(s, KEY_DTYPE);
}

/* How a bundle is the odd one of its run, and where it first is. */
static void fault_odd(const struct key_diff *diff, const struct reference *r,
		      struct error *err)
{
	size_t kinds[4] = { 0 };
	char text[KEY_DIFF_TEXT];

	for (size_t i = 0; i < diff->count; i++)
		kinds[diff->items[i].kind]++;
	key_diff_print(text, &diff->items[0]);
	error_set(err, ERROR_DIFFERENT, ERROR_NO_OFFSET,
		  "differs from %zu of the %zu epochs of its run, as %.80s: "
		  "%zu keys are missing, %zu unexpected, %zu of another shape, "
		  "%zu of another dtype; the first: %.250s", r->agree, r->of,
		  r->name, kinds[KEY_MISSING], kinds[KEY_UNEXPECTED],
		  kinds[KEY_SHAPE], kinds[KEY_DTYPE], text);
}

bool rule_consistent(struct subject *s, struct error *err)
{
	const struct references *refs = s->options->references;
	const struct reference *r = refs ? reference_of(s, refs->run) : NULL;
	struct key_diff diff;

	if (!r)
		return true;
	if (r->error.kind != ERROR_NONE) {
		*err = r->error;
		return false;
	}
	if (!key_diff_find(&diff, weights_tensors(&s->weights), &r->keys, err))
		return false;
	if (diff.count > 0) {
		fault_odd(&diff, r, err);
		error_in(err, NULL, s->data_path);
	}
	key_diff_free(&diff);
	return err->kind == ERROR_NONE;
}
