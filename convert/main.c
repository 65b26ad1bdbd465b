/* main.c - mpt-convert: legacy checkpoints to bundles */
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "convert/batch.h"
#include "convert/history.h"
#include "convert/journal.h"
#include "convert/plan.h"
#include "convert/report_summary.h"
#include "convert/settings.h"
#include "convert/space.h"
#include "convert/summary.h"
#include "convert/walk.h"
#include "formats/deflate.h"
#include "formats/json.h"
#include "remote/http.h"
#include "remote/network.h"
#include "remote/object.h"

enum exit_status {
	EXIT_GOOD = 0, EXIT_SOME_FAILED = 1, EXIT_USAGE = 2, EXIT_NOTHING = 3,
	EXIT_SIGNAL = 128
};

static const char program[] = "mpt-convert";

static void print_help(void)
{
	fputs("Usage: mpt-convert [OPTION]... SOURCE... -o FOLDER\n"
	      "Convert legacy Metta checkpoints (.mpt, .pt) to bundles.\n"
	      "\n"
	      "  mpt-convert runs -o bundles       a whole tree\n"
	      "  mpt-convert runs --in-place       bundles beside the sources\n"
	      "  mpt-convert -n runs               what would happen\n"
	      "  mpt-convert --check runs -o bundles\n"
	      "                                    is all converted\n"
	      "  mpt-convert bare.pt -o bundles --architecture @policy.txt\n"
	      "  mpt-convert s3://bucket/runs -o s3://bucket/bundles\n"
	      "\n"
	      "SOURCE is a file or a folder, or an object or a prefix on S3.\n"
	      "A bundle is the folder <run>:v<epoch> with policy_spec.json\n"
	      "and weights.safetensors, or with --format zip, and always on\n"
	      "S3, the archive <run>:v<epoch>.zip of both.\n"
	      "\n", stdout);
	options_print_help(&settings_options, stdout);
	fputs("\n"
	      "Exit status: 0 all converted or, with --check, the same; 1\n"
	      "some failed or are not; 2 wrong usage or nothing could be\n"
	      "done; 3 nothing to convert was found; 130 and 143 stopped by\n"
	      "a signal.\n", stdout);
}

static void print_version(void)
{
	printf("mpt-convert %s\nzlib %s\ncJSON %s\ndeflate by %s\n%s\n%s\n",
	       MPT_VERSION, zlibVersion(), json_version(), deflate_library(),
	       digest_version(), http_version());
#ifdef _OPENMP
	printf("OpenMP %d\n", _OPENMP);
#endif
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

static bool writes_to_folder(const struct settings *s)
{
	return s->output && !s->read_only && !object_is_path(s->output);
}

/* The output folder, or a folder to make temporary files in. */
static const char *spill_folder(const struct settings *s)
{
	const char *tmp = getenv("TMPDIR");

	return writes_to_folder(s) && !(tmp && *tmp) ? s->output
						     : object_spill_folder();
}

static bool find_sources(const struct settings *s, struct sources *sources,
			 struct error *err)
{
	struct source_filter filter = { &s->include, &s->exclude, s->output };

	for (size_t i = 0; i < s->operands.count; i++)
		if (!walk_root(sources, s->operands.values[i], &filter, err))
			return false;
	sources_sort(sources);
	return true;
}

static bool any_candidate(const struct sources *sources)
{
	for (size_t i = 0; i < sources->count; i++)
		if (!sources->items[i].skip)
			return true;
	return false;
}

/* What a scheduler's variables chose is never left unsaid. */
static void print_shard(const struct settings *s, size_t count, size_t of)
{
	const struct shard *shard = &s->shard;

	if (shard->count == 1 || (s->quiet && !shard->variable))
		return;
	fprintf(stderr, "%s: shard %u/%u", program, shard->index,
		shard->count);
	if (shard->variable)
		fprintf(stderr, " by %s (--shard 0/1 takes everything)",
			shard->variable);
	fprintf(stderr, ": %zu of %zu files\n", count, of);
}

static bool failed_before(const struct plan *plan,
			  const struct history *history, const struct job *job)
{
	const struct record *past = history->records[job - plan->jobs];

	return past && past->status == STATUS_FAILED;
}

/* Did it fail, or another source for its bundle?  They are judged together. */
static bool is_to_retry(const struct plan *plan, const struct history *history,
			const struct job *job)
{
	if (job->same_as)
		job = job->same_as;
	while (job && !failed_before(plan, history, job))
		job = job->next_same;
	return job != NULL;
}

/* Of what earlier runs tried, take what failed. */
static bool keep_failed(struct plan *plan, struct history *history,
			struct error *err)
{
	bool *keep = memory_array(plan->count, sizeof(*keep), err);
	size_t kept = 0;
	bool ok = keep != NULL;

	if (ok && history->sources == 0)
		ok = error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
			       "--only-failed: nothing is recorded of an "
			       "earlier run");
	for (size_t i = 0; ok && i < plan->count; i++)
		keep[i] = is_to_retry(plan, history, &plan->jobs[i]);
	for (size_t i = 0; ok && i < plan->count; i++)
		if (keep[i])
			history->records[kept++] = history->records[i];
	ok = ok && plan_keep(plan, keep, err);
	free(keep);
	return ok;
}

