/* convert_inflate_ahead.c - same bytes and faults, however far it is ahead */
#include "convert/inflate_ahead.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <zlib.h>

#include "formats/crc32.h"
#include "tests/unit/check.h"

enum {
	MIB = 1 << 20,
	PLAIN = 24 * MIB, STREAM = 25 * MIB,
	PERIOD = 20000,		/* what comes again is so far behind */
	UNTIL_DONE = 1 << 30,
	FAULTS = 12
};

static uint8_t plain[PLAIN], stream[STREAM], got[PLAIN];
static uint64_t state_of_noise;

/* xorshift64*: what a simpler one makes comes again after some 10 KiB. */
static uint32_t noise(uint32_t below)
{
	state_of_noise ^= state_of_noise >> 12;
	state_of_noise ^= state_of_noise << 25;
	state_of_noise ^= state_of_noise >> 27;
	return (uint32_t)((state_of_noise * 0x2545f4914f6cdd1d) >> 33) % below;
}

/* ---- what is deflated ---- */

/* The last byte of each four is an exponent. */
static void make_weights(size_t begin, size_t end)
{
	for (size_t i = begin; i < end; i++)
		plain[i] = (uint8_t)(i % 4 == 3 ? 0x3c + noise(2) * 0x80 :
				     noise(256));
}

/* Eight bytes of each 32 are those of 20,000 bytes before, all along. */
static void make_chains(size_t begin, size_t end)
{
	for (size_t i = begin; i < end; i++)
		plain[i] = i >= PERIOD && i % 32 < 8 ? plain[i - PERIOD] :
						       (uint8_t)noise(250);
}

static void make_in_turn(size_t begin, size_t end)
{
	for (size_t i = begin; i < end; i += 2 * MIB) {
		make_weights(i, i + 3 * MIB / 2);
		make_chains(i + 3 * MIB / 2, i + 2 * MIB);
	}
}

static uint64_t deflate_plain(int level, int strategy)
{
	z_stream z = { .next_in = plain, .avail_in = PLAIN,
		       .next_out = stream, .avail_out = STREAM };

	assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, -MAX_WBITS, 8,
				      strategy), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

/* Weights that are deflated are what is stored: blocks that are none. */
static void make_deflated(size_t begin, size_t end)
{
	size_t len;

	make_weights(begin, end);
	len = (size_t)deflate_plain(1, Z_DEFAULT_STRATEGY);
	memcpy(plain, stream, len);
}

static const struct content {
	const char *name;
	void (*make)(size_t begin, size_t end);
	int level, strategy;
	unsigned gains;		/* MiB of the stream, at least */
} contents[] = {
	{ "weights", make_weights, 1, Z_DEFAULT_STRATEGY, 5 },
	{ "weights, level 6", make_weights, 6, Z_DEFAULT_STRATEGY, 5 },
	{ "weights, fixed codes", make_weights, 1, Z_FIXED, 0 },
	{ "weights, stored", make_weights, 0, Z_DEFAULT_STRATEGY, 0 },
	{ "what never ends", make_chains, 1, Z_DEFAULT_STRATEGY, 0 },
	{ "weights and others", make_in_turn, 1, Z_DEFAULT_STRATEGY, 2 },
	{ "blocks inside of blocks", make_deflated, 0, Z_DEFAULT_STRATEGY,
	  0 },
};

/* ---- how it is read ---- */

/* Who reads: the reader itself, or the one that is ahead. */
struct source {
	struct reader_bytes bytes;
	bool ahead;		/* it is its turn */
	bool fails_ahead;
	uint64_t nbytes;	/* that the reader took itself */
};

static bool read_source(const void *from, uint64_t offset, void *buf,
			size_t len, struct error *err)
{
	struct source *s = (struct source *)(uintptr_t)from;
	const struct reader bytes = reader_memory(&s->bytes);

	if (s->ahead && s->fails_ahead)
		return error_set(err, ERROR_IO, offset, "fails");
	s->nbytes += s->ahead ? 0 : len;
	return reader_read(&bytes, offset, buf, len, err);
}

static const struct schedule {
	const char *name;
	uint32_t most;		/* bytes are read at once, */
	bool any;		/* or any number below */
	uint32_t works;		/* bits of work after each */
	bool any_work;		/* or any number below */
	bool fails;		/* the source, for who is ahead */
	bool gains;
} schedules[] = {
	{ "nobody", MIB, false, 0, false, false, false },
	{ "far ahead", MIB, false, UNTIL_DONE, false, false, true },
	{ "in vain", MIB, false, UNTIL_DONE, false, true, false },
	{ "in reads too short", 20000, false, UNTIL_DONE, false, false,
	  false },
	{ "in long ones", 3 * MIB, false, UNTIL_DONE, false, false, true },
	{ "a little at a time", MIB, false, 4, false, false, true },
	{ "behind", MIB / 4, false, 1, false, false, true },
	{ "by chance", 3 * MIB, true, 30, true, false, true },
	{ "by chance, in short reads", 100000, true, 5, true, false, true },
};

