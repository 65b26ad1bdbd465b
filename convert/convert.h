/*
 * convert.h - one checkpoint to one bundle
 *
 * In two steps: convert_job() reads a source and writes its bundle under a
 * temporary name; convert_settle() is told what became of that name.  Between
 * them bundles are made durable, many at once (group.h).
 */
#ifndef CONVERT_CONVERT_H
#define CONVERT_CONVERT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "convert/checkpoint.h"
#include "convert/emit.h"
#include "convert/history.h"
#include "convert/journal.h"
#include "convert/plan.h"
#include "convert/result.h"
#include "convert/settings.h"

/* What all jobs of a plan share. */
struct conversion {
	const struct settings *settings;
	const struct plan *plan;
	const struct journals *journals;
	const struct history *history;
};

/*
 * Do job number 'index' of the plan.  Whatever happens is in *result, a zeroed
 * one, which is final unless there is something in *written now: then
 * emit_discard() and convert_settle() must follow.
 */
void convert_job(const struct conversion *cv, size_t index,
		 struct scratch *scratch, struct result *result,
		 struct written *written);

/* It cannot even be begun; *result is a zeroed one, too. */
void convert_refuse(const struct conversion *cv, size_t index,
		    const struct error *err, struct result *result);

/*
 * Something has the name that a bundle should have: may it be replaced?  Only
 * if the user says so, or it is as an earlier run left it.
 */
bool convert_may_replace(const struct conversion *cv, size_t index,
			 struct scratch *scratch, bool *may,
			 struct error *err);

/* What the bundle found in its place, and whether it was put there. */
struct settled {
	enum existing existing;
	bool replaced;
};

/* Make *result final: settled, or failed for *err if that is a fault. */
void convert_settle(const struct conversion *cv, size_t index,
		    const struct settled *settled, const struct error *err,
		    struct result *result);

#endif
