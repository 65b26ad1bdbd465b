/* rules.c - the table of the rules, in the order of what they build on */
#include "validate/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "validate/rules_subject.h"

static const struct rule rules[] = {
	{ "container", SEVERITY_ERROR, 0, HAS_CONTAINER, rule_container,
	  "A bundle is a folder, or a zip archive that all readers read "
	  "alike." },
	{ "legacy", SEVERITY_ERROR, HAS_CONTAINER, IS_BUNDLE, rule_legacy,
	  "A legacy checkpoint is no bundle, and a bundle is not named .mpt." },
	{ "spec", SEVERITY_ERROR, IS_BUNDLE, HAS_SPEC, rule_spec,
	  "policy_spec.json is strict JSON with the loader's fields and "
	  "types." },
	{ "spec-class", SEVERITY_ERROR, HAS_SPEC, HAS_CLASS, rule_spec_class,
	  "class_path names a policy, not a pointer to a legacy checkpoint." },
	{ "spec-data-path", SEVERITY_ERROR, HAS_SPEC, HAS_DATA_PATH,
	  rule_spec_data_path,
	  "data_path is a path inside the bundle; a checkpoint has one." },
	{ "spec-setup-script", SEVERITY_ERROR, HAS_SPEC, 0,
	  rule_spec_setup_script,
	  "setup_script, if there is one, is a .py file of the bundle." },
	{ "spec-architecture", SEVERITY_ERROR, HAS_SPEC, 0,
	  rule_spec_architecture,
	  "architecture_spec reads dotted.Class(key=literal, ...)." },
	{ "weights", SEVERITY_ERROR, HAS_DATA_PATH, HAS_BYTES, rule_weights,
	  "The file at data_path is safetensors, sound to its last byte." },
	{ "weights-strict", SEVERITY_ERROR, HAS_BYTES, HAS_WEIGHTS,
	  rule_weights_strict,
	  "It also keeps those rules of the format that its usual reader does "
	  "not ask for." },
	{ "crc", SEVERITY_ERROR, HAS_CONTAINER, 0, rule_crc,
	  "Every member of an archive has the size and CRC it declares." },
	{ "nonfinite", SEVERITY_ERROR, HAS_WEIGHTS, 0, rule_nonfinite,
	  "No tensor holds NaN or an infinity." },
	{ "keys-architecture", SEVERITY_ERROR, HAS_SPEC | HAS_WEIGHTS, 0,
	  rule_keys_architecture,
	  "The core that architecture_spec describes is the one that the keys "
	  "have." },
	{ "keys-actions", SEVERITY_ERROR, HAS_WEIGHTS, 0, rule_keys_actions,
	  "The actor head has as many actions as --expect-actions says." },
	{ "against", SEVERITY_ERROR, HAS_WEIGHTS, HAS_DIFF, rule_against,
	  "The reference of --against is there and can be read." },
	{ "against-missing", SEVERITY_ERROR, HAS_DIFF, 0,
	  rule_against_missing,
	  "Every key of the reference is there." },
	{ "against-unexpected", SEVERITY_ERROR, HAS_DIFF, 0,
	  rule_against_unexpected,
	  "Every key is one of the reference." },
	{ "against-shape", SEVERITY_ERROR, HAS_DIFF, 0, rule_against_shape,
	  "Every tensor has the shape that it has in the reference." },
	{ "consistent", SEVERITY_ERROR, HAS_WEIGHTS, 0, rule_consistent,
	  "With --consistent, keys, shapes and dtypes are those of the run's "
	  "other epochs." },
	{ "against-dtype", SEVERITY_WARNING, HAS_DIFF, 0, rule_against_dtype,
	  "Every tensor has the dtype that it has in the reference." },
	{ "bool-bytes", SEVERITY_WARNING, HAS_WEIGHTS, 0, rule_bool_bytes,
	  "The bytes of BOOL tensors are 0 and 1." },
	{ "keys-prefix", SEVERITY_WARNING, HAS_WEIGHTS, 0, rule_keys_prefix,
	  "No key carries the name of a wrapper, such as module." },
	{ "keys-mixed", SEVERITY_WARNING, HAS_WEIGHTS, 0, rule_keys_mixed,
	  "Either all keys have a wrapper's prefix or an old name in front, or "
	  "none has." },
	{ "spec-short-class", SEVERITY_WARNING, HAS_CLASS, 0,
	  rule_spec_short_class,
	  "class_path is a dotted name, not one that has to be registered." },
	{ "listing", SEVERITY_WARNING, IS_BUNDLE, HAS_LISTING, rule_listing,
	  "What lies in the bundle can be listed." },
	{ "leftover", SEVERITY_WARNING, HAS_LISTING, 0, rule_leftover,
	  "No temporary file of a killed writer lies in the bundle." },
	{ "name-dotted", SEVERITY_WARNING, IS_BUNDLE, 0, rule_name_dotted,
	  "The name of a bundle folder has no dot." },
	{ "spec-unknown", SEVERITY_NOTE, HAS_SPEC, 0, rule_spec_unknown,
	  "policy_spec.json has no fields that the loader ignores." },
	{ "weights-none", SEVERITY_NOTE, HAS_CLASS | HAS_BYTES, 0,
	  rule_weights_none,
	  "The bundle has weights." },
	{ "all-zero", SEVERITY_NOTE, HAS_WEIGHTS, 0, rule_all_zero,
	  "No tensor holds zeros only." },
	{ "constant", SEVERITY_NOTE, HAS_WEIGHTS, 0, rule_constant,
	  "No tensor holds one other value only." },
	{ "denormal", SEVERITY_NOTE, HAS_WEIGHTS, 0, rule_denormal,
	  "No value is denormal." },
	{ "extra", SEVERITY_NOTE, HAS_DATA_PATH | HAS_LISTING, 0, rule_extra,
	  "No files lie in the bundle that neither the loader nor the "
	  "framework knows." },
	{ "mode", SEVERITY_NOTE, HAS_LISTING, 0, rule_mode,
	  "All users may read the bundle." },
	{ "name-epoch", SEVERITY_NOTE, IS_BUNDLE, 0, rule_name_epoch,
	  "The name is <run>:v<epoch>." },
	{ "name-run", SEVERITY_NOTE, IS_BUNDLE, 0, rule_name_run,
	  "The run's name is one the framework used to allow." },
};

