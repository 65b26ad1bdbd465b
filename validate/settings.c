/* settings.c - the options of mpt-validate */
#include "validate/settings.h"

#include <string.h>

#include "base/input.h"
#include "validate/report_form.h"

#define FIELD(name) offsetof(struct settings, name)

static const struct option_spec specs[] = {
	{ "jobs", 'j', OPTION_COUNT, FIELD(jobs), 0, 256, "N",
	  "check N bundles at once (default 0: one per processor)" },
	{ "files-from", 0, OPTION_TEXT, FIELD(files_from), 0, 0, "FILE",
	  "read names of bundles and folders from FILE, one a line (- is\n"
	  "standard input)" },
	{ "null", '0', OPTION_FLAG, FIELD(null_separated), 0, 0, NULL,
	  "the names in --files-from end with NUL, not with a newline" },
	{ "format", 0, OPTION_CHOICE, FIELD(format), 0, 0,
	  "human|json|jsonl|junit|sarif|github|markdown|html",
	  "print the verdicts like this (default human)" },
	{ "json", 0, OPTION_FLAG, FIELD(json), 0, 0, NULL,
	  "print one JSON document (--format json)" },
	{ "jsonl", 0, OPTION_FLAG, FIELD(jsonl), 0, 0, NULL,
	  "print one JSON object a line and bundle, as each is done\n"
	  "(--format jsonl)" },
	{ "report", 0, OPTION_LIST, FIELD(reports), 0, 0, "FORMAT=FILE",
	  "also write a report of that format to FILE; may be given again\n"
	  "and again" },
	{ "quiet", 'q', OPTION_FLAG, FIELD(quiet), 0, 0, NULL,
	  "print only what is bad" },
	{ "verbose", 'v', OPTION_FLAG, FIELD(verbose), 0, 0, NULL,
	  "print what is good or was skipped, too, and all notes" },
	{ "color", 0, OPTION_CHOICE, FIELD(color), 0, 0, "auto|always|never",
	  "colour the verdicts (default auto: on a terminal)" },
	{ "progress", 0, OPTION_CHOICE, FIELD(progress), 0, 0,
	  "auto|bar|plain|none",
	  "show progress on standard error (default auto: a bar on a\n"
	  "terminal; else plain, a line each 30 s, unless --quiet)" },
	{ "against", 0, OPTION_TEXT, FIELD(against), 0, 0, "REF",
	  "demand the keys, shapes and dtypes of REF: a bundle, a\n"
	  "safetensors file, a key manifest, or run:vN beside each bundle" },
	{ "consistent", 0, OPTION_FLAG, FIELD(consistent), 0, 0, NULL,
	  "demand that the epochs of a run agree in keys, shapes, dtypes" },
	{ "expect-actions", 0, OPTION_COUNT, FIELD(expect_actions), 1, 1000000,
	  "N", "demand an actor head of N actions" },
	{ "allow-nonfinite", 0, OPTION_FLAG, FIELD(allow_nonfinite), 0, 0, NULL,
	  "take NaN and infinities in weights for worth a note only" },
	{ "disable", 0, OPTION_LIST, FIELD(disable), 0, 0, "ID",
	  "leave out a rule; may be given again and again" },
	{ "warnings-as-errors", 0, OPTION_FLAG, FIELD(warnings_as_errors), 0, 0,
	  NULL, "take warnings for errors" },
	{ "endpoint-url", 0, OPTION_TEXT, FIELD(network.endpoint_url), 0, 0,
	  "URL", "where S3 is, if not at AWS" },
	{ "network-timeout", 0, OPTION_COUNT, FIELD(network.timeout_s), 1,
	  3600, "SECONDS",
	  "give up on a connection that stalls for so long (default 60)" },
	{ "stats-server", 0, OPTION_TEXT, FIELD(stats_server), 0, 0, "URL",
	  "ask this server for policies that are not here" },
	{ "list-rules", 0, OPTION_FLAG, FIELD(list_rules), 0, 0, NULL,
	  "print the rules that a bundle is held to, and exit" },
	{ "help", 'h', OPTION_FLAG, FIELD(help), 0, 0, NULL,
	  "print this and exit" },
	{ "version", 0, OPTION_FLAG, FIELD(version), 0, 0, NULL,
	  "print the versions of the program and its libraries" },
};