struct outcome {
	uint64_t len;
	uint64_t nbytes;	/* of input that the reader took */
	bool ahead;		/* another could have been */
	struct error err;
};

static void work(const struct relay_idle *idle, const struct schedule *how,
		 struct source *source)
{
	uint32_t n = how->any_work ? noise(how->works) : how->works;

	source->ahead = true;
	while (idle->work && n-- > 0 && idle->work(idle->with))
		;
	source->ahead = false;
}

static struct outcome read_all(const struct zip_member *m,
			       const struct schedule *how)
{
	struct source source = { .bytes = { stream, (size_t)m->csize },
				 .fails_ahead = how->fails };
	const struct reader r = { .read = read_source, .source = &source,
				  .size = m->csize };
	const struct zip zip = { .fast = true };
	struct outcome o = { 0 };
	struct zip_stream *s = zip_stream_open(&zip, m, &r, &o.err);
	struct inflate_ahead *a = inflate_ahead_begin(s);
	const struct relay_idle idle = inflate_ahead_idle(a);
	bool ok = true;

	assert_non_null(s);
	o.ahead = a != NULL;
	while (ok && o.len < m->usize) {
		size_t n = how->any ? 1 + noise(how->most) : how->most;

		if (n > m->usize - o.len)
			n = (size_t)(m->usize - o.len);
		work(&idle, how, &source);
		ok = zip_stream_read(s, got + o.len, n, &o.err);
		o.len += ok ? n : 0;
	}
	if (ok)
		zip_stream_finish(s, &o.err);
	inflate_ahead_end(a);
	zip_stream_close(s);
	o.nbytes = source.nbytes;
	return o;
}

static struct zip_member make(const struct content *c)
{
	struct zip_member m = { .name = "w", .name_len = 1,
				.method = ZIP_DEFLATED, .usize = PLAIN };

	state_of_noise = 1;
	c->make(0, PLAIN);
	m.csize = deflate_plain(c->level, c->strategy);
	m.crc = crc32_update(0, plain, PLAIN);
	return m;
}

static void check_content(const struct content *c)
{
	const struct zip_member m = make(c);
	char row[80];

	for (size_t i = 0; i < COUNT(schedules); i++) {
		const struct schedule *how = &schedules[i];
		struct outcome o = read_all(&m, how);

		snprintf(row, sizeof(row), "%s: %s", c->name, how->name);
		check_text(row, o.err.reason, "");
		CHECK(row, o.len == PLAIN && memcmp(got, plain, PLAIN) == 0);
		if (!o.ahead || !c->gains || !how->gains)
			CHECK(row, o.nbytes == m.csize);
		else if (how->works == UNTIL_DONE)
			CHECK(row, o.nbytes < m.csize - c->gains * MIB);
#ifdef HAVE_ISAL
		CHECK(row, o.ahead);
#endif
	}
}

static void test_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(contents); i++)
		check_content(&contents[i]);
	check_rows();
}

/* Many others instead: the block ends somewhere, and what follows is none. */
static void break_stream(size_t at, uint8_t *kept, size_t len)
{
	memcpy(kept, stream + at, len);
	for (size_t i = 0; i < len; i++)
		stream[at + i] ^= (uint8_t)(1 + noise(255));
}

/* A fault is what and where it is for who reads alone. */
static void test_faults(void **state)
{
	static uint8_t kept[300000];
	const struct zip_member m = make(&contents[0]);
	const size_t others = COUNT(schedules) - 1;
	unsigned broken = 0;
	char row[80];

	(void)state;
	for (unsigned i = 0; i < FAULTS; i++) {
		size_t at = (size_t)m.csize / FAULTS * i + noise(100000);
		size_t len = i % 3 == 0 ? 1 : sizeof(kept);
		struct outcome alone, ahead;

		break_stream(at, kept, len);
		alone = read_all(&m, &schedules[0]);
		ahead = read_all(&m, &schedules[1 + i % others]);
		memcpy(stream + at, kept, len);
		snprintf(row, sizeof(row), "byte %zu", at);
		CHECK(row, alone.err.kind == ERROR_CORRUPT &&
		      ahead.err.kind == ERROR_CORRUPT);
		CHECK(row, ahead.err.offset == alone.err.offset);
		check_text(row, ahead.err.reason, alone.err.reason);
		broken += strncmp(alone.err.reason, "broken deflate", 14) == 0;
	}
	CHECK("all", broken > FAULTS / 2);
	check_rows();
}

/*
 * Slow for who is ahead, so that the reader comes to wait for him, and broken
 * now and then; or from his third step on, while the reader waits for it.
 */
struct slow {
	struct reader_bytes bytes;
	pthread_t helper;
	atomic_bool begun;	/* helper is known */
	unsigned reads, fails_each;	/* his; 0: never */
	unsigned good;		/* before those that fail, awaited; 0: all */
	_Atomic uint64_t reached;	/* by the reader */
};