enum {
	COUNT = sizeof(rules) / sizeof(rules[0]),
	/* Without what these give, hardly anything would be looked at. */
	ESSENTIAL = HAS_CONTAINER | IS_BUNDLE | HAS_SPEC | HAS_DATA_PATH |
		    HAS_BYTES | HAS_LISTING | HAS_DIFF
};

_Static_assert((int)COUNT <= (int)RULES_LIMIT, "one flag for each rule");

struct rule_list rules_all(void)
{
	return (struct rule_list){ rules, COUNT };
}

const char *rules_severity_name(enum severity severity)
{
	static const char *const names[] = {
		[SEVERITY_ERROR] = "error",
		[SEVERITY_WARNING] = "warning",
		[SEVERITY_NOTE] = "note",
	};

	return names[severity];
}

static bool disable(struct rules_options *options, const char *id,
		    struct error *err)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (strcmp(rules[i].id, id) != 0)
			continue;
		if ((rules[i].gives & ESSENTIAL) != 0)
			return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
					 "rule \"%s\" cannot be disabled: "
					 "others build on it", id);
		options->disabled[i] = true;
		return true;
	}
	return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
			 "--disable takes the id of a rule, as --list-rules "
			 "prints it, not \"%.80s\"", id);
}

bool rules_disable(struct rules_options *options,
		   const struct option_list *ids, struct error *err)
{
	for (size_t i = 0; i < ids->count; i++)
		if (!disable(options, ids->values[i], err))
			return false;
	return true;
}

/* ---- findings ---- */

static enum severity effective(const struct subject *s, enum severity severity,
			       enum error_kind kind)
{
	if (kind == ERROR_IO || kind == ERROR_MEMORY)
		return SEVERITY_ERROR;
	if (severity == SEVERITY_WARNING && s->options->warnings_as_errors)
		return SEVERITY_ERROR;
	return severity;
}

static bool keep_finding(struct result *result, const struct rule *rule,
			 enum severity severity, const struct error *error)
{
	void *grown = result->findings;
	struct error no_memory = { 0 };
	struct finding *f;

	if (!memory_grow(&grown, &result->capacity, result->count + 1,
			 sizeof(*f), &no_memory))
		return false;
	result->findings = grown;
	f = &result->findings[result->count++];
	*f = (struct finding){
		.rule = rule,
		.severity = severity,
		.kind = error->kind,
		.offset = error->offset,
		.member = error->member[0] ? strdup(error->member) : NULL,
		.reason = strdup(error->reason),
	};
	if (severity == SEVERITY_ERROR)
		result->verdict = VERDICT_BAD;
	return f->reason && (f->member || !error->member[0]);
}

