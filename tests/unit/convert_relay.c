/* convert_relay.c - every byte in its place and order, whoever writes it */
#include "convert/relay.h"

#include <omp.h>
#include <stdatomic.h>

#include "convert/sink.h"
#include "tests/unit/check.h"

enum { CAPACITY = 64, MOST = 100 * CAPACITY, NEVER = -1 };

/* Takes bytes in their order only, and fails at a place. */
struct target {
	uint8_t bytes[MOST];
	uint64_t reached, fails_at;
	unsigned calls_after_fault;
	bool failed;
	atomic_int writing;
};

static bool write_target(void *to, uint64_t offset, const void *buf,
			 size_t len, struct error *err)
{
	struct target *t = to;

	t->calls_after_fault += t->failed;
	if (atomic_fetch_add(&t->writing, 1) > 0)
		return error_set(err, ERROR_CORRUPT, offset, "two at once");
	if (offset < t->reached)
		return error_set(err, ERROR_CORRUPT, offset, "out of order");
	t->failed = offset + len > t->fails_at;
	if (!t->failed)
		memcpy(t->bytes + offset, buf, len);
	t->reached = offset + len;
	atomic_fetch_sub(&t->writing, 1);
	return !t->failed || error_set(err, ERROR_IO, t->fails_at, "is full");
}

static const struct row {
	const char *name;
	size_t nbytes, step;	/* in all, and at once */
	size_t gap;		/* left out after each step */
	int fails_at;		/* the writer */
	int stops_at;		/* the maker, with another fault */
} rows[] = {
	{ "nothing", 0, 1, 0, NEVER, NEVER },
	{ "less than a buffer", 10, 3, 0, NEVER, NEVER },
	{ "a buffer", CAPACITY, CAPACITY, 0, NEVER, NEVER },
	{ "a byte more", CAPACITY + 1, 1, 0, NEVER, NEVER },
	{ "many buffers", MOST, 7, 0, NEVER, NEVER },
	{ "many at once", MOST, MOST, 0, NEVER, NEVER },
	{ "with gaps", MOST, 40, 24, NEVER, NEVER },
	{ "the first write fails", MOST, 7, 0, 0, NEVER },
	{ "one in the middle fails", MOST, 7, 0, MOST / 2, NEVER },
	{ "the last fails", MOST, 7, 0, MOST - 1, NEVER },
	{ "the maker fails", MOST, 7, 0, NEVER, MOST / 2 },
	{ "the maker fails after the writer", MOST, 1, 0, MOST / 2,
	  MOST / 2 + 2 * CAPACITY },
};

static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)(offset * 31 + offset / 256);
}

static bool make(const struct row *row, struct sink *sink, struct error *err)
{
	uint8_t bytes[MOST];

	for (size_t at = 0; at < row->nbytes; at += row->step + row->gap) {
		size_t left = row->nbytes - at;
		size_t n = left < row->step ? left : row->step;

		if (row->stops_at != NEVER && at >= (size_t)row->stops_at)
			return error_set(err, ERROR_CORRUPT, at, "is broken");
		for (size_t i = 0; i < n; i++)
			bytes[i] = byte_at(at + i);
		if (!sink_seek(sink, at, err) ||
		    !sink_write(sink, bytes, n, err))
			return false;
	}
	return sink_flush(sink, err);
}

/* One thread makes, the others of the team wait for something to do. */
static bool run(const struct row *row, unsigned threads,
		struct target *target, struct progress_work *work,
		struct relay_idle idle, struct error *err)
{
	bool ok = false;

#pragma omp parallel num_threads(threads)
#pragma omp single
	{
		uint8_t buffer[CAPACITY];
		struct writer to = { .write = write_target, .to = target };
		struct sink sink = sink_over(to, buffer, sizeof(buffer));
		struct relay relay;

		sink.work = work;
		sink_use_relay(&sink, &relay, true, idle);
		ok = make(row, &sink, err);
		ok = sink_leave_relay(&sink, err) && ok;
	}
	return ok;
}

