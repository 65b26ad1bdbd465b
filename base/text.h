/*
 * text.h - is it UTF-8, and how does it look on a terminal
 *
 * Input may be any bytes, NUL among them.  No allocation: safe from any thread.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The number of leading bytes that are whole, shortest-form UTF-8 characters
 * (RFC 3629: no surrogates, nothing above U+10FFFF); len if all of them are.
 */
size_t text_utf8_span(const char *text, size_t len);

/* The bytes of the first such character; 0 if the text starts with none. */
size_t text_character(const char *text, size_t len);

bool text_is_utf8(const char *text, size_t len);

/* Is suffix the end of text, both NUL-terminated? */
bool text_ends_in(const char *text, const char *suffix);

/* U+2028 or U+2029, which some programs take for the end of a line. */
bool text_is_line_separator(const char *character, size_t len);

/*
 * One of those, a control character (C0, DEL, C1), or one that turns the
 * direction of what follows, so that it reads as something else.
 */
bool text_is_control(const char *character, size_t len);

/*
 * The columns that UTF-8 text without control characters takes on a terminal,
 * at most: two for each character from U+1100 on, where the wide ones begin.
 */
size_t text_columns(const char *text, size_t len);

/* The bytes of such text that make up a column, at most. */
#define TEXT_COLUMN_NBYTES 3

/* The longest end of such text that takes at most so many columns. */
const char *text_tail(const char *text, size_t len, size_t columns);

/*
 * Copy text to buf so that it is safe on one line of a terminal: control
 * characters as text_is_control() has them and bytes that are not UTF-8
 * become \n, \t, \r, \xNN or \uNNNN, a backslash becomes two.  What does not
 * fit is cut and "..." put in its place.  buf ends in NUL if size > 0.  Returns
 * the length written.
 */
size_t text_escape(char *buf, size_t size, const char *text, size_t len);

#endif
