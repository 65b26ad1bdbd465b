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
#include "remote/network.h"
#include "validate/rules.h"

struct settings {
	bool quiet, verbose, json, jsonl, null_separated;
	unsigned format;	/* index for report_form_at() */
	struct option_list reports;	/* "FORMAT=FILE" each */
	bool allow_nonfinite, warnings_as_errors, consistent;
	bool list_rules, help, version;
	const char *files_from;
	const char *against;	/* a reference, or NULL */
	unsigned expect_actions;	/* 0: any number */
	struct option_list disable;	/* ids of rules */
	unsigned jobs;		/* 0: as many as are allowed */
	unsigned color, progress;	/* enum console_color, _progress */
	struct network_options network;
	const char *stats_server;	/* or NULL */

	/* Filled in after parsing. */
	struct rules_options rules;	/* of the options above */
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
