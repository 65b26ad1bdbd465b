/* convert_parts.c - each part once, whoever does it; the first fault is told */
#include "convert/parts.h"

#include <stdatomic.h>

#include "convert/checkpoint.h"
#include "tests/unit/check.h"

enum { MOST = 1000, NONE = MOST };

struct job {
	size_t failing[2];	/* these parts fail */
	atomic_uint *done;	/* [MOST] how often each was done */
};

static bool do_part(const void *context, size_t index,
		    struct scratch *scratch, struct error *err)
{
	const struct job *job = context;

	/* The scratch is nobody else's meanwhile. */
	memset(scratch->buffer, (int)index, 100);
	atomic_fetch_add(&job->done[index], 1);
	for (size_t i = 0; i < COUNT(job->failing); i++)
		if (index == job->failing[i])
			return error_set(err, ERROR_IO, index, "part %zu",
					 index);
	for (size_t i = 0; i < 100; i++)
		if (scratch->buffer[i] != (uint8_t)index)
			return error_set(err, ERROR_CORRUPT, index, "shared");
	return true;
}

static const struct row {
	const char *name;
	size_t count;
	size_t failing[2];
} rows[] = {
	{ "no part", 0, { NONE, NONE } },
	{ "one part", 1, { NONE, NONE } },
	{ "two parts", 2, { NONE, NONE } },
	{ "many parts", MOST, { NONE, NONE } },
	{ "the only part fails", 1, { 0, NONE } },
	{ "the first of many fails", MOST, { 0, NONE } },
	{ "one in the middle fails", MOST, { 500, NONE } },
	{ "two neighbours fail", MOST, { 500, 501 } },
	{ "two fail, the later is named first", MOST, { 703, 700 } },
	{ "the last fails", MOST, { MOST - 1, NONE } },
};

/* One thread has the job, the others of the team wait for something to do. */
static bool run(const struct parts *parts, unsigned threads,
		struct error *err)
{
	bool ok = false;

#pragma omp parallel num_threads(threads)
#pragma omp single
	{
		struct scratch scratch;

		ok = scratch_init(&scratch, NULL, NULL, err);
		scratch.threads = threads;
		ok = ok && parts_do(parts, &scratch, err);
		scratch_free(&scratch);
	}
	return ok;
}

static void check_row(const struct row *row, unsigned threads)
{
	static atomic_uint done[MOST];
	struct job job = { { row->failing[0], row->failing[1] }, done };
	const struct parts parts = { do_part, &job, row->count };
	size_t first = row->failing[0] < row->failing[1] ? row->failing[0]
							  : row->failing[1];
	struct error err = { 0 };

	memset(done, 0, sizeof(done));
	CHECK(row->name, run(&parts, threads, &err) == (first == NONE));
	if (first != NONE)
		check_fault(row->name, &err, ERROR_IO, first, "part ");
	for (size_t i = 0; i < row->count; i++)
		CHECK(row->name, done[i] <= 1 && (i > first || done[i] == 1));
}

static void test_rows(void **state)
{
	(void)state;
	for (unsigned threads = 1; threads <= 20; threads += threads)
		for (size_t i = 0; i < COUNT(rows); i++)
			check_row(&rows[i], threads);
	check_rows();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
