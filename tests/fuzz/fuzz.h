/*
 * fuzz.h - what every fuzz target includes: demands, and faults that say why
 *
 * A target is one function that gets one input.  Sanitizers watch memory and
 * arithmetic; what the headers promise is demanded here, and a demand that
 * does not hold ends the program.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/reader.h"
#include "base/text.h"

/* The target; data is a block of exactly len bytes.  Always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define REQUIRE(condition) \
	fuzz_require((condition), #condition, __FILE__, __LINE__)

static inline void fuzz_require(bool holds, const char *condition,
				const char *file, int line)
{
	if (holds)
		return;
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	abort();
}

/* The same bytes in a block of just their size, so that sanitizers see ends. */
static inline void *fuzz_copy(const void *data, size_t len)
{
	void *copy = malloc(len > 0 ? len : 1);

	REQUIRE(copy != NULL);
	if (len > 0)
		memcpy(copy, data, len);
	return copy;
}

/* The same with a NUL behind it, as text. */
static inline char *fuzz_text(const void *data, size_t len)
{
	char *text = malloc(len + 1);

	REQUIRE(text != NULL);
	if (len > 0)
		memcpy(text, data, len);
	text[len] = '\0';
	return text;
}

/* A reader over bytes in memory of which one read fails, as on a bad disk. */
struct fuzz_flaky {
	const uint8_t *data;
	size_t len;
	unsigned reads, fail_at;	/* fail_at 0: none fails */
};

static inline bool fuzz_flaky_read(const void *source, uint64_t offset,
				   void *buf, size_t len, struct error *err)
{
	struct fuzz_flaky *f = (struct fuzz_flaky *)(uintptr_t)source;

	REQUIRE(offset <= f->len && len <= f->len - offset);
	if (++f->reads == f->fail_at)
		return error_set(err, ERROR_IO, ERROR_NO_OFFSET, "bad disk");
	if (len > 0)
		memcpy(buf, f->data + offset, len);
	return true;
}

static inline struct reader fuzz_flaky_reader(struct fuzz_flaky *f)
{
	return (struct reader){ .read = fuzz_flaky_read, .source = f,
				.size = f->len };
}

/* What an operator reads of a fault is one line of text, and says something. */
static inline void fuzz_require_reason(const struct error *err)
{
	char line[4 * sizeof(struct error)];

	REQUIRE(memchr(err->reason, '\0', sizeof(err->reason)) != NULL);
	REQUIRE(err->reason[0] != '\0');
	error_format(err, line, sizeof(line));
	REQUIRE(text_is_utf8(line, strlen(line)));
	for (const char *p = line; *p; p++)
		REQUIRE((unsigned char)*p >= 0x20 && *p != 0x7f);
}

/* The input is at fault, and not the system, the user or the memory. */
static inline void fuzz_require_fault(const struct error *err)
{
	static const bool of_input[] = {
		[ERROR_TRUNCATED] = true, [ERROR_CORRUPT] = true,
		[ERROR_UNSAFE] = true, [ERROR_UNSUPPORTED] = true,
		[ERROR_LIMIT] = true, [ERROR_PYTHON] = true,
	};

	REQUIRE(err->kind < sizeof(of_input) / sizeof(of_input[0]));
	REQUIRE(of_input[err->kind]);
	fuzz_require_reason(err);
}

#endif