/* The first read finds the block, and each of the others is a step. */
static bool fails(struct slow *s, uint64_t offset)
{
	struct timespec a_while = { .tv_nsec = 1000000 };

	s->reads++;
	if (s->good > 0 && s->reads > s->good) {
		while (s->reads == s->good + 1 &&
		       atomic_load(&s->reached) +
		       (s->good - 1) * ZIP_STEP < offset)
			;
		a_while.tv_nsec *= 20;
	}
	nanosleep(&a_while, NULL);
	return (s->good > 0 && s->reads > s->good) ||
	       (s->fails_each > 0 && s->reads % s->fails_each == 0);
}

static bool read_slow(const void *from, uint64_t offset, void *buf, size_t len,
		      struct error *err)
{
	struct slow *s = (struct slow *)(uintptr_t)from;
	const struct reader bytes = reader_memory(&s->bytes);

	if (!atomic_load(&s->begun) ||
	    !pthread_equal(pthread_self(), s->helper))
		atomic_store(&s->reached, offset);
	else if (fails(s, offset))
		return error_set(err, ERROR_IO, offset, "fails");
	return reader_read(&bytes, offset, buf, len, err);
}

struct helper {
	struct relay_idle idle;
	struct slow *slow;
	atomic_bool ended;
};

static void *help(void *with)
{
	struct helper *h = with;

	h->slow->helper = pthread_self();
	atomic_store(&h->slow->begun, true);
	while (!atomic_load(&h->ended))
		h->idle.work(h->idle.with);
	return NULL;
}

static void read_beside(const char *row, const struct zip_member *m,
			const struct reader *r, struct slow *slow, size_t step)
{
	const struct zip zip = { .fast = true };
	struct error err = { 0 };
	struct zip_stream *s = zip_stream_open(&zip, m, r, &err);
	struct inflate_ahead *ahead = inflate_ahead_begin(s);
	struct helper helper = { .idle = inflate_ahead_idle(ahead),
				 .slow = slow };
	pthread_t thread;
	uint64_t len = 0;

	if (!ahead) {		/* without ISA-L */
		zip_stream_close(s);
		return;
	}
	assert_int_equal(pthread_create(&thread, NULL, help, &helper), 0);
	for (; len < PLAIN; len += step)
		if (!zip_stream_read(s, got + len, step, &err))
			break;
	CHECK(row, len == PLAIN && zip_stream_finish(s, &err) &&
	      memcmp(got, plain, PLAIN) == 0);
	atomic_store(&helper.ended, true);
	pthread_join(thread, NULL);
	inflate_ahead_end(ahead);
	zip_stream_close(s);
}

static void test_threads(void **state)
{
	static const size_t which[] = { 0, 4, 5 };
	static const struct {
		unsigned fails_each, good;
	} faults[] = { { 0, 0 }, { 3, 0 }, { 10, 0 }, { 0, 3 }, { 0, 5 } };

	(void)state;
	for (size_t i = 0; i < COUNT(which); i++) {
		const struct content *c = &contents[which[i]];
		struct zip_member m = make(c);
		struct slow slow = { .bytes = { stream, (size_t)m.csize } };
		const struct reader quick = reader_memory(&slow.bytes);
		const struct reader r = { .read = read_slow, .source = &slow,
					  .size = m.csize };

		for (size_t step = 64 << 10; step <= MIB; step *= 4)
			read_beside(c->name, &m, &quick, &slow, step);
		for (size_t k = 0; k < COUNT(faults); k++) {
			slow.fails_each = faults[k].fails_each;
			slow.good = faults[k].good;
			slow.reads = 0;
			atomic_store(&slow.reached, 0);
			atomic_store(&slow.begun, false);
			read_beside(c->name, &m, &r, &slow, MIB);
		}
	}
	check_rows();
}

static void test_none(void **state)
{
	const struct zip_member m = make(&contents[0]);
	const struct reader_bytes bytes = { stream, (size_t)m.csize };
	const struct reader r = reader_memory(&bytes);
	static const struct {
		const char *name;
		uint16_t method;
		bool crc_absent, fast;
		uint64_t csize;
	} rows[] = {
		{ "stored", ZIP_STORED, false, true, 20 * MIB },
		{ "as zlib reads it", ZIP_DEFLATED, false, false, 20 * MIB },
		{ "without a CRC", ZIP_DEFLATED, true, true, 20 * MIB },
		{ "small", ZIP_DEFLATED, false, true, 10 * MIB },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct zip zip = { .crc_absent = rows[i].crc_absent,
					 .fast = rows[i].fast };
		struct zip_member other = m;
		struct error err = { 0 };
		struct zip_stream *s;

		other.method = rows[i].method;
		other.csize = rows[i].csize;
		s = zip_stream_open(&zip, &other, &r, &err);
		CHECK(rows[i].name, s && !inflate_ahead_begin(s));
		zip_stream_close(s);
	}
	CHECK("no stream", !inflate_ahead_begin(NULL));
	CHECK("no stream", !inflate_ahead_idle(NULL).work);
	inflate_ahead_end(NULL);
	check_rows();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
