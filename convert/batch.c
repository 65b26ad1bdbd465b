/* batch.c - one OpenMP loop over the jobs */
#include "convert/batch.h"

#include <stdlib.h>

#include "base/cpus.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "convert/parts.h"

/* What the threads share.  Of it they write their jobs' results only. */
struct batch {
	const struct plan *plan;
	const struct settings *settings;
	struct result *results;
	struct report *report;
	const char *spill_folder;
	unsigned threads;
};

/* What cannot be had for one job can perhaps be had for the next. */
static bool have_scratch(const struct batch *b, struct scratch *scratch,
			 struct error *err)
{
	if (scratch->buffer)
		return true;
	if (!scratch_init(scratch, b->spill_folder, b->settings->state_dict_key,
			  err))
		return false;
	scratch->helper.no_sandbox = b->settings->no_sandbox;
	scratch->helper.timeout_s = b->settings->timeout_s;
	scratch->max_expansion = b->settings->max_expansion;
	scratch->threads = b->threads;
	return true;
}

static void do_job(const struct batch *b, size_t index,
		   struct scratch *scratch)
{
	const struct result *result = &b->results[index];
	struct job job = b->plan->jobs[index];
	struct error no_scratch = { 0 };

	if (!have_scratch(b, scratch, &no_scratch))
		job.error = &no_scratch;
	if (!interrupt_signal()) {
		progress_bar_begin(&b->report->bar, &scratch->work,
				   job.source->path, job.source->nbytes);
		convert_job(&job, index, b->settings, scratch,
			    &b->results[index]);
		progress_bar_end(&b->report->bar, &scratch->work,
				 result->status != STATUS_SKIPPED);
	}
	report_done(b->report, index);
}

static void work(const struct batch *b)
{
	struct scratch scratch = { 0 };

#pragma omp for schedule(dynamic, 1)
	for (size_t i = 0; i < b->plan->count; i++) {
		const struct job *job = &b->plan->jobs[b->plan->order[i]];

		if (job->same_as)
			continue;
		/* Sources for one bundle go one after the other. */
		for (; job; job = job->next_same)
			do_job(b, (size_t)(job - b->plan->jobs), &scratch);
	}
	scratch_free(&scratch);
}

/* One file can keep several threads busy. */
static bool has_large(const struct plan *plan)
{
	return plan->count > 0 &&
	       plan->jobs[plan->order[0]].source->nbytes >= PARTS_LARGE;
}

bool batch_run(const struct plan *plan, const struct settings *settings,
	       const char *spill_folder, struct totals *totals,
	       struct error *err)
{
	unsigned threads = settings->jobs ? settings->jobs : cpus_allowed();
	struct result *results = memory_array(plan->count, sizeof(*results),
					      err);
	struct report report = { 0 };
	struct batch batch = { plan, settings, results, &report,
			       spill_folder, 0 };
	bool ok = false;

	if (!results)
		return false;
	if (threads > plan->count && !has_large(plan))
		threads = plan->count ? (unsigned)plan->count : 1;
	batch.threads = threads;
	if (!report_begin(&report, settings, plan, results, err))
		goto done;
#pragma omp parallel num_threads(threads)
	work(&batch);
	ok = report_end(&report, err);
	*totals = report.totals;
done:
	report_free(&report);
	for (size_t i = 0; i < plan->count; i++)
		result_free(&results[i]);
	free(results);
	return ok;
}
