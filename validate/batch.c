/* batch.c - one OpenMP loop over the candidates */
#include "validate/batch.h"

#include <stdlib.h>

#include "base/cpus.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "validate/reference.h"
#include "validate/rules.h"

struct turn {
	size_t index;
	uint64_t nbytes;
};

static int by_size(const void *a, const void *b)
{
	const struct turn *x = a, *y = b;

	if (x->nbytes != y->nbytes)
		return x->nbytes > y->nbytes ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* Largest first, so that the last core is not left with the longest job. */
static struct turn *make_turns(const struct candidates *candidates,
			       struct error *err)
{
	struct turn *turns = memory_array(candidates->count, sizeof(*turns),
					  err);

	if (!turns)
		return NULL;
	for (size_t i = 0; i < candidates->count; i++)
		turns[i] = (struct turn){ i, candidates->items[i].nbytes };
	qsort(turns, candidates->count, sizeof(*turns), by_size);
	return turns;
}

/* Each thread writes its own results; the report is the one thing shared. */
static void work(const struct candidates *candidates,
		 const struct turn *turns, const struct rules_options *options,
		 struct result *results, struct report *report)
{
	struct safetensors_recall headers = { 0 };
	struct progress_work at = { 0 };

#pragma omp for schedule(dynamic, 1)
	for (size_t i = 0; i < candidates->count; i++) {
		size_t index = turns[i].index;
		const struct candidate *c = &candidates->items[index];
		struct result *result = &results[index];

		if (!interrupt_signal()) {
			progress_bar_begin(&report->bar, &at, c->path,
					   c->nbytes);
			rules_judge(result, candidates, index, options,
				    &headers, &at);
			progress_bar_end(&report->bar, &at, result->verdict !=
					 VERDICT_SKIPPED);
		}
		report_done(report, index);
	}
	safetensors_recall_free(&headers);
}

/* No more threads than find something to do: a large bundle has many parts. */
static unsigned count_threads(const struct candidates *candidates,
			      unsigned jobs)
{
	unsigned threads = jobs ? jobs : cpus_allowed();
	uint64_t parts = 0;

	for (size_t i = 0; i < candidates->count && parts < threads; i++)
		parts += weights_parts(candidates->items[i].nbytes);
	if (threads > parts)
		threads = parts ? (unsigned)parts : 1;
	return threads;
}

bool batch_run(const struct candidates *candidates,
	       const struct settings *settings, struct totals *totals,
	       struct error *err)
{
	unsigned threads = count_threads(candidates, settings->jobs);
	struct rules_options options = settings->rules;
	struct references references = { 0 };
	struct result *results = memory_array(candidates->count,
					      sizeof(*results), err);
	struct turn *turns = make_turns(candidates, err);
	struct report report = { 0 };
	bool ok = false;

	if (!results || !turns)
		goto done;
	if ((settings->against || settings->consistent) &&
	    !references_find(&references, candidates, settings->against,
			     settings->consistent, threads, err))
		goto done;
	options.references = &references;
	if (!report_begin(&report, settings, candidates, results, err))
		goto done;
	options.statistics = report_wants_statistics(&report);
#pragma omp parallel num_threads(threads)
	work(candidates, turns, &options, results, &report);
	ok = report_end(&report, err);
	*totals = report.totals;
	report_free(&report);
done:
	references_free(&references);
	free(turns);
	free(results);
	return ok;
}
