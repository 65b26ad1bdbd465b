/*
 * report_text.h - the words all reports use, and hostile text made harmless
 */
#ifndef VALIDATE_REPORT_TEXT_H
#define VALIDATE_REPORT_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"
#include "validate/find.h"
#include "validate/rules.h"

struct totals {
	size_t ok, bad, skipped, not_begun;
	uint64_t nbytes;
	double seconds;
};

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

/*
 * "member: offset N: reason", not escaped yet.  f may be NULL: there was no
 * memory for what was found.  Returns buf or a constant.
 */
#define REPORT_REASON_SIZE sizeof(struct error)
const char *report_reason(const struct finding *f,
			  char buf[REPORT_REASON_SIZE]);

/*
 * The file that a finding (or NULL) of a bundle is about: its member, if the
 * bundle is a folder.  Without "./" in front; malloc'ed, or NULL.
 */
char *report_file_of(const struct candidate *c, const struct finding *f,
		     struct error *err);

/* Text that grows; why it is not whole, if memory was lacking. */
struct report_text {
	struct buffer bytes;
	struct error fault;
};

/* Our own words. */
__attribute__((format(printf, 2, 3)))
void report_print(struct report_text *t, const char *fmt, ...);
void report_put(struct report_text *t, const char *text, size_t len);

/* Any bytes, so that they are one line and safe on a terminal. */
void report_escaped(struct report_text *t, const char *text);

/*
 * The same in XML or HTML, between tags or in a quoted attribute.  What XML
 * forbids even as a reference becomes U+FFFD.
 */
void report_markup(struct report_text *t, const char *text);

/* "all 3 bundles are sound", "1 of 3 bundles is bad" */
void report_headline(struct report_text *t, const struct totals *totals);

/* Append all of another text, and its fault; that is empty then. */
void report_move(struct report_text *t, struct report_text *other);

#endif
