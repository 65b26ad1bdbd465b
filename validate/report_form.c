/* report_form.c - the forms a report can have */
#include "validate/report_form.h"

#include <string.h>

static const struct report_form *const forms[] = {
	&report_human, &report_json, &report_jsonl, &report_junit,
	&report_sarif, &report_github, &report_markdown, &report_html,
};

bool report_is_listed(const struct report_output *o,
		      const struct result *result)
{
	switch (result->verdict) {
	case VERDICT_BAD:
		return true;
	case VERDICT_OK:
		return o->verbose ||
		       (!o->quiet &&
			report_count(result, SEVERITY_WARNING) > 0);
	case VERDICT_SKIPPED:
		return o->verbose;
	case VERDICT_NONE:
		break;
	}
	return false;
}

const struct report_form *report_form_at(size_t index)
{
	return index < sizeof(forms) / sizeof(forms[0]) ? forms[index] : NULL;
}

const struct report_form *report_form_of(const char *value, const char **file)
{
	size_t len = strcspn(value, "=");
	const struct report_form *form;

	if (value[len] != '=' || value[len + 1] == '\0')
		return NULL;
	*file = value + len + 1;
	for (size_t i = 0; (form = report_form_at(i)) != NULL; i++)
		if (strlen(form->name) == len &&
		    memcmp(form->name, value, len) == 0)
			break;
	return form;
}
