/*
 * rules.h - what makes a bundle sound, as a table
 *
 * Each rule has an id that stays, a severity, and one sentence.  The rules run
 * in the table's order over one bundle; one that needs what an earlier rule
 * could not give does not run, so that one cause has one finding.  A rule that
 * looks at tensors, keys or files may have a finding for each, up to
 * RULES_FINDINGS_LIMIT.  Findings hold hostile text; whoever prints them
 * escapes it.
 */
#ifndef VALIDATE_RULES_H
#define VALIDATE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/options.h"
#include "base/progress.h"
#include "validate/find.h"
#include "validate/statistics.h"

/* The worst first. */
enum severity { SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_NOTE };

/* "error", "warning", "note" */
const char *rules_severity_name(enum severity severity);

struct subject;

struct rule {
	const char *id;
	enum severity severity;
	unsigned needs, gives;	/* bits: what earlier rules established */
	bool (*check)(struct subject *s, struct error *err);
	const char *sentence;	/* what holds for a sound bundle */
};

struct rule_list {
	const struct rule *rules;
	size_t count;
};

struct rule_list rules_all(void);

enum { RULES_LIMIT = 64, RULES_FINDINGS_LIMIT = 10000 };

struct references;

/* What is asked of all bundles alike.  Zeroed: no more than soundness. */
struct rules_options {
	bool allow_nonfinite;	/* NaN and infinities are worth a note */
	bool warnings_as_errors;
	bool statistics;	/* for a report: result->statistics */
	unsigned expect_actions;	/* 0: any number */
	bool disabled[RULES_LIMIT];	/* by place in rules_all() */
	const struct references *references;	/* borrowed, or NULL */
};

/*
 * Disable rules by id.  ERROR_USAGE for an id that no rule has, and for rules
 * that others build on: without them nothing of a bundle would be judged.
 */
bool rules_disable(struct rules_options *options,
		   const struct option_list *ids, struct error *err);

enum verdict { VERDICT_NONE, VERDICT_OK, VERDICT_BAD, VERDICT_SKIPPED };

/* What an error says, kept in little space. */
struct finding {
	const struct rule *rule;
	enum severity severity;	/* as the options have it */
	enum error_kind kind;
	uint64_t offset;
	char *member;		/* owned; NULL: none */
	char *reason;		/* owned */
};

/* Zeroed: not looked at. */
struct result {
	enum verdict verdict;
	const char *skip;	/* why, if skipped, or bad without a finding */
	size_t tensor_count;
	uint64_t nbytes;	/* of spec and weights, uncompressed */
	struct finding *findings;	/* malloc'ed, [count], rule order */
	size_t count, capacity;
	struct statistics *statistics;	/* a reference, with
				   options->statistics and if the weights could
				   be read; else NULL */
};

/*
 * Judge one candidate; *headers is kept from one to the next, *work counts what
 * is read, unless it is NULL.  If a signal arrives meanwhile, *result stays
 * zeroed; if memory for a finding cannot be had, it is bad without one.
 */
void rules_judge(struct result *result, const struct candidates *candidates,
		 size_t index, const struct rules_options *options,
		 struct safetensors_recall *headers,
		 struct progress_work *work);

void rules_free_result(struct result *result);

#endif
