/*
 * error.h - what went wrong, at which byte, in words an operator can act on
 *
 * Every function that can fail takes a 'struct error *' last and returns
 * false after filling it.  The place that finds the fault knows the offset and
 * the reason; the callers above it know the member and the path, and add them
 * with error_in().  The first fault wins: later calls leave it alone, so a
 * close() that fails during clean-up cannot hide the real cause.
 *
 * A zeroed struct is an error that has not happened.  No allocation, no
 * globals, no printing to a stream of its own: safe from any thread.  Reasons
 * and names may hold bytes of hostile input; error_print() escapes them.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum error_kind {
	ERROR_NONE,
	ERROR_IO,		/* the operating system said no */
	ERROR_MEMORY,		/* an allocation failed */
	ERROR_TRUNCATED,	/* the input ends too early */
	ERROR_CORRUPT,		/* the input contradicts itself or its format */
	ERROR_UNSAFE,		/* readable, but no reader should accept it */
	ERROR_UNSUPPORTED,	/* well-formed, but nothing we can represent */
	ERROR_LIMIT,		/* over a limit of ours */
	ERROR_PYTHON,		/* the unpickler did not do its work */
	ERROR_USAGE,		/* the user has to say more, or otherwise */
	ERROR_DIFFERENT,	/* not equal to what it is held against */
	ERROR_INTERRUPTED	/* SIGINT or SIGTERM arrived */
};

#define ERROR_NO_OFFSET UINT64_MAX

struct error {
	enum error_kind kind;
	uint64_t offset;	/* in the member, or in the file if no member */
	char path[512], member[256], reason[512];
};

/* Record the fault unless one is recorded already.  Always returns false. */
__attribute__((format(printf, 4, 5)))
bool error_set(struct error *err, enum error_kind kind, uint64_t offset,
	       const char *fmt, ...);

/*
 * Record a failed system call: fmt says what was tried, errno (read at once)
 * why it failed.  Always returns false.
 */
__attribute__((format(printf, 2, 3)))
bool error_set_errno(struct error *err, const char *fmt, ...);

/* Record that nbytes could not be allocated.  Always returns false. */
bool error_set_memory(struct error *err, size_t nbytes);

/*
 * Add where it is, or NULL for "not known here".  Names that inner callers
 * gave stay; a long one loses its front.  Always returns false.
 */
bool error_in(struct error *err, const char *path, const char *member);

/*
 * Say which file the work was for.  If the fault lies in another, its name
 * moves into the reason.  Always returns false.
 */
bool error_for(struct error *err, const char *path);

/* A stable word for reports: "corrupt", "truncated", ... */
const char *error_kind_name(enum error_kind kind);

/*
 * Write "path: member: offset N: reason" to buf, without a newline, leaving
 * out what is not known.  Control bytes and bytes that are not UTF-8 are
 * escaped.  buf always ends in NUL.
 */
void error_format(const struct error *err, char *buf, size_t len);

/* The same without the path, for reports that print the path themselves. */
void error_format_reason(const struct error *err, char *buf, size_t len);

/* Print "program: " and error_format() and a newline. */
void error_print(FILE *stream, const char *program, const struct error *err);

#endif
