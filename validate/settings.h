/*
 * settings.h - what the command line of mpt-validate says
 */
#ifndef VALIDATE_SETTINGS_H
#define VALIDATE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/options.h"

struct settings {
	bool quiet, verbose, json, jsonl, null_separated;
	unsigned format;	/* index for report_form_at() */
	struct option_list reports;	/* "FORMAT=FILE" each */
	bool list_rules, help, version;
	const char *files_from;
	unsigned jobs;		/* 0: as many as are allowed */
	unsigned color, progress;	/* enum console_color, _progress */

	/* Filled in after parsing. */
	struct option_list operands;
	struct buffer names;	/* the content of files_from */
};

extern const struct option_table settings_options;

/*
 * Parse the command line, read --files-from, and check what belongs together.
 * ERROR_USAGE for what the user did wrong.
 */
bool settings_parse(struct settings *s, int argc, char **argv,
		    struct error *err);

void settings_free(struct settings *s);

#endif
