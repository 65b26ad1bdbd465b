/*
 * check.h - what every unit test includes, and checks that name their row
 *
 * A row that fails prints its name and what was expected of it, and the loop
 * goes on to the next; check_rows() at the end of a test fails if one did.
 */
#ifndef TESTS_UNIT_CHECK_H
#define TESTS_UNIT_CHECK_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

#define BYTES(s) (s), sizeof(s) - 1
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define CHECK(row, condition) \
	check_that((row), (condition), #condition, __LINE__)

static unsigned check_failed;

static inline bool check_that(const char *row, bool holds,
			      const char *condition, int line)
{
	if (!holds) {
		print_error("row \"%s\", line %d: %s\n", row, line, condition);
		check_failed++;
	}
	return holds;
}

static inline void check_text(const char *row, const char *got,
			      const char *expected)
{
	if (strcmp(got, expected) == 0)
		return;
	print_error("row \"%s\": got \"%s\", expected \"%s\"\n", row, got,
		    expected);
	check_failed++;
}

/* The fault must be of this kind and place, and its reason hold this part. */
static inline void check_fault(const char *row, const struct error *err,
			       enum error_kind kind, uint64_t offset,
			       const char *reason)
{
	if (err->kind == kind && err->offset == offset &&
	    strstr(err->reason, reason))
		return;
	print_error("row \"%s\": %s at %" PRIu64 " \"%s\", expected %s at %"
		    PRIu64 " \"%s\"\n", row, error_kind_name(err->kind),
		    err->offset, err->reason, error_kind_name(kind), offset,
		    reason);
	check_failed++;
}

static inline void check_rows(void)
{
	unsigned failed = check_failed;

	check_failed = 0;
	if (failed > 0)
		fail_msg("%u checks failed", failed);
}

#endif
