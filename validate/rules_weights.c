/* rules_weights.c - the safetensors file, and the values in it */
#include "validate/rules_subject.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * The weights are read once: for their format, to their last byte, and to
 * their CRC.  A wrong CRC explains whatever is wrong with the format.
 */
bool rule_weights(struct subject *s, struct error *err)
{
	struct error format = { 0 };
	struct member m;
	bool ok;

	if (!s->data_path)
		return true;
	if (!open_member(&m, &s->container, s->data_path, err))
		return false;
	if (s->work)
		progress_want(s->work, m.bytes.size);
	ok = weights_read(&s->weights, &m, s->options->statistics,
			  s->headers, &format);
	s->judged[1] = s->data_path;
	s->nbytes += m.bytes.size;
	if (open_member_finish(&m, err) && !ok) {
		if (format.kind == ERROR_UNSAFE)
			s->strict = format;
		else
			*err = format;
	}
	open_member_close(&m);
	return err->kind == ERROR_NONE || error_in(err, NULL, s->data_path);
}

bool rule_weights_strict(struct subject *s, struct error *err)
{
	if (s->strict.kind == ERROR_NONE)
		return true;
	*err = s->strict;
	return error_in(err, NULL, s->data_path);
}

bool rule_weights_none(struct subject *s, struct error *err)
{
	return s->data_path ||
	       error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			 "data_path is null: no weights are loaded");
}

/* ---- values ---- */

/* "3 NaN", "3 NaN, 1 +Inf and 2 -Inf" */
static void print_nonfinite(char *text, size_t size,
			    const struct weights_counts *c)
{
	const struct {
		uint64_t count;
		const char *name;
	} parts[] = {
		{ c->nan, "NaN" },
		{ c->positive_inf, "+Inf" },
		{ c->negative_inf, "-Inf" },
	};
	const char *before = "";
	size_t len = 0;

	for (size_t i = 0; i < 3; i++) {
		if (parts[i].count == 0)
			continue;
		len += (size_t)snprintf(text + len, size - len,
					"%s%" PRIu64 " %s", before,
					parts[i].count, parts[i].name);
		before = ", ";
	}
}

/* A finding for each tensor: which one it is, is what one wants to know. */
bool rule_nonfinite(struct subject *s, struct error *err)
{
	enum severity severity = s->options->allow_nonfinite ?
				 SEVERITY_NOTE : s->rule->severity;
	const struct state_dict *sd = weights_tensors(&s->weights);

	for (size_t i = 0; i < sd->count; i++) {
		const struct weights_counts *c = &s->weights.counts[i];
		struct error found = { 0 };
		char text[80];

		if (c->nan + c->positive_inf + c->negative_inf == 0)
			continue;
		print_nonfinite(text, sizeof(text), c);
		tensor_error(&sd->tensors[i], &found, ERROR_CORRUPT,
			     "%s among %" PRIu64 " values", text, c->nvalues);
		error_in(&found, NULL, s->data_path);
		subject_add(s, severity, &found);
	}
	(void)err;
	return true;
}

static bool holds_odd_bools(const struct weights_counts *c)
{
	return c->odd_bool > 0;
}

/* One value is constant whatever it is. */
static bool is_all_zero(const struct weights_counts *c)
{
	return c->nvalues > 1 && c->zero == c->nvalues;
}

static bool is_constant(const struct weights_counts *c)
{
	return c->nvalues > 1 && c->constant && c->zero < c->nvalues;
}

static bool holds_denormals(const struct weights_counts *c)
{
	return c->denormal > 0;
}

/* One finding for all tensors that are such; what says what they are. */
static bool none_is(struct subject *s,
		    bool (*is)(const struct weights_counts *),
		    const char *what, struct error *err)
{
	const struct state_dict *sd = weights_tensors(&s->weights);
	struct subject_names names = { 0 };

	for (size_t i = 0; i < sd->count; i++)
		if (is(&s->weights.counts[i]))
			subject_names_add(&names, sd->tensors[i].key,
					  sd->tensors[i].key_len);
	if (names.count == 0)
		return true;
	error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET, "%s: %s", what,
		  names.text);
	return error_in(err, NULL, s->data_path);
}

bool rule_bool_bytes(struct subject *s, struct error *err)
{
	return none_is(s, holds_odd_bools, "bytes other than 0 and 1 in BOOL "
		       "tensors", err);
}

bool rule_all_zero(struct subject *s, struct error *err)
{
	return none_is(s, is_all_zero, "tensors of zeros only", err);
}

bool rule_constant(struct subject *s, struct error *err)
{
	return none_is(s, is_constant, "tensors of one value only", err);
}

bool rule_denormal(struct subject *s, struct error *err)
{
	const struct state_dict *sd = weights_tensors(&s->weights);
	uint64_t sum = 0;
	char what[80];

	for (size_t i = 0; i < sd->count; i++)
		sum += s->weights.counts[i].denormal;
	snprintf(what, sizeof(what), "%" PRIu64 " denormal values in tensors",
		 sum);
	return none_is(s, holds_denormals, what, err);
}
