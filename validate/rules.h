/*
 * rules.h - what makes a bundle sound, as a table
 *
 * Each rule has an id that stays, a severity, and one sentence.  The rules run
 * in the table's order over one bundle; one that needs what an earlier rule
 * could not give does not run, so that one cause has one finding.  Findings
 * hold hostile text; whoever prints them escapes it.
 */
#ifndef VALIDATE_RULES_H
#define VALIDATE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/progress.h"
#include "validate/find.h"
#include "validate/weights.h"

enum severity { SEVERITY_ERROR, SEVERITY_NOTE };

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

enum verdict { VERDICT_NONE, VERDICT_OK, VERDICT_BAD, VERDICT_SKIPPED };

/* What an error says, kept in little space. */
struct finding {
	const struct rule *rule;
	enum error_kind kind;
	uint64_t offset;
	char *member;		/* owned; NULL: none */
	char *reason;		/* owned */
};

/* Zeroed: not looked at. */
struct result {
	enum verdict verdict;
	const char *skip;	/* why, if skipped */
	size_t tensor_count;
	uint64_t nbytes;	/* of spec and weights, uncompressed */
	struct finding *findings;	/* malloc'ed, [count], rule order */
	size_t count, capacity;
	struct weights weights;	/* with statistics, if they could be read and
				   were asked for; else empty */
};

/*
 * Judge one candidate, and take statistics of its weights if they are asked
 * for; *work counts what is read, unless it is NULL.  If a
 * signal arrives meanwhile, *result stays zeroed; if memory for a finding
 * cannot be had, it is bad without one.
 */
void rules_judge(struct result *result, const struct candidate *candidate,
		 bool statistics, struct progress_work *work);

/* A note's check that fails for the system's reasons is no mere note. */
bool rules_is_error(const struct finding *finding);

/* The same as an error, to print it. */
struct error rules_error(const struct finding *finding);

void rules_free_result(struct result *result);

#endif
