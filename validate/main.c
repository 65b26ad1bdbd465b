/* main.c - mpt-validate: are these bundles sound */
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "formats/json.h"
#include "remote/http.h"
#include "remote/network.h"
#include "remote/stats_server.h"
#include "validate/batch.h"
#include "validate/find.h"
#include "validate/rules.h"
#include "validate/settings.h"

enum exit_status {
	EXIT_GOOD = 0, EXIT_SOME_BAD = 1, EXIT_USAGE = 2, EXIT_NOTHING = 3,
	EXIT_SIGNAL = 128
};

static const char program[] = "mpt-validate";

static void print_help(void)
{
	fputs("Usage: mpt-validate [OPTION]... BUNDLE...\n"
	      "Say of each bundle whether it is sound, and why not.\n"
	      "\n"
	      "  mpt-validate run:v5             a bundle folder\n"
	      "  mpt-validate run:v5.zip         a zip of one\n"
	      "  mpt-validate bundles            a whole tree\n"
	      "  mpt-validate s3://bucket/runs   the zips below a prefix\n"
	      "  mpt-validate -q -- \"$@\"         a gate: silent when good\n"
	      "\n"
	      "In a tree, bundles are the folders with policy_spec.json or an\n"
	      "epoch in their name, and *.zip files.\n"
	      "\n", stdout);
	options_print_help(&settings_options, stdout);
	fputs("\nExit status: 0 all sound, 1 some bad, 2 wrong usage or\n"
	      "nothing could be done, 3 no bundle was found, 130 and 143\n"
	      "stopped by a signal.\n", stdout);
}

static void print_version(void)
{
	printf("mpt-validate %s\nzlib %s\ncJSON %s\n%s\n", MPT_VERSION,
	       zlibVersion(), json_version(), http_version());
#ifdef _OPENMP
	printf("OpenMP %d\n", _OPENMP);
#endif
}

static void print_rules(void)
{
	struct rule_list list = rules_all();

	for (size_t i = 0; i < list.count; i++)
		printf("%-18s %-7s %s\n", list.rules[i].id,
		       rules_severity_name(list.rules[i].severity),
		       list.rules[i].sentence);
}

static int finish_printing(void)
{
	struct error err = { 0 };

	if (fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_GOOD;
	error_set_errno(&err, "cannot write standard output");
	error_print(stderr, program, &err);
	return EXIT_USAGE;
}

/* Find, judge, report.  False if that could not be done. */
static bool check_bundles(const struct settings *s, int *status,
			  struct error *err)
{
	struct candidates candidates = { 0 };
	struct totals totals = { 0 };
	bool ok = false;

	for (size_t i = 0; i < s->operands.count; i++)
		if (!find_operand(&candidates, s->operands.values[i], err))
			goto done;
	find_sort(&candidates);
	if (!batch_run(&candidates, s, &totals, err))
		goto done;
	*status = totals.bad > 0 ? EXIT_SOME_BAD : EXIT_GOOD;
	if (totals.ok + totals.bad + totals.not_begun == 0) {
		fprintf(stderr, "%s: no bundle was found\n", program);
		*status = EXIT_NOTHING;
	}
	ok = true;
done:
	find_free(&candidates);
	return ok;
}

static bool run(const struct settings *s, int *status, struct error *err)
{
	bool ok = network_begin(&s->network, err) &&
		  stats_server_begin(s->stats_server, err) &&
		  check_bundles(s, status, err);

	network_end();
	return ok;
}

int main(int argc, char **argv)
{
	struct settings settings;
	struct error err = { 0 };
	int status = EXIT_USAGE;

	if (!file_occupy_standard())
		return EXIT_USAGE;
	if (!settings_parse(&settings, argc, argv, &err)) {
		error_print(stderr, program, &err);
		fprintf(stderr, "Try \"%s --help\".\n", program);
		return EXIT_USAGE;
	}
	if (settings.help) {
		print_help();
		status = finish_printing();
	} else if (settings.version) {
		print_version();
		status = finish_printing();
	} else if (settings.list_rules) {
		print_rules();
		status = finish_printing();
	} else {
		interrupt_catch();
		if (!run(&settings, &status, &err) &&
		    err.kind != ERROR_INTERRUPTED)
			error_print(stderr, program, &err);
		if (interrupt_signal())
			status = EXIT_SIGNAL + interrupt_signal();
	}
	settings_free(&settings);
	return status;
}
