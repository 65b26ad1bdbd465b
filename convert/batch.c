/* batch.c - one OpenMP loop over the jobs */
#include "convert/batch.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/cpus.h"
#include "base/interrupt.h"
#include "convert/group.h"
#include "convert/relay.h"

/* What the threads share. */
struct batch {
	const struct conversion *cv;
	struct journals *journals;
	struct report *report;
	const char *spill_folder;
	unsigned threads;
	atomic_size_t failed;
};

/* What a thread has of its own. */
struct worker {
	struct scratch scratch;
	struct group group;
	struct journal_lines lines;
};

/* What cannot be had for one job can perhaps be had for the next. */
static bool prepare(const struct batch *b, struct worker *w,
		    struct error *err)
{
	const struct settings *settings = b->cv->settings;

	if (!w->group.items && !group_init(&w->group, b->cv, b->threads, err))
		return false;
	if (w->scratch.buffer)
		return true;
	if (!scratch_init(&w->scratch, b->spill_folder,
			  settings->state_dict_key, err))
		return false;
	w->scratch.helper.no_sandbox = settings->no_sandbox;
	w->scratch.helper.timeout_s = settings->timeout_s;
	w->scratch.max_expansion = settings->max_expansion;
	w->scratch.threads = b->threads;
	return true;
}

/* The user, or --max-errors, wants nothing more to be begun. */
static bool is_stopped(struct batch *b)
{
	unsigned most = b->cv->settings->max_errors;

	return interrupt_signal() ||
	       (most > 0 && atomic_load(&b->failed) >= most);
}

/* A result is final, or there was no memory for one: record and report it. */
static void finish(struct batch *b, struct worker *w, size_t index,
		   struct result *result)
{
	const struct result *final = result_or_failure(result);

	if (result_is_bad(final->status))
		atomic_fetch_add(&b->failed, 1);
	if (!b->cv->settings->read_only && !final->on_record &&
	    final->status != STATUS_NONE)
		journals_add(b->journals, &w->lines,
			     &b->cv->plan->jobs[index], final);
	if (result)
		result_drop_crcs(result);
	report_done(b->report, index, result);
}

static void commit(struct batch *b, struct worker *w)
{
	if (w->group.count == 0)
		return;
	group_commit(&w->group, &w->scratch);
	for (size_t i = 0; i < w->group.count; i++)
		finish(b, w, w->group.items[i].index,
		       w->group.items[i].result);
	group_clear(&w->group);
	journals_flush(b->journals, &w->lines);
}

static void convert_one(struct batch *b, size_t index, struct worker *w,
			struct result *result)
{
	const struct job *job = &b->cv->plan->jobs[index];
	struct progress_work *work = &w->scratch.work;
	struct written written;

	progress_bar_begin(&b->report->bar, work, job->source->path,
			   job->source->nbytes);
	convert_job(b->cv, index, &w->scratch, result, &written);
	progress_bar_end(&b->report->bar, work,
			 result->status != STATUS_SKIPPED);
	if (written.form)
		group_add(&w->group, index, &written, result);
	else
		finish(b, w, index, result);
}

static void do_job(struct batch *b, size_t index, struct worker *w)
{
	const struct job *job = &b->cv->plan->jobs[index];
	struct result *result = result_new();
	struct error fault = { 0 };

	/* The bundle of an earlier source must have its name by now. */
	if (job->same_as || group_is_due(&w->group, job->source->nbytes))
		commit(b, w);
	if (result && !is_stopped(b)) {
		if (prepare(b, w, &fault)) {
			convert_one(b, index, w, result);
			return;
		}
		convert_refuse(b->cv, index, &fault, result);
	}
	finish(b, w, index, result);
}

static void work(struct batch *b)
{
	const struct plan *plan = b->cv->plan;
	struct worker w = { 0 };

#pragma omp for schedule(dynamic, 1) nowait
	for (size_t i = 0; i < plan->count; i++) {
		const struct job *job = &plan->jobs[plan->order[i]];

		if (job->same_as)
			continue;
		/* Sources for one bundle go one after the other. */
		for (; job; job = job->next_same)
			do_job(b, (size_t)(job - plan->jobs), &w);
	}
	commit(b, &w);
	journals_flush(b->journals, &w.lines);
	group_free(&w.group);
	buffer_free(&w.lines.text);
	scratch_free(&w.scratch);
}

/* One file can keep several threads busy. */
static bool has_large(const struct plan *plan)
{
	return plan->count > 0 &&
	       plan->jobs[plan->order[0]].source->nbytes >= RELAY_LARGE;
}

static unsigned choose_threads(const struct conversion *cv)
{
	unsigned threads = cv->settings->jobs ? cv->settings->jobs :
						cpus_allowed();
	size_t count = cv->plan->count;

	if (threads <= count || has_large(cv->plan))
		return threads;
	return count ? (unsigned)count : 1;
}

bool batch_run(const struct conversion *cv, struct journals *journals,
	       const char *spill_folder, struct totals *totals,
	       struct error *err)
{
	struct report report = { 0 };
	struct batch batch = { cv, journals, &report, spill_folder,
			       choose_threads(cv), 0 };
	bool ok = report_begin(&report, cv->settings, cv->plan, err);

	if (ok) {
#pragma omp parallel num_threads(batch.threads)
		work(&batch);
		ok = report_end(&report, err);
		*totals = report.totals;
	}
	report_free(&report);
	return ok;
}