static void check_bytes(const struct row *row, const struct target *target)
{
	for (size_t at = 0; at < row->nbytes; at += row->step + row->gap)
		for (size_t i = at; i < at + row->step && i < row->nbytes; i++)
			if (!CHECK(row->name,
				   target->bytes[i] == byte_at(i)))
				return;
}

static void check_row(const struct row *row, unsigned threads)
{
	struct target target = { .fails_at = row->fails_at == NEVER ?
					     MOST : (uint64_t)row->fails_at };
	struct progress_work work = { 0 };
	struct error err = { 0 };
	bool ok = run(row, threads, &target, &work,
		      (struct relay_idle){ 0 }, &err);

	CHECK(row->name, target.calls_after_fault == 0);
	if (row->fails_at != NEVER)
		check_fault(row->name, &err, ERROR_IO,
			    (uint64_t)row->fails_at, "is full");
	else if (row->stops_at != NEVER)
		check_fault(row->name, &err, ERROR_CORRUPT, err.offset,
			    "is broken");
	else if (CHECK(row->name, ok))
		check_bytes(row, &target);
	CHECK(row->name, ok == (err.kind == ERROR_NONE));
	if (ok && row->gap == 0)
		CHECK(row->name, atomic_load(&work.moved) == row->nbytes);
}

static void test_rows(void **state)
{
	(void)state;
	for (unsigned threads = 1; threads <= 8; threads += threads)
		for (size_t i = 0; i < COUNT(rows); i++)
			for (int round = 0; round < 20; round++)
				check_row(&rows[i], threads);
	check_rows();
}

/* What there is to do beside. */
struct idle {
	pthread_t maker;
	atomic_int rest;	/* times */
	atomic_int in_vain;	/* calls when there was none */
	atomic_bool by_maker;
};

static bool idle_work(void *with)
{
	struct idle *i = with;

	if (pthread_equal(pthread_self(), i->maker))
		atomic_store(&i->by_maker, true);
	if (atomic_load(&i->rest) > 0) {
		atomic_fetch_sub(&i->rest, 1);
		return true;
	}
	atomic_fetch_add(&i->in_vain, 1);
	return false;
}

/* Of each second buffer, once that before was passed, waits for the idle. */
static bool make_slowly(struct sink *sink, struct idle *idle,
			struct error *err)
{
	uint8_t byte = 0;

	for (int i = 0; i < MOST; i++) {
		int place = i % (2 * CAPACITY);

		if (place == CAPACITY - 1)
			atomic_store(&idle->rest, 3);
		while (place == CAPACITY + 1 && atomic_load(&idle->rest) > 0)
			;
		if (!sink_write(sink, &byte, 1, err))
			return false;
	}
	return sink_flush(sink, err);
}

static void test_idle(void **state)
{
	struct target target = { .fails_at = MOST };
	struct idle idle = { 0 };
	struct error err = { 0 };
	bool ok = false;
	int in_vain = 0;

	(void)state;
	if (omp_get_thread_limit() < 2)
		skip();		/* nobody would come */
#pragma omp parallel num_threads(2)
#pragma omp single
	{
		uint8_t buffer[CAPACITY];
		struct writer to = { .write = write_target, .to = &target };
		struct sink sink = sink_over(to, buffer, sizeof(buffer));
		struct progress_work work = { 0 };
		struct relay relay;

		sink.work = &work;
		idle.maker = pthread_self();
		sink_use_relay(&sink, &relay, true,
			       (struct relay_idle){ idle_work, &idle });
		ok = make_slowly(&sink, &idle, &err);
		ok = sink_leave_relay(&sink, &err) && ok;
		in_vain = atomic_load(&idle.in_vain);
	}
	CHECK("idle", ok && target.reached == MOST);
	CHECK("idle", !atomic_load(&idle.by_maker));
	CHECK("idle", in_vain > 0 &&
	      in_vain <= 2 * MOST / CAPACITY &&
	      in_vain == atomic_load(&idle.in_vain));
	check_rows();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
