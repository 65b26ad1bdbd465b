/* settings.c - the options of mpt-validate */
#include "validate/settings.h"

#include "base/input.h"

#define FIELD(name) offsetof(struct settings, name)

static const struct option_spec specs[] = {
	{ "jobs", 'j', OPTION_COUNT, FIELD(jobs), 0, 256, "N",
	  "check N bundles at once (default 0: one per processor)" },
	{ "files-from", 0, OPTION_TEXT, FIELD(files_from), 0, 0, "FILE",
	  "read names of bundles and folders from FILE, one a line (- is\n"
	  "standard input)" },
	{ "null", '0', OPTION_FLAG, FIELD(null_separated), 0, 0, NULL,
	  "the names in --files-from end with NUL, not with a newline" },
	{ "json", 0, OPTION_FLAG, FIELD(json), 0, 0, NULL,
	  "print one JSON document" },
	{ "jsonl", 0, OPTION_FLAG, FIELD(jsonl), 0, 0, NULL,
	  "print one JSON object a line and bundle, as each is done" },
	{ "quiet", 'q', OPTION_FLAG, FIELD(quiet), 0, 0, NULL,
	  "print only what is bad" },
	{ "verbose", 'v', OPTION_FLAG, FIELD(verbose), 0, 0, NULL,
	  "print what was skipped, too" },
	{ "color", 0, OPTION_CHOICE, FIELD(color), 0, 0, "auto|always|never",
	  "colour the verdicts (default auto: on a terminal)" },
	{ "progress", 0, OPTION_CHOICE, FIELD(progress), 0, 0,
	  "auto|bar|plain|none",
	  "show progress on standard error (default auto: a bar on a\n"
	  "terminal; else plain, a line each 30 s, unless --quiet)" },
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

static bool check(const struct settings *s, struct error *err)
{
	if (s->help || s->version || s->list_rules)
		return true;
	if (s->operands.count == 0 && !s->files_from)
		return usage(err, "no bundle or folder was named");
	for (size_t i = 0; i < s->operands.count; i++)
		if (s->operands.values[i][0] == '\0')
			return usage(err, "an empty name was given");
	if (s->json && s->jsonl)
		return usage(err, "--json and --jsonl exclude each other");
	if (s->quiet && s->verbose)
		return usage(err, "--quiet and --verbose exclude each other");
	if (s->null_separated && !s->files_from)
		return usage(err, "--null belongs to --files-from");
	return true;
}

bool settings_parse(struct settings *s, int argc, char **argv,
		    struct error *err)
{
	*s = (struct settings){ 0 };
	if (options_parse(&settings_options, s, &s->operands, argc, argv,
			  err) &&
	    check(s, err) && read_names(s, err))
		return true;
	settings_free(s);
	return false;
}

void settings_free(struct settings *s)
{
	buffer_free(&s->names);
	option_list_free(&s->operands);
	*s = (struct settings){ 0 };
}
