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
	size_t found[SEVERITY_NOTE + 1];	/* findings, by severity */
	uint64_t nbytes;
	double seconds;
};

/*
 * "error", "warning" or "note".  Here and below f may be NULL: a finding that
 * there was no memory for.
 */
const char *report_severity(const struct finding *f);

/* "ok", "bad", "skipped", "not begun". */
const char *report_verdict_word(enum verdict verdict);

size_t report_count(const struct result *result, enum severity severity);

/*
 * "member: offset N: reason", not escaped yet.  Returns buf, or a constant if f
 * is NULL.
 */
#define REPORT_REASON_SIZE sizeof(struct error)
const char *report_reason(const struct finding *f,
			  char buf[REPORT_REASON_SIZE]);

/*
 * The file that a finding of a bundle is about: its member, if the bundle is a
 * folder.  Without "./" in front; malloc'ed, or NULL.
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
