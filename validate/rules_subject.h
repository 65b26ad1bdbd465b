/*
 * rules_subject.h - one bundle while the rules run over it
 *
 * For the files of the rules alone.  A check returns true if its rule holds.
 * If not, it fills in the error, which becomes a finding; or it has made its
 * findings with subject_add() and returns true, as it does if there is nothing
 * to look at.  Checks run one after the other.
 */
#ifndef VALIDATE_RULES_SUBJECT_H
#define VALIDATE_RULES_SUBJECT_H

#include "formats/key_diff.h"
#include "formats/policy_spec.h"
#include "validate/listing.h"
#include "validate/open.h"
#include "validate/rules.h"

/* What a rule can establish for those after it. */
enum {
	HAS_CONTAINER = 1,	/* container is open */
	IS_BUNDLE = 2,		/* and means to be a bundle */
	HAS_SPEC = 4,		/* spec is parsed */
	HAS_CLASS = 8,		/* the loader can take its class */
	HAS_DATA_PATH = 16,	/* data_path is clean, if there is one */
	HAS_BYTES = 32,		/* the weights were read, by all readers */
	HAS_WEIGHTS = 64,	/* and by ours: header and counts are there */
	HAS_LISTING = 128,	/* all that lies in it is known */
	HAS_DIFF = 256		/* so is how it differs from the reference */
};

struct subject {
	const struct candidate *candidate;
	size_t index;		/* of the candidate */
	const struct rules_options *options;
	struct safetensors_recall *headers;
	struct progress_work *work;
	struct container container;
	struct listing listing;
	struct policy_spec spec;
	struct architecture architecture;	/* empty: none, or unreadable */
	char *data_path;	/* owned; NULL: the spec names no weights */
	char *setup_script;	/* owned, clean; NULL: none */
	struct weights weights;
	struct error strict;	/* what only our reader minds in them */
	struct key_diff diff;	/* from the reference of --against */
	uint64_t nbytes;
	const char *judged[2];	/* members whose CRC needs no other look */
	const char *something_else;	/* why a doubtful one is no bundle */

	/* For subject_add(). */
	struct result *result;
	const struct rule *rule;
	size_t added;		/* findings of this rule */
	bool no_memory;
};

/*
 * Add a finding of the rule that runs, of its severity or less.  Those over
 * RULES_FINDINGS_LIMIT are counted and not kept.
 */
void subject_add(struct subject *s, enum severity severity,
		 const struct error *error);

/* Names of some things of many: 'a', "b" and 3 more; zeroed is empty. */
struct subject_names {
	size_t count;
	size_t end;		/* of the names in the text */
	char text[240];
};

void subject_names_add(struct subject_names *names, const char *name,
		       size_t len);

/* rules_container.c */
bool rule_container(struct subject *s, struct error *err);
bool rule_legacy(struct subject *s, struct error *err);
bool rule_crc(struct subject *s, struct error *err);
bool rule_listing(struct subject *s, struct error *err);
bool rule_leftover(struct subject *s, struct error *err);
bool rule_extra(struct subject *s, struct error *err);
bool rule_mode(struct subject *s, struct error *err);
bool rule_name_epoch(struct subject *s, struct error *err);
bool rule_name_dotted(struct subject *s, struct error *err);
bool rule_name_run(struct subject *s, struct error *err);

/* rules_spec.c */
bool rule_spec(struct subject *s, struct error *err);
bool rule_spec_class(struct subject *s, struct error *err);
bool rule_spec_short_class(struct subject *s, struct error *err);
bool rule_spec_data_path(struct subject *s, struct error *err);
bool rule_spec_setup_script(struct subject *s, struct error *err);
bool rule_spec_architecture(struct subject *s, struct error *err);
bool rule_spec_unknown(struct subject *s, struct error *err);

/* rules_weights.c */
bool rule_weights(struct subject *s, struct error *err);
bool rule_weights_strict(struct subject *s, struct error *err);
bool rule_weights_none(struct subject *s, struct error *err);
bool rule_nonfinite(struct subject *s, struct error *err);
bool rule_bool_bytes(struct subject *s, struct error *err);
bool rule_all_zero(struct subject *s, struct error *err);
bool rule_constant(struct subject *s, struct error *err);
bool rule_denormal(struct subject *s, struct error *err);

/* rules_keys.c */
bool rule_keys_prefix(struct subject *s, struct error *err);
bool rule_keys_mixed(struct subject *s, struct error *err);
bool rule_keys_architecture(struct subject *s, struct error *err);
bool rule_keys_actions(struct subject *s, struct error *err);

/* rules_against.c */
bool rule_against(struct subject *s, struct error *err);
bool rule_against_missing(struct subject *s, struct error *err);
bool rule_against_unexpected(struct subject *s, struct error *err);
bool rule_against_shape(struct subject *s, struct error *err);
bool rule_against_dtype(struct subject *s, struct error *err);
bool rule_consistent(struct subject *s, struct error *err);

#endif
