/*
 * console.h - what a terminal can, and numbers for people
 */
#ifndef BASE_CONSOLE_H
#define BASE_CONSOLE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* The words of --color and --progress, in the order of their options. */
enum console_color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
enum console_progress {
	PROGRESS_AUTO, PROGRESS_BAR, PROGRESS_PLAIN, PROGRESS_NONE
};

/*
 * Should standard output be coloured?  COLOR_AUTO: if it is a terminal that
 * can, and NO_COLOR is empty or not set.
 */
bool console_want_color(unsigned choice);

/*
 * What PROGRESS_AUTO means here: a bar if standard error is a terminal that
 * can show one, else lines; those not for who wants it quiet.
 */
enum console_progress console_progress(unsigned choice, bool quiet);

/* Columns a line on standard error may take; 79 if nobody knows. */
int console_width(void);

/* On the monotonic clock. */
double console_seconds_since(const struct timespec *then);

/* "1.5 MB": powers of 1000.  Returns buf. */
const char *console_bytes(char buf[32], uint64_t nbytes);

#endif