void subject_add(struct subject *s, enum severity severity,
		 const struct error *error)
{
	/* Rules behind one that could not look would find nothing either. */
	if ((s->options->disabled[s->rule - rules] &&
	     error->kind != ERROR_MEMORY) ||
	    s->added++ >= RULES_FINDINGS_LIMIT)
		return;
	if (!keep_finding(s->result, s->rule,
			  effective(s, severity, error->kind), error))
		s->no_memory = true;
}

/* Say what was not kept. */
static void add_rest(struct subject *s)
{
	struct error rest = { 0 };
	size_t more = s->added - RULES_FINDINGS_LIMIT;

	if (s->added <= RULES_FINDINGS_LIMIT)
		return;
	s->added = 0;
	error_set(&rest, ERROR_LIMIT, ERROR_NO_OFFSET,
		  "%zu more findings of this rule are not listed", more);
	subject_add(s, s->rule->severity, &rest);
}

void subject_names_add(struct subject_names *names, const char *name,
		       size_t len)
{
	enum { SHOWN = 3, NAME = 50, REST = 40 };
	size_t used = strlen(names->text);
	char escaped[NAME];

	if (names->count++ < SHOWN) {
		text_escape(escaped, sizeof(escaped), name, len);
		snprintf(names->text + used, sizeof(names->text) - used,
			 "%s\"%s\"", used ? ", " : "", escaped);
		return;
	}
	if (names->count == SHOWN + 1)
		names->end = used;
	snprintf(names->text + names->end, REST, " and %zu more",
		 names->count - SHOWN);
}

/* ---- one bundle ---- */

static void skip(struct result *result, const char *reason)
{
	rules_free_result(result);
	result->verdict = VERDICT_SKIPPED;
	result->skip = reason;
}

/* What was found, for want of memory: that alone makes the bundle bad. */
static void forget(struct result *result)
{
	rules_free_result(result);
	result->verdict = VERDICT_BAD;
	result->skip = "out of memory";
}

/* False if the rest is not to be looked at. */
static bool run_rule(struct subject *s, unsigned *has)
{
	const struct rule *rule = s->rule;
	struct error error = { 0 };

	s->added = 0;
	if (rule->check(s, &error)) {
		*has |= rule->gives;
	} else if (error.kind == ERROR_INTERRUPTED) {
		rules_free_result(s->result);
		return false;
	} else {
		subject_add(s, rule->severity, &error);
	}
	add_rest(s);
	if (s->no_memory) {
		forget(s->result);
		return false;
	}
	if (s->something_else) {
		skip(s->result, s->something_else);
		return false;
	}
	return true;
}

static void judge(struct subject *s)
{
	struct result *result = s->result;
	struct error error = { 0 };
	unsigned has = 0;

	result->verdict = VERDICT_OK;
	for (s->rule = rules; s->rule < rules + COUNT; s->rule++)
		if ((s->rule->needs & ~has) == 0 && !run_rule(s, &has))
			return;
	result->tensor_count = weights_tensors(&s->weights)->count;
	result->nbytes = s->nbytes;
	if (s->weights.statistics) {
		result->statistics = statistics_make(&s->weights, &error);
		if (!result->statistics)
			forget(result);
	}
}

void rules_judge(struct result *result, const struct candidates *candidates,
		 size_t index, const struct rules_options *options,
		 struct safetensors_recall *headers,
		 struct progress_work *work)
{
	struct subject s = {
		.candidate = &candidates->items[index],
		.index = index,
		.options = options,
		.headers = headers,
		.work = work,
		.result = result,
	};

	*result = (struct result){ 0 };
	if (s.candidate->skip) {
		skip(result, s.candidate->skip);
		return;
	}
	judge(&s);
	key_diff_free(&s.diff);
	weights_free(&s.weights);
	free(s.data_path);
	free(s.setup_script);
	architecture_free(&s.architecture);
	policy_spec_free(&s.spec);
	listing_free(&s.listing);
	open_container_close(&s.container);
}

void rules_free_result(struct result *result)
{
	for (size_t i = 0; i < result->count; i++) {
		free(result->findings[i].member);
		free(result->findings[i].reason);
	}
	free(result->findings);
	statistics_drop(result->statistics);
	*result = (struct result){ 0 };
}
