/* settings.c - the options of mpt-convert */
#include "convert/settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/input.h"
#include "convert/helper.h"
#include "convert/limits.h"
#include "formats/architecture.h"
#include "remote/network.h"
#include "remote/object.h"
#include "remote/resolve.h"

#define FIELD(name) offsetof(struct settings, name)

static const struct option_spec specs[] = {
	{ "output", 'o', OPTION_TEXT, FIELD(output), 0, 0, "FOLDER",
	  "write the bundles below this folder, or s3://BUCKET/PREFIX, laid\n"
	  "out like the source" },
	{ "in-place", 0, OPTION_FLAG, FIELD(in_place), 0, 0, NULL,
	  "write each bundle beside its source" },
	{ "format", 0, OPTION_CHOICE, FIELD(format), 0, 0, "dir|zip",
	  "write each bundle as a folder, or as a zip archive (default dir;\n"
	  "zip on S3)" },
	{ "jobs", 'j', OPTION_COUNT, FIELD(jobs), 0, 256, "N",
	  "convert N checkpoints at once (default 0: one per processor)" },
	{ "shard", 0, OPTION_TEXT, FIELD(shard_option), 0, 0, "K/N|auto/N",
	  "convert part K of N, K counted from 0; auto/N takes K from a\n"
	  "scheduler's variables, and those of a Slurm array or SkyPilot\n"
	  "choose both without this option (0/1: take everything)" },
	{ "force", 0, OPTION_FLAG, FIELD(force), 0, 0, NULL,
	  "replace a bundle that is there and differs" },
	{ "only-failed", 0, OPTION_FLAG, FIELD(only_failed), 0, 0, NULL,
	  "take only the sources that failed when they were last tried" },
	{ "fail-fast", 0, OPTION_FLAG, FIELD(fail_fast), 0, 0, NULL,
	  "begin nothing more once a checkpoint has failed" },
	{ "max-errors", 0, OPTION_COUNT, FIELD(max_errors), 1, UINT_MAX, "N",
	  "begin nothing more once N checkpoints have failed" },
	{ "durability", 0, OPTION_CHOICE, FIELD(durability), 0, 0,
	  "group|each|none",
	  "make bundles durable in groups (the default), each on its own, or\n"
	  "leave it to the system, which loses some if it crashes" },
	{ "no-space-check", 0, OPTION_FLAG, FIELD(no_space_check), 0, 0, NULL,
	  "begin even if the disk seems to have too little space" },
	{ "summary", 0, OPTION_TEXT, FIELD(summary), 0, 0, "FOLDER",
	  "convert nothing: sum up the journals below an output folder, and\n"
	  "say which shards are missing" },
	{ "dry-run", 'n', OPTION_FLAG, FIELD(dry_run), 0, 0, NULL,
	  "read everything, say what would be written, write nothing" },
	{ "check", 0, OPTION_FLAG, FIELD(check), 0, 0, NULL,
	  "compare the bundles that are there with their sources, bit for\n"
	  "bit, and write nothing" },
	{ "list-converted", 0, OPTION_FLAG, FIELD(list_converted), 0, 0, NULL,
	  "do that, and print the names of the sources that have their\n"
	  "bundle, as they may be deleted; nothing else" },
	{ "architecture", 0, OPTION_TEXT, FIELD(architecture_option), 0, 0,
	  "TEXT|@FILE",
	  "architecture for checkpoints that carry none of their own" },
	{ "state-dict-key", 0, OPTION_TEXT, FIELD(state_dict_key), 0, 0,
	  "KEY.KEY",
	  "take this state dict of a file that holds several" },
	{ "architecture-map", 0, OPTION_TEXT, FIELD(architecture_map_option),
	  0, 0, "FILE",
	  "the same for many runs: lines of a run glob, a tab and a text" },
	{ "no-repair", 0, OPTION_FLAG, FIELD(no_repair), 0, 0, NULL,
	  "leave an architecture that contradicts the weights as it is" },
	{ "class-path", 0, OPTION_TEXT, FIELD(class_path), 0, 0, "CLASS",
	  "write a spec for this policy class, which needs no architecture" },
	{ "init-kwarg", 0, OPTION_LIST, FIELD(init_kwargs), 0, 0, "KEY=VALUE",
	  "with --class-path: an argument of the class; VALUE is JSON, or\n"
	  "else a string" },
	{ "run", 0, OPTION_TEXT, FIELD(run), 0, 0, "NAME",
	  "the run, where names and folders do not tell it" },
	{ "epoch", 0, OPTION_COUNT, FIELD(epoch), 0, UINT_MAX - 1, "N",
	  "the epoch, where the name does not tell it" },
	{ "name-template", 0, OPTION_TEXT, FIELD(name_template), 0, 0, "TEXT",
	  "name bundles by {run}, {epoch} and {stem}, for places where the\n"
	  "usual {run}:v{epoch} cannot stand" },
	{ "keep-prefix", 0, OPTION_FLAG, FIELD(keep_prefix), 0, 0, NULL,
	  "leave \"module.\", \"_orig_mod.\" and the like in the keys" },
	{ "timeout", 0, OPTION_COUNT, FIELD(timeout_s), 1, 86400, "SECONDS",
	  "give up on a pickle that takes longer to read (default 60)" },
	{ "max-expansion", 0, OPTION_COUNT, FIELD(max_expansion), 1, 1000000,
	  "N",
	  "refuse what would become over N times as large as its file\n"
	  "(default 32), and 64 MiB more" },
	{ "endpoint-url", 0, OPTION_TEXT, FIELD(endpoint_url), 0, 0, "URL",
	  "where S3 is, if not at AWS" },
	{ "network-timeout", 0, OPTION_COUNT, FIELD(network_timeout_s), 1,
	  3600, "SECONDS",
	  "give up on a connection that stalls for so long (default 60)" },
	{ "no-sandbox", 0, OPTION_FLAG, FIELD(no_sandbox), 0, 0, NULL,
	  "unpickle where the kernel cannot lock the unpickler in: only\n"
	  "for files from people you trust" },
	{ "include", 0, OPTION_LIST, FIELD(include), 0, 0, "GLOB",
	  "take these files of a folder (default *.mpt and *.pt); a pattern\n"
	  "with a slash is matched against the path below the folder" },
	{ "exclude", 0, OPTION_LIST, FIELD(exclude), 0, 0, "GLOB",
	  "leave these files of a folder out" },
	{ "files-from", 0, OPTION_TEXT, FIELD(files_from), 0, 0, "FILE",
	  "read names of files and folders from FILE, one a line (- is\n"
	  "standard input)" },
	{ "null", '0', OPTION_FLAG, FIELD(null_separated), 0, 0, NULL,
	  "names in --files-from and of --list-converted end with NUL, not\n"
	  "with a newline" },
	{ "json", 0, OPTION_FLAG, FIELD(json), 0, 0, NULL,
	  "print one JSON document" },
	{ "jsonl", 0, OPTION_FLAG, FIELD(jsonl), 0, 0, NULL,
	  "print one JSON object a line and source, as each is done" },
	{ "quiet", 'q', OPTION_FLAG, FIELD(quiet), 0, 0, NULL,
	  "print only what failed" },
	{ "verbose", 'v', OPTION_FLAG, FIELD(verbose), 0, 0, NULL,
	  "print more about each source" },
	{ "color", 0, OPTION_CHOICE, FIELD(color), 0, 0, "auto|always|never",
	  "colour the verdicts (default auto: on a terminal)" },
	{ "progress", 0, OPTION_CHOICE, FIELD(progress), 0, 0,
	  "auto|bar|plain|none",
	  "show progress on standard error (default auto: a bar on a\n"
	  "terminal; else plain, a line each 30 s, unless --quiet)" },
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

static bool read_architecture(struct settings *s, struct error *err)
{
	struct architecture parsed = { 0 };
	struct buffer raw = { 0 };
	const char *text = s->architecture_option;
	bool from_file = text && text[0] == '@', ok = false;
	size_t len;

	if (!text)
		return true;
	if (from_file) {
		if (!input_read(&raw, text + 1, err))
			goto done;
		text = raw.data;
	}
	len = from_file ? raw.len : strlen(text);
	if (!architecture_parse(&parsed, text, len, err)) {
		err->kind = ERROR_USAGE;
		error_in(err, from_file ? s->architecture_option + 1 : NULL,
			 "--architecture");
		goto done;
	}
	s->architecture_len = parsed.len;
	s->architecture = memory_copy(parsed.text, parsed.len, err);
	ok = s->architecture != NULL;
done:
	architecture_free(&parsed);
	buffer_free(&raw);
	return ok;
}

static bool read_map(struct settings *s, struct error *err)
{
	struct buffer content = { 0 };

	if (!s->architecture_map_option)
		return true;
	if (!input_read(&content, s->architecture_map_option, err)) {
		buffer_free(&content);
		return false;
	}
	return architecture_map_parse(&s->architecture_map, content.data,
				      content.len, err) ||
	       error_in(err, s->architecture_map_option, NULL);
}

static bool read_names(struct settings *s, struct error *err)
{
	return !s->files_from ||
	       (input_read(&s->names, s->files_from, err) &&
		input_split(&s->operands, &s->names,
			    s->null_separated ? '\0' : '\n', err));
}

/* What an option means for others. */
static void derive(struct settings *s)
{
	s->check |= s->list_converted;
	s->read_only = s->check || s->dry_run;
	if (s->fail_fast)
		s->max_errors = 1;
}

/* With --in-place the sources decide. */
static bool is_all_on_s3(const struct settings *s)
{
	if (s->output)
		return object_is_path(s->output);
	for (size_t i = 0; i < s->operands.count; i++)
		if (!object_is_path(s->operands.values[i]))
			return false;
	return s->in_place && s->operands.count > 0;
}

/* Where bundles go, or journals are, is named like a source. */
static bool resolve_root(struct settings *s, struct error *err)
{
	const char **root = s->summary ? &s->summary : &s->output;

	if (*root && !resolve_source(&s->root, *root, err)) {
		err->kind = ERROR_USAGE;
		return false;
	}
	if (*root)
		*root = s->root;
	if (s->format == FORMAT_FOLDER && is_all_on_s3(s))
		return usage(err, "a bundle on S3 is a zip archive: --format "
			     "dir is for folders");
	if (s->format == FORMAT_ANY)
		s->format = is_all_on_s3(s) ? FORMAT_ZIP : FORMAT_FOLDER;
	return true;
}

/* Options that do not go together, or need another. */
static bool check_pairs(const struct settings *s, struct error *err)
{
	if (s->output && s->in_place)
		return usage(err, "--output and --in-place exclude each other");
	if (s->json && s->jsonl)
		return usage(err, "--json and --jsonl exclude each other");
	if (s->quiet && s->verbose)
		return usage(err, "--quiet and --verbose exclude each other");
	if (s->check && s->dry_run)
		return usage(err, "--check and --dry-run exclude each other");
	if (s->check && (s->force || s->only_failed))
		return usage(err, "--check writes nothing and takes all: it "
			     "excludes --force and --only-failed");
	if (s->list_converted && (s->json || s->jsonl))
		return usage(err, "--list-converted prints no JSON");
	if (s->init_kwargs.count > 0 && !s->class_path)
		return usage(err, "--init-kwarg belongs to --class-path");
	if (s->class_path && (s->architecture_option ||
			      s->architecture_map_option))
		return usage(err, "--class-path takes no architecture");
	if (s->null_separated && !s->files_from && !s->list_converted)
		return usage(err, "--null belongs to --files-from or "
			     "--list-converted");
	return true;
}

static bool check(const struct settings *s, struct error *err)
{
	if (s->help || s->version)
		return true;
	if (s->summary)
		return s->operands.count == 0 ||
		       usage(err, "--summary takes one folder, and no sources");
	if (s->operands.count == 0 && !s->files_from)
		return usage(err, "no file or folder was named");
	for (size_t i = 0; i < s->operands.count; i++)
		if (s->operands.values[i][0] == '\0')
			return usage(err, "an empty name was given");
	if (!check_pairs(s, err))
		return false;
	if (!s->output && !s->in_place && !s->dry_run)
		return usage(err, "say where the bundles go: --output FOLDER "
			     "or --in-place");
	if (s->output && s->output[0] == '\0')
		return usage(err, "--output takes the name of a folder");
	for (size_t i = 0; i < s->init_kwargs.count; i++)
		if (strcspn(s->init_kwargs.values[i], "=") == 0 ||
		    !strchr(s->init_kwargs.values[i], '='))
			return usage(err, "--init-kwarg takes KEY=VALUE");
	if (s->run && (s->run[0] == '\0' || strchr(s->run, '/')))
		return usage(err, "--run takes a name without slashes");
	return true;
}

static bool choose_shard(struct settings *s, struct error *err)
{
	return s->help || s->version || s->summary ||
	       shard_choose(&s->shard, s->shard_option, err);
}

bool settings_parse(struct settings *s, int argc, char **argv,
		    struct error *err)
{
	bool parsed;

	*s = (struct settings){ .epoch = SETTINGS_NO_EPOCH,
				.format = FORMAT_ANY,
				.network_timeout_s = NETWORK_TIMEOUT_S,
				.timeout_s = HELPER_TIMEOUT_DEFAULT_S,
				.max_expansion = LIMITS_EXPANSION_DEFAULT };
	parsed = options_parse(&settings_options, s, &s->operands, argc, argv,
			       err);
	derive(s);
	if (parsed && check(s, err) && choose_shard(s, err) &&
	    read_architecture(s, err) && read_map(s, err) &&
	    read_names(s, err) && resolve_root(s, err))
		return true;
	settings_free(s);
	return false;
}

bool settings_offer(const struct settings *s, const char *run,
		    struct settings_offer *offer)
{
	const struct map_line *line = architecture_map_find(
		&s->architecture_map, run);

	if (line)
		*offer = (struct settings_offer){
			.text = line->text, .len = line->text_len,
			.origin = "--architecture-map", .line = line
		};
	else
		*offer = (struct settings_offer){
			.text = s->architecture, .len = s->architecture_len,
			.origin = "--architecture"
		};
	return offer->text != NULL;
}

void settings_free(struct settings *s)
{
	free(s->root);
	free(s->architecture);
	buffer_free(&s->names);
	architecture_map_free(&s->architecture_map);
	option_list_free(&s->init_kwargs);
	option_list_free(&s->include);
	option_list_free(&s->exclude);
	option_list_free(&s->operands);
	*s = (struct settings){ 0 };
}
