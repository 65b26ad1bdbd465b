/*
 * settings.h - what the command line of mpt-convert says
 */
#ifndef CONVERT_SETTINGS_H
#define CONVERT_SETTINGS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/options.h"
#include "convert/architecture_map.h"
#include "convert/shard.h"

#define SETTINGS_NO_EPOCH UINT_MAX

/* In the order of the words of --format; the last is not given. */
enum format { FORMAT_FOLDER, FORMAT_ZIP, FORMAT_ANY };

/* In the order of the words of --durability. */
enum durability { DURABILITY_GROUP, DURABILITY_EACH, DURABILITY_NONE };

struct settings {
	const char *output;	/* once parsed, as resolve_source() has it */
	const char *summary;	/* a folder whose journals are summed up; the
				   same */
	bool in_place, dry_run, keep_prefix, no_repair, no_sandbox;
	bool force, only_failed, fail_fast, no_space_check;
	bool check;		/* also if only list_converted was given */
	bool list_converted;
	bool quiet, verbose, json, jsonl, null_separated, help, version;
	const char *architecture_option;	/* as given: TEXT or @FILE */
	const char *architecture_map_option;
	const char *run, *name_template, *class_path, *state_dict_key;
	unsigned epoch;		/* SETTINGS_NO_EPOCH: not given */
	struct option_list init_kwargs;		/* as given: KEY=VALUE */
	const char *files_from;
	struct option_list include, exclude;
	unsigned jobs;		/* 0: as many as are allowed */
	unsigned timeout_s;	/* for what a pickle takes */
	const char *endpoint_url;	/* of S3, or NULL */
	unsigned network_timeout_s;
	unsigned max_expansion;	/* times the size of a source */
	const char *shard_option;	/* as given, or NULL */
	unsigned format;	/* enum format */
	unsigned durability;	/* enum durability */
	unsigned max_errors;	/* 0: no limit; 1 if fail_fast was given */
	unsigned color, progress;	/* enum console_color, _progress */

	/* Filled in after parsing. */
	char *root;		/* owned; output or summary */
	char *architecture;	/* owned; stripped; NULL if none was given */
	size_t architecture_len;
	struct architecture_map architecture_map;
	struct option_list operands;
	struct buffer names;	/* the content of files_from */
	bool read_only;		/* dry_run or check: nothing is written */
	struct shard shard;
};

extern const struct option_table settings_options;

/*
 * Parse the command line, read --architecture @FILE and --files-from, choose
 * the shard and check what belongs together.  ERROR_USAGE for what the user
 * did wrong.
 */
bool settings_parse(struct settings *s, int argc, char **argv,
		    struct error *err);

/* The architecture that the user has for a run.  All borrowed. */
struct settings_offer {
	const char *text, *origin;	/* the option that it is from */
	size_t len;
	const struct map_line *line;	/* of the map, or NULL */
};

/* False if there is none; run may be NULL. */
bool settings_offer(const struct settings *s, const char *run,
		    struct settings_offer *offer);

void settings_free(struct settings *s);

#endif
