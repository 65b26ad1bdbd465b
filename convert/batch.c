/* batch.c - one OpenMP loop over the jobs */
#include "convert/batch.h"

#include <stdlib.h>

#include "base/cpus.h"
#include "base/interrupt.h"
#include "base/memory.h"

/*
 * Each thread has its scratch and writes its jobs' results; the report is the
 * one thing they share.
 */
static void work(const struct plan *plan, const struct settings *settings,
		 const char *spill_folder, struct result *results,
		 struct report *report)
{
	struct error no_scratch = { 0 };
	struct scratch scratch;
	bool ready = scratch_init(&scratch, spill_folder, &no_scratch);

#pragma omp for schedule(dynamic, 1)
	for (size_t i = 0; i < plan->count; i++) {
		size_t index = plan->order[i];
		struct job job = plan->jobs[index];

		if (!ready)
			job.error = &no_scratch;
		if (!interrupt_signal())
			convert_job(&job, index, settings, &scratch,
				    &results[index]);
#pragma omp critical(report)
		report_done(report, index);
	}
	scratch_free(&scratch);
}

bool batch_run(const struct plan *plan, const struct settings *settings,
	       const char *spill_folder, struct totals *totals,
	       struct error *err)
{
	unsigned threads = settings->jobs ? settings->jobs : cpus_allowed();
	struct result *results = memory_array(plan->count, sizeof(*results),
					      err);
	struct report report = { 0 };
	bool ok = false;

	if (!results)
		return false;
	if (threads > plan->count)
		threads = plan->count ? (unsigned)plan->count : 1;
	if (!report_begin(&report, settings, plan, results, err))
		goto done;
#pragma omp parallel num_threads(threads)
	work(plan, settings, spill_folder, results, &report);
	ok = report_end(&report, err);
	*totals = report.totals;
done:
	report_free(&report);
	for (size_t i = 0; i < plan->count; i++)
		result_free(&results[i]);
	free(results);
	return ok;
}
