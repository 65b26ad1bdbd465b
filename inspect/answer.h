/*
 * answer.h - what a verb has to say, before it is printed
 *
 * Verbs do not print: they write to an answer, and main.c prints it once the
 * verb has ended well.  So nothing of an answer is seen that a checksum at the
 * end of the input would have shown to be wrong.  Failures (memory only) are
 * sticky: write everything, then ask answer_is_whole() once.
 */
#ifndef INSPECT_ANSWER_H
#define INSPECT_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/json.h"

/* In the order of the exit statuses. */
enum answer_status {
	ANSWER_GOOD = 0,
	ANSWER_BAD = 1,		/* a difference, or something unreadable */
	ANSWER_NOTHING = 3	/* there was nothing to look at */
};

/* Zeroed is empty and good. */
struct answer {
	struct buffer text;	/* for standard output */
	struct buffer remarks;	/* lines for standard error */
	enum answer_status status;
	struct error fault;	/* memory */
};

/* Up to 1,023 bytes of our own making: numbers and words. */
__attribute__((format(printf, 2, 3)))
void answer_print(struct answer *a, const char *fmt, ...);

/* Any bytes, made safe for a line of a terminal. */
void answer_escape(struct answer *a, const char *text, size_t len);

/* The same, padded with blanks to so many columns. */
void answer_escape_padded(struct answer *a, const char *text, size_t len,
			  size_t columns);

/*
 * Source text that is shown as it is spelt: safe for a terminal, but without
 * the second backslash that answer_escape() puts to each.
 */
void answer_spell(struct answer *a, const char *text, size_t len);

/* Columns that answer_escape() would take. */
size_t answer_columns(struct answer *a, const char *text, size_t len);

/* A line for standard error; the fault's names and reason are escaped. */
void answer_remark(struct answer *a, const struct error *fault);

/* A writer of JSON into the text. */
struct json_writer answer_json(struct answer *a);

/* False, with the reason, if anything of it could not be kept. */
bool answer_is_whole(const struct answer *a, struct error *err);

void answer_free(struct answer *a);

#endif
