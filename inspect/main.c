/* main.c - mpt-inspect: look at bundles, and at what becomes one */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/options.h"
#include "inspect/answer.h"
#include "inspect/verb.h"
#include "remote/http.h"
#include "remote/network.h"
#include "remote/stats_server.h"

enum exit_status {
	EXIT_GOOD = 0, EXIT_BAD = 1, EXIT_USAGE = 2, EXIT_NOTHING = 3,
	EXIT_SIGNAL = 128
};

static const char program[] = "mpt-inspect";

/* Options of the verbs that read legacy checkpoints as mpt-convert does. */
static const struct option_spec source_specs[] = {
	{ "keep-prefix", 0, OPTION_FLAG, REQUEST_FIELD(source.keep_prefix), 0,
	  0, NULL, "leave \"module.\", \"_orig_mod.\" and the like in the keys "
	  "of a\nlegacy checkpoint" },
	{ "state-dict-key", 0, OPTION_TEXT,
	  REQUEST_FIELD(source.state_dict_key), 0, 0, "KEY.KEY",
	  "take this state dict of a legacy file that holds several" },
	{ "timeout", 0, OPTION_COUNT, REQUEST_FIELD(source.timeout_s), 1,
	  86400, "SECONDS",
	  "give up on a pickle that takes longer to read (default 60)" },
	{ "max-expansion", 0, OPTION_COUNT,
	  REQUEST_FIELD(source.max_expansion), 1, 1000000, "N",
	  "unpack at most 64 MiB and N times the size of a file\n"
	  "(default 32)" },
	{ "no-sandbox", 0, OPTION_FLAG, REQUEST_FIELD(source.no_sandbox), 0,
	  0, NULL,
	  "unpickle where the kernel cannot lock the unpickler in: only\n"
	  "for files from people you trust" },
};

/* Options of all verbs. */
static const struct option_spec common_specs[] = {
	{ "endpoint-url", 0, OPTION_TEXT, REQUEST_FIELD(network.endpoint_url),
	  0, 0, "URL", "where S3 is, if not at AWS" },
	{ "network-timeout", 0, OPTION_COUNT, REQUEST_FIELD(network.timeout_s),
	  1, 3600, "SECONDS",
	  "give up on a connection that stalls for so long (default 60)" },
	{ "stats-server", 0, OPTION_TEXT, REQUEST_FIELD(stats_server), 0, 0,
	  "URL", "ask this server for policies that are not here" },
	{ "json", 0, OPTION_FLAG, REQUEST_FIELD(json), 0, 0, NULL,
	  "print one JSON document" },
	{ "help", 'h', OPTION_FLAG, REQUEST_FIELD(help), 0, 0, NULL,
	  "print this and exit" },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct option_table source_options = {
	source_specs, COUNT(source_specs)
}, common_options = {
	common_specs, COUNT(common_specs)
};

static const struct verb {
	const char *name;
	bool (*run)(const struct request *r, struct answer *a,
		    struct error *err);
	const struct option_table *options[3];	/* those it has, NULL */
	size_t least, most;	/* operands */
	const char *operands;	/* as help names them */
	const char *help;	/* one line */
} verbs[] = {
	{ "list", list_run, { &list_options, &common_options }, 0, SIZE_MAX,
	  "[ROOT]...",
	  "the checkpoints of a tree, the newest last" },
	{ "show", show_run,
	  { &show_options, &source_options, &common_options }, 1, 1,
	  "CHECKPOINT",
	  "spec, architecture and tensors of one" },
	{ "keys", keys_run, { &source_options, &common_options }, 1, 1,
	  "CHECKPOINT",
	  "the keys, dtypes and shapes of one, as a manifest in JSON" },
	{ "diff", diff_run, { &source_options, &common_options }, 2, 2, "A B",
	  "what differs between two: spec, keys, shapes, values" },
	{ "resolve", resolve_run, { &resolve_options, &common_options }, 1, 1,
	  "URI|POLICY",
	  "the bundle or class that a URI or policy means" },
};

enum { VERB_COUNT = COUNT(verbs), OPTIONS_MOST = 16 };

struct settings {
	bool help, version;
};

static const struct option_spec specs[] = {
	{ "help", 'h', OPTION_FLAG, offsetof(struct settings, help), 0, 0,
	  NULL, "print this and exit" },
	{ "version", 0, OPTION_FLAG, offsetof(struct settings, version), 0, 0,
	  NULL, "print the versions of the program and its libraries" },
};

static const struct option_table options = {
	specs, COUNT(specs)
};

static const char statuses[] =
	"\nExit status: 0 all well; 1 a difference, or something that cannot\n"
	"be read; 2 wrong usage or nothing could be done; 3 no checkpoint\n"
	"was found; 130 and 143 stopped by a signal.\n";

static void print_help(void)
{
	fputs("Usage: mpt-inspect VERB [OPTION]... [OPERAND]...\n"
	      "Look at checkpoints of Metta policies.\n"
	      "\n", stdout);
	for (size_t i = 0; i < VERB_COUNT; i++)
		printf("  %-7s %-12s %s\n", verbs[i].name, verbs[i].operands,
		       verbs[i].help);
	fputs("\n\"mpt-inspect VERB --help\" prints the options of a verb.\n"
	      "\n", stdout);
	options_print_help(&options, stdout);
	fputs(statuses, stdout);
}

static void print_verb_help(const struct verb *verb,
			    const struct option_table *all)
{
	printf("Usage: mpt-inspect %s [OPTION]... %s\n"
	       "Print %s.\n\n", verb->name, verb->operands, verb->help);
	options_print_help(all, stdout);
	fputs(statuses, stdout);
}

static void print_version(void)
{
	printf("mpt-inspect %s\nzlib %s\ncJSON %s\n%s\n", MPT_VERSION,
	       zlibVersion(), json_version(), http_version());
}

static int fail_printing(void)
{
	struct error err = { 0 };

	error_set_errno(&err, "cannot write standard output");
	error_print(stderr, program, &err);
	return EXIT_USAGE;
}

static int finish_printing(void)
{
	return fflush(stdout) == 0 && !ferror(stdout) ? EXIT_GOOD
						      : fail_printing();
}

static int fail_usage(const struct error *err, const struct verb *verb)
{
	error_print(stderr, program, err);
	fprintf(stderr, "Try \"%s%s%s --help\".\n", program, verb ? " " : "",
		verb ? verb->name : "");
	return EXIT_USAGE;
}

/* ---- a verb ---- */

static const struct verb *find_verb(const char *word, struct error *err)
{
	for (size_t i = 0; i < VERB_COUNT; i++)
		if (strcmp(verbs[i].name, word) == 0)
			return &verbs[i];
	error_set(err, ERROR_USAGE, ERROR_NO_OFFSET, "unknown verb \"%s\"",
		  word);
	return NULL;
}

static bool check_operands(const struct verb *verb, const struct request *r,
			   struct error *err)
{
	size_t count = r->operands.count;

	if (count < verb->least || count > verb->most)
		return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				 "%s takes %s, and %zu names were given",
				 verb->name, verb->operands, count);
	for (size_t i = 0; i < count; i++)
		if (r->operands.values[i][0] == '\0')
			return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
					 "an empty name was given");
	return true;
}