const struct option_table settings_options = {
	specs, sizeof(specs) / sizeof(specs[0])
};

static bool usage(struct error *err, const char *text)
{
	return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET, "%s", text);
}

static bool read_names(struct settings *s, struct error *err)
{
	return !s->files_from ||
	       (input_read(&s->names, s->files_from, err) &&
		input_split(&s->operands, &s->names,
			    s->null_separated ? '\0' : '\n', err));
}

/* Without the keys that it hides, these would have nothing to compare. */
static bool check_disabled(const struct settings *s, struct error *err)
{
	bool asked = s->against || s->consistent || s->expect_actions > 0;

	for (size_t i = 0; asked && i < s->disable.count; i++)
		if (strcmp(s->disable.values[i], "weights-strict") == 0)
			return usage(err, "--disable weights-strict and what "
				     "asks for keys (--against, --consistent, "
				     "--expect-actions) exclude each other");
	return true;
}

static bool set_rules(struct settings *s, struct error *err)
{
	s->rules.allow_nonfinite = s->allow_nonfinite;
	s->rules.warnings_as_errors = s->warnings_as_errors;
	s->rules.expect_actions = s->expect_actions;
	return check_disabled(s, err) &&
	       rules_disable(&s->rules, &s->disable, err);
}

/* Each report has a form, and a file of its own. */
static bool check_reports(const struct option_list *reports,
			  struct error *err)
{
	const char *file, *other;

	for (size_t i = 0; i < reports->count; i++) {
		if (!report_form_of(reports->values[i], &file))
			return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
					 "--report takes FORMAT=FILE, with a "
					 "format of --format, not \"%.200s\"",
					 reports->values[i]);
		for (size_t j = 0; j < i; j++)
			if (report_form_of(reports->values[j], &other) &&
			    strcmp(file, other) == 0)
				return error_set(err, ERROR_USAGE,
						 ERROR_NO_OFFSET,
						 "two reports cannot both be "
						 "\"%.200s\"", file);
	}
	return true;
}

/* --json and --jsonl are short for a --format. */
static bool choose_format(struct settings *s, struct error *err)
{
	const struct report_form *wanted = s->json ? &report_json :
					   &report_jsonl, *form;

	if (s->json && s->jsonl)
		return usage(err, "--json and --jsonl exclude each other");
	for (unsigned i = 0; s->json || s->jsonl; i++) {
		form = report_form_at(i);
		if (form != wanted)
			continue;
		if (s->format != 0 && s->format != i)
			return usage(err, s->json ?
				     "--json and another --format exclude "
				     "each other" :
				     "--jsonl and another --format exclude "
				     "each other");
		s->format = i;
		break;
	}
	return true;
}

static bool check(struct settings *s, struct error *err)
{
	if (s->help || s->version || s->list_rules)
		return true;
	if (s->operands.count == 0 && !s->files_from)
		return usage(err, "no bundle or folder was named");
	for (size_t i = 0; i < s->operands.count; i++)
		if (s->operands.values[i][0] == '\0')
			return usage(err, "an empty name was given");
	if (s->quiet && s->verbose)
		return usage(err, "--quiet and --verbose exclude each other");
	if (s->null_separated && !s->files_from)
		return usage(err, "--null belongs to --files-from");
	return choose_format(s, err) && check_reports(&s->reports, err);
}

bool settings_parse(struct settings *s, int argc, char **argv,
		    struct error *err)
{
	*s = (struct settings){ .network.timeout_s = NETWORK_TIMEOUT_S };
	if (options_parse(&settings_options, s, &s->operands, argc, argv,
			  err) &&
	    check(s, err) && set_rules(s, err) && read_names(s, err))
		return true;
	settings_free(s);
	return false;
}

void settings_free(struct settings *s)
{
	buffer_free(&s->names);
	option_list_free(&s->operands);
	option_list_free(&s->disable);
	option_list_free(&s->reports);
	*s = (struct settings){ 0 };
}