/* What is unusual about the journals. */
static void print_journals(const struct history *history, size_t removed)
{
	if (removed > 0)
		fprintf(stderr, "%s: removed %zu temporaries of a run that was "
			"killed\n", program, removed);
	if (history->unreadable > 0)
		fprintf(stderr, "%s: %zu lines of the journal cannot be read "
			"and were passed over\n", program,
			history->unreadable);
}

/* Convert what is planned; the journals are open. */
static bool convert(struct plan *plan, const struct settings *s,
		    struct journals *journals, struct totals *totals,
		    struct error *err)
{
	struct history history = { 0 };
	const struct conversion cv = { s, plan, journals, &history };
	size_t removed = 0;
	bool ok = history_read(&history, journals, plan, err) &&
		  (!s->only_failed || keep_failed(plan, &history, err)) &&
		  (s->read_only || s->no_space_check ||
		   space_check(&cv, err)) &&
		  (s->read_only ||
		   journals_begin(journals, plan, s, &removed, err));

	if (ok && !s->quiet)
		print_journals(&history, removed);
	ok = ok && batch_run(&cv, journals, spill_folder(s), totals, err);
	if (ok && !s->read_only)
		journals_end(journals, totals->not_begun);
	history_free(&history);
	return ok;
}

/* Walk, plan, convert.  False if that could not be done. */
static bool run(const struct settings *s, int *status, struct error *err)
{
	struct sources sources = { 0 };
	struct plan plan = { 0 };
	struct journals journals = { 0 };
	struct totals totals = { 0 };
	bool ok = false;

	if (writes_to_folder(s) &&
	    (!file_make_folders(s->output, err) ||
	     !file_check_writable(s->output, err)))
		return false;
	if (!find_sources(s, &sources, err))
		goto done;
	if (!plan_make(&plan, &sources, s, err))
		goto done;
	print_shard(s, plan.count, sources.count);
	if (!journals_open(&journals, &plan, s, err))
		goto done;
	if (!convert(&plan, s, &journals, &totals, err))
		goto done;
	*status = report_is_good(&totals) ? EXIT_GOOD : EXIT_SOME_FAILED;
	if (journals.error.kind != ERROR_NONE) {
		error_print(stderr, program, &journals.error);
		*status = EXIT_SOME_FAILED;
	}
	if (!any_candidate(&sources)) {
		fprintf(stderr, "%s: no checkpoint was found\n", program);
		*status = EXIT_NOTHING;
	}
	ok = true;
done:
	journals_close(&journals);
	plan_free(&plan);
	sources_free(&sources);
	return ok;
}

static bool sum_up(const struct settings *s, int *status, struct error *err)
{
	struct summary summary = { 0 };
	bool ok = summary_read(&summary, s->summary, err) &&
		  report_summary(&summary, s->json || s->jsonl, err);

	if (ok && summary.journals == 0) {
		fprintf(stderr, "%s: no journal was found below %s\n", program,
			s->summary);
		*status = EXIT_NOTHING;
	} else if (ok) {
		*status = finish_printing();
		if (*status == EXIT_GOOD && !summary_is_good(&summary))
			*status = EXIT_SOME_FAILED;
	}
	summary_free(&summary);
	return ok;
}

static bool work(const struct settings *s, int *status, struct error *err)
{
	const struct network_options network = { s->endpoint_url,
						 s->network_timeout_s };
	bool ok = network_begin(&network, err) &&
		  (s->summary ? sum_up : run)(s, status, err);

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
	} else {
		interrupt_catch();
		if (!work(&settings, &status, &err) &&
		    err.kind != ERROR_INTERRUPTED)
			error_print(stderr, program, &err);
		if (interrupt_signal())
			status = EXIT_SIGNAL + interrupt_signal();
	}
	settings_free(&settings);
	return status;
}