static void print_remarks(const struct answer *a)
{
	const char *line = a->remarks.data, *end = line + a->remarks.len;

	while (line < end) {
		const char *next = memchr(line, '\n', (size_t)(end - line));
		size_t len = (size_t)((next ? next : end) - line);

		fprintf(stderr, "%s: %.*s\n", program, (int)len, line);
		line += len + 1;
	}
}

static int print_answer(const struct answer *a)
{
	size_t len = a->text.len;
	int status;

	if (len > 0 && fwrite(a->text.data, 1, len, stdout) != len)
		return fail_printing();
	status = finish_printing();
	print_remarks(a);
	if (a->status == ANSWER_NOTHING)
		fprintf(stderr, "%s: no checkpoint was found\n", program);
	return status == EXIT_GOOD ? (int)a->status : status;
}

/* What is wrong with a checkpoint, and what with the machine? */
static int fail(const struct error *err)
{
	if (interrupt_signal())
		return EXIT_SIGNAL + interrupt_signal();
	error_print(stderr, program, err);
	return err->kind == ERROR_MEMORY ? EXIT_USAGE : EXIT_BAD;
}

static int answer_request(const struct verb *verb, const struct request *r)
{
	struct answer answer = { 0 };
	struct error err = { 0 };
	int status;

	if (verb->run(r, &answer, &err) && answer_is_whole(&answer, &err))
		status = print_answer(&answer);
	else
		status = fail(&err);
	answer_free(&answer);
	return status;
}

static int run(const struct verb *verb, const struct request *r)
{
	struct error err = { 0 };
	int status;

	interrupt_catch();
	if (network_begin(&r->network, &err) &&
	    stats_server_begin(r->stats_server, &err))
		status = answer_request(verb, r);
	else
		status = fail_usage(&err, verb);
	network_end();
	return status;
}

/* All options of a verb, in one table. */
static struct option_table gather_options(const struct verb *verb,
					  struct option_spec *all)
{
	size_t count = 0;

	for (size_t i = 0; i < COUNT(verb->options) && verb->options[i]; i++)
		for (size_t k = 0; k < verb->options[i]->count; k++) {
			assert(count < OPTIONS_MOST);
			all[count++] = verb->options[i]->specs[k];
		}
	return (struct option_table){ all, count };
}

/* argv[0] is the verb. */
static int run_verb(const struct verb *verb, int argc, char **argv)
{
	struct option_spec specs_of_verb[OPTIONS_MOST];
	struct option_table table = gather_options(verb, specs_of_verb);
	struct request r = { .source = source_defaults,
			     .network.timeout_s = NETWORK_TIMEOUT_S };
	struct error err = { 0 };
	int status;

	if (!options_parse(&table, &r, &r.operands, argc, argv, &err) ||
	    (!r.help && !check_operands(verb, &r, &err))) {
		status = fail_usage(&err, verb);
	} else if (r.help) {
		print_verb_help(verb, &table);
		status = finish_printing();
	} else {
		status = run(verb, &r);
	}
	option_list_free(&r.operands);
	return status;
}

/* The options that stand before a verb, or instead of one. */
static int run_without_verb(int argc, char **argv)
{
	struct settings settings = { 0 };
	struct option_list operands = { 0 };
	struct error err = { 0 };
	int status;

	if (options_parse(&options, &settings, &operands, argc, argv, &err) &&
	    !settings.help && !settings.version)
		error_set(&err, ERROR_USAGE, ERROR_NO_OFFSET,
			  "no verb was given");
	if (err.kind != ERROR_NONE) {
		status = fail_usage(&err, NULL);
	} else {
		if (settings.help)
			print_help();
		else
			print_version();
		status = finish_printing();
	}
	option_list_free(&operands);
	return status;
}

int main(int argc, char **argv)
{
	const struct verb *verb;
	struct error err = { 0 };

	if (!file_occupy_standard())
		return EXIT_USAGE;
	if (argc < 2 || argv[1][0] == '-')
		return run_without_verb(argc, argv);
	verb = find_verb(argv[1], &err);
	if (!verb)
		return fail_usage(&err, NULL);
	return run_verb(verb, argc - 1, argv + 1);
}
