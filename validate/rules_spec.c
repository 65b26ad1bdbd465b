/* rules_spec.c - policy_spec.json and what it names */
#include "validate/rules_subject.h"

#include <stdlib.h>
#include <string.h>

bool rule_spec(struct subject *s, struct error *err)
{
	char *text;
	size_t len = 0;
	bool ok;

	s->judged[0] = BUNDLE_SPEC;
	if (!open_read_spec(&s->container, &text, &len, err))
		return false;
	ok = policy_spec_parse(&s->spec, text, len, err);
	s->nbytes += len;
	free(text);
	return ok || error_in(err, NULL, BUNDLE_SPEC);
}

bool rule_spec_class(struct subject *s, struct error *err)
{
	if (s->candidate->doubtful &&
	    strcmp(s->spec.class_path, POLICY_SPEC_POINTER_CLASS) == 0)
		s->something_else = "a pointer to a legacy checkpoint";
	return bundle_check_class(&s->spec, err) ||
	       error_in(err, NULL, BUNDLE_SPEC);
}

/* The loader knows some classes by a short name, which may change. */
bool rule_spec_short_class(struct subject *s, struct error *err)
{
	if (strchr(s->spec.class_path, '.'))
		return true;
	error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
		  "class_path \"%.200s\" is no dotted name: only where it is "
		  "registered can it be loaded", s->spec.class_path);
	return error_in(err, NULL, BUNDLE_SPEC);
}

bool rule_spec_data_path(struct subject *s, struct error *err)
{
	if (!bundle_check_data_path(&s->spec, err))
		return error_in(err, NULL, BUNDLE_SPEC);
	return !s->spec.data_path ||
	       bundle_clean_path(&s->data_path, s->spec.data_path,
				 "data_path", err);
}

bool rule_spec_setup_script(struct subject *s, struct error *err)
{
	const char *script = s->spec.setup_script;

	if (!bundle_check_setup_script(&s->spec, err))
		return error_in(err, NULL, BUNDLE_SPEC);
	if (!script || script[0] == '\0')
		return true;
	return bundle_clean_path(&s->setup_script, script, "setup_script",
				 err) &&
	       open_check_member(&s->container, s->setup_script, err);
}

bool rule_spec_architecture(struct subject *s, struct error *err)
{
	return bundle_read_architecture(&s->architecture, &s->spec, err) ||
	       error_in(err, NULL, BUNDLE_SPEC);
}

bool rule_spec_unknown(struct subject *s, struct error *err)
{
	if (s->spec.unknown_count == 0)
		return true;
	error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
		  "%zu fields that the loader ignores, among them \"%.80s\"",
		  s->spec.unknown_count, s->spec.unknown);
	return error_in(err, NULL, BUNDLE_SPEC);
}
