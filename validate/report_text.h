/*
 * report_text.h - the words all reports use, and hostile text made harmless
 *
 * Everything appends to o->text; lack of memory is noted in o->fault.
 */
#ifndef VALIDATE_REPORT_TEXT_H
#define VALIDATE_REPORT_TEXT_H

#include <stddef.h>

#include "validate/report_form.h"

/* As rules_is_error() and the rule say: what a finding is to the user. */
enum report_level { REPORT_ERROR, REPORT_WARNING, REPORT_NOTE, REPORT_LEVELS };

enum report_level report_level(const struct finding *f);

/* "error", "warning", "note"; and for a rule, before anything was found. */
const char *report_level_word(const struct finding *f);
const char *report_rule_level(const struct rule *rule);

/* "ok", "bad", "skipped", "not begun". */
const char *report_verdict_word(enum verdict verdict);

/* How many findings of a level. */
size_t report_count_level(const struct result *result,
			  enum report_level level);

/* "member: offset N: reason", on one line and safe on a terminal. */
#define REPORT_REASON_SIZE (4 * sizeof(struct error))
const char *report_reason(const struct finding *f,
			  char buf[REPORT_REASON_SIZE]);

/* Our own text. */
__attribute__((format(printf, 2, 3)))
void report_print(struct report_output *o, const char *fmt, ...);
void report_put(struct report_output *o, const char *text, size_t len);

/* Any bytes, so that they are one line and safe on a terminal. */
void report_escaped(struct report_output *o, const char *text);

#endif
