/* convert_gather.c - any strides and sizes, in little memory */
#include "convert/gather.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "tests/unit/check.h"

enum { SINK_SIZE = 1 << 16, SPAN_LIMIT = 1 << 20 };

/*
 * A storage that is as large as need be: its byte at an offset is computed.
 * It counts what is read of it, and fails from the n-th read on.
 */
static struct {
	uint64_t reads, nbytes, largest, fail_at;
} counts;

static uint8_t content(uint64_t offset)
{
	uint64_t x = offset * UINT64_C(0x9e3779b97f4a7c15);

	return (uint8_t)((x ^ x >> 29) >> 32);
}

static bool read_content(const void *source, uint64_t offset, void *buf,
			 size_t len, struct error *err)
{
	uint8_t *p = buf;

	(void)source;
	counts.reads++;
	counts.nbytes += len;
	if (len > counts.largest)
		counts.largest = len;
	if (counts.reads == counts.fail_at)
		return error_set(err, ERROR_IO, offset, "the disk is broken");
	for (size_t i = 0; i < len; i++)
		p[i] = content(offset + i);
	return true;
}

static struct reader storage_of(uint64_t nbytes)
{
	memset(&counts, 0, sizeof(counts));
	return (struct reader){ .read = read_content, .size = nbytes };
}

/* ---- the plain way ---- */

/* Where the i-th element of the row-major order lies in the storage. */
static uint64_t place(const struct tensor *t, const uint64_t *stride,
		      uint64_t i)
{
	uint64_t offset = 0;

	for (size_t d = t->rank; d-- > 0; i /= t->shape[d])
		offset += i % t->shape[d] * stride[d];
	return t->start + offset * dtype_info(t->dtype)->item;
}

static void fetch(const struct tensor *t, uint64_t offset, uint8_t *item)
{
	for (size_t i = 0; i < dtype_info(t->dtype)->item; i++)
		item[i] = content(offset + i);
}

/* Strides as the tensor was made with them; tensor_check() may drop them. */
static void dense_strides(const struct tensor *t, uint64_t *stride)
{
	uint64_t step = 1;

	for (size_t d = t->rank; d-- > 0; step *= t->shape[d])
		stride[d] = step;
}

/* ---- a tensor through gather_tensor() into a file ---- */

static bool gather(const struct tensor *t, const struct reader *storage,
		   struct file *out, struct error *err)
{
	uint8_t *buffer = malloc(SINK_SIZE);
	struct gather g = { 0 };
	struct sink sink;
	bool ok;

	assert_non_null(buffer);
	assert_true(file_create_unnamed(out, "/tmp", err));
	sink = sink_over(file_writer(out), buffer, SINK_SIZE);
	ok = gather_tensor(&g, t, storage, &sink, err) &&
	     sink_flush(&sink, err);
	gather_free(&g);
	gather_free(&g);
	free(buffer);
	return ok;
}

/* Every step-th element of the file must be the one that belongs there. */
static void check_elements(const char *row, const struct tensor *t,
			   const uint64_t *stride, const struct file *out,
			   uint64_t step)
{
	size_t item = dtype_info(t->dtype)->item, wrong = 0;
	uint8_t want[16], got[16];

	for (uint64_t i = 0; i < t->nelements; i += step) {
		fetch(t, place(t, stride, i), want);
		wrong += pread(out->fd, got, item, (off_t)(i * item)) !=
			 (ssize_t)item || memcmp(got, want, item) != 0;
	}
	CHECK(row, wrong == 0);
	CHECK(row, lseek(out->fd, 0, SEEK_END) == (off_t)t->nbytes);
}

enum { RANK = 5 };

static const struct {
	const char *name;
	enum dtype dtype;
	size_t rank;
	uint64_t shape[RANK], stride[RANK], start;
	uint64_t waste;		/* at most so many bytes read for one */
	uint64_t step;		/* look at every so-manyth element */
} shapes[] = {
	{ "0-dim", DTYPE_F64, 0, { 0 }, { 0 }, 24, 1, 1 },
	{ "dense", DTYPE_F32, 2, { 30, 40 }, { 40, 1 }, 4, 1, 1 },
	{ "transposed", DTYPE_F32, 2, { 30, 40 }, { 1, 30 }, 0, 1, 1 },
	{ "three axes turned", DTYPE_BF16, 3, { 7, 11, 13 }, { 1, 91, 7 }, 2,
	  1, 1 },
	{ "every third", DTYPE_I64, 1, { 1000 }, { 3 }, 8, 4, 1 },
	{ "sizes of 1 with wild strides", DTYPE_U8, 4, { 1, 9, 1, 4 },
	  { UINT64_MAX, 4, UINT64_C(1) << 63, 1 }, 0, 1, 1 },
	{ "expanded", DTYPE_F32, 3, { 50, 3, 20 }, { 0, 1, 0 }, 0, 1, 1 },
	{ "overlapping windows", DTYPE_I16, 2, { 100, 9 }, { 1, 1 }, 0, 1,
	  1 },
	{ "overlapping by a stride of another axis", DTYPE_U8, 3,
	  { 5, 6, 7 }, { 2, 3, 1 }, 1, 1, 1 },
	{ "16 bytes an element", DTYPE_COMPLEX128, 2, { 20, 5 }, { 1, 20 },
	  16, 1, 1 },
	{ "one row, a terabyte apart", DTYPE_F32, 2, { 3, 1000 },
	  { UINT64_C(1) << 40, 7 }, 12, 8, 1 },
	{ "elements a terabyte apart", DTYPE_U8, 2, { 2, 300 },
	  { 1, UINT64_C(1) << 40 }, 0, 1, 1 },
	{ "both axes wide", DTYPE_F32, 3, { 4, 5, 6 },
	  { UINT64_C(1) << 50, UINT64_C(1) << 45, UINT64_C(1) << 20 }, 0, 1,
	  1 },
	{ "columns of a wide matrix", DTYPE_F32, 2, { 3000, 4 },
	  { 100000, 1 }, 400, 1, 1 },
	{ "a page apart", DTYPE_U8, 1, { 5000 }, { 4096 }, 0, 1, 1 },
	{ "nearly a page apart", DTYPE_U8, 1, { 5000 }, { 2048 }, 0, 4096,
	  1 },
	{ "as large as a box, dense", DTYPE_U8, 1, { 8 << 20 }, { 1 }, 0, 1,
	  977 },
	{ "one more than a box", DTYPE_U8, 1, { (8 << 20) + 1 }, { 1 }, 0, 1,
	  977 },
	{ "larger than a box, every third", DTYPE_F32, 1, { 3000000 }, { 3 },
	  0, 4, 499 },
	{ "larger than a box, transposed", DTYPE_F32, 2, { 1500, 2000 },
	  { 1, 1500 }, 0, 4, 499 },
	{ "larger than a box, expanded", DTYPE_F64, 3, { 3, 700, 1000 },
	  { 0, 1, 0 }, 8, 1, 499 },
	{ "many boxes in the second axis", DTYPE_U8, 3, { 3, 5, 3 << 20 },
	  { 5 << 22, 1 << 22, 1 }, 0, 1, 4999 },
	{ "rows larger than a box, turned", DTYPE_U8, 4,
	  { 2, 1, 3, 9 << 20 }, { 3, 1, 1, 6 }, 0, 6, 4999 },
};

static struct tensor tensor_of(size_t i, const uint64_t *stride)
{
	return (struct tensor){
		.key = "w", .key_len = 1, .dtype = shapes[i].dtype,
		.rank = shapes[i].rank, .shape = shapes[i].shape,
		.stride = stride, .start = shapes[i].start,
	};
}

static void test_shapes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(shapes); i++) {
		const char *name = shapes[i].name;
		struct tensor t = tensor_of(i, shapes[i].stride);
		struct error err = { 0 };
		struct reader storage;
		struct file out;

		assert_true(tensor_check(&t, UINT64_C(1) << 60, &err));
		storage = storage_of(t.start + tensor_span(&t));
		if (!CHECK(name, gather(&t, &storage, &out, &err)))
			check_text(name, err.reason, "");
		check_elements(name, &t, shapes[i].stride, &out,
			       shapes[i].step);
		CHECK(name, counts.largest <= SPAN_LIMIT);
		CHECK(name, counts.nbytes <= shapes[i].waste * t.nbytes);
		file_discard(&out);
	}
	check_rows();
}

/* Without strides a tensor is row-major. */
static void test_no_strides(void **state)
{
	uint64_t shape[] = { 40, 3, 50 }, stride[3];
	struct tensor t = { .key = "w", .key_len = 1, .dtype = DTYPE_I32,
			    .rank = 3, .shape = shape, .start = 20 };
	struct error err = { 0 };
	struct reader storage;
	struct file out;

	(void)state;
	assert_true(tensor_check(&t, 1 << 20, &err));
	storage = storage_of(1 << 20);
	dense_strides(&t, stride);
	assert_true(gather(&t, &storage, &out, &err));
	check_elements("no strides", &t, stride, &out, 1);
	file_discard(&out);
	check_rows();
}

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1;
	return *seed >> 33;
}

/* Any rank, size, stride and dtype, also strides of 0 and empty tensors. */
static void test_random_tensors(void **state)
{
	static const uint64_t sizes[] = { 0, 1, 1, 2, 3, 5, 8, 17 };
	static const uint64_t strides[] = { 0, 1, 1, 2, 3, 7, 40, 300, 5000,
					    100000, UINT64_C(1) << 40 };
	static const enum dtype dtypes[] = {
		DTYPE_U8, DTYPE_BF16, DTYPE_F32, DTYPE_I64, DTYPE_COMPLEX128
	};
	uint64_t seed = 1;

	(void)state;
	for (int n = 0; n < 2000; n++) {
		uint64_t shape[RANK], stride[RANK];
		struct tensor t = { .key = "w", .key_len = 1, .shape = shape,
				    .stride = stride };
		struct error err = { 0 };
		struct reader storage;
		struct file out;
		char row[30];

		t.dtype = dtypes[next_random(&seed) % COUNT(dtypes)];
		t.rank = next_random(&seed) % (RANK + 1);
		t.start = next_random(&seed) % 100;
		for (size_t d = 0; d < t.rank; d++) {
			shape[d] = sizes[next_random(&seed) % COUNT(sizes)];
			stride[d] = strides[next_random(&seed) %
					    COUNT(strides)];
		}
		snprintf(row, sizeof(row), "random tensor %d", n);
		assert_true(tensor_check(&t, UINT64_C(1) << 62, &err));
		if (t.nbytes > 1 << 19)
			continue;
		storage = storage_of(t.start + tensor_span(&t));
		CHECK(row, gather(&t, &storage, &out, &err));
		check_elements(row, &t, stride, &out, 1);
		file_discard(&out);
	}
	check_rows();
}

/* ---- conjugated and negated views ---- */

static const struct {
	const char *name;
	enum dtype dtype;
	bool conj, neg;
	const char *in, *out;
} bits[] = {
	{ "conj of c64", DTYPE_C64, true, false,
	  "\1\2\3\4\5\6\7\x08", "\1\2\3\4\5\6\7\x88" },
	{ "conj of c64, negative already", DTYPE_C64, true, false,
	  "\1\2\3\x84\5\6\7\x88", "\1\2\3\x84\5\6\7\x08" },
	{ "neg of c64", DTYPE_C64, false, true,
	  "\1\2\3\4\5\6\7\x08", "\1\2\3\x84\5\6\7\x88" },
	{ "conj and neg of c64", DTYPE_C64, true, true,
	  "\1\2\3\4\5\6\7\x08", "\1\2\3\x84\5\6\7\x08" },
	{ "conj of complex32", DTYPE_COMPLEX32, true, false,
	  "\1\2\3\4\5\6\7\x08", "\1\2\3\x84\5\6\7\x88" },
	{ "neg of f64", DTYPE_F64, false, true,
	  "\1\2\3\4\5\6\7\x08", "\1\2\3\4\5\6\7\x88" },
	{ "neg of f32", DTYPE_F32, false, true,
	  "\1\2\3\4\5\6\7\x88", "\1\2\3\x84\5\6\7\x08" },
	{ "neg of f16", DTYPE_F16, false, true,
	  "\1\2\3\4\5\6\7\x08", "\1\x82\3\x84\5\x86\7\x88" },
	{ "neg of bf16", DTYPE_BF16, false, true,
	  "\1\2\3\4\5\6\7\x08", "\1\x82\3\x84\5\x86\7\x88" },
	{ "neg of u8", DTYPE_U8, false, true,
	  "\1\2\0\x80\xff\x7f\x10\x11", "\xff\xfe\0\x80\1\x81\xf0\xef" },
	{ "neg of i8", DTYPE_I8, false, true,
	  "\1\2\0\x80\xff\x7f\x10\x11", "\xff\xfe\0\x80\1\x81\xf0\xef" },
	{ "neg of i16", DTYPE_I16, false, true,
	  "\1\0\0\1\0\0\0\x80", "\xff\xff\0\xff\0\0\0\x80" },
	{ "neg of u16", DTYPE_U16, false, true,
	  "\1\0\0\1\0\0\0\x80", "\xff\xff\0\xff\0\0\0\x80" },
	{ "neg of i32", DTYPE_I32, false, true,
	  "\0\0\0\0\0\0\1\0", "\0\0\0\0\0\0\xff\xff" },
	{ "neg of u32", DTYPE_U32, false, true,
	  "\1\0\0\0\xff\xff\xff\xff", "\xff\xff\xff\xff\1\0\0\0" },
	{ "neg of i64", DTYPE_I64, false, true,
	  "\1\0\0\0\0\0\0\0", "\xff\xff\xff\xff\xff\xff\xff\xff" },
	{ "neg of u64, least", DTYPE_U64, false, true,
	  "\0\0\0\0\0\0\0\x80", "\0\0\0\0\0\0\0\x80" },
};

static void test_conj_and_neg(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bits); i++) {
		unsigned item = dtype_info(bits[i].dtype)->item;
		uint64_t count = 8 / item;
		struct tensor t = { .key = "w", .key_len = 1,
				    .dtype = bits[i].dtype, .rank = 1,
				    .shape = &count, .conj = bits[i].conj,
				    .neg = bits[i].neg };
		struct reader_bytes bytes = { bits[i].in, 8 };
		struct reader storage = reader_memory(&bytes);
		struct error err = { 0 };
		struct file out;
		char got[8];

		assert_true(tensor_check(&t, 8, &err));
		CHECK(bits[i].name, gather(&t, &storage, &out, &err));
		CHECK(bits[i].name, pread(out.fd, got, 8, 0) == 8 &&
		      memcmp(got, bits[i].out, 8) == 0);
		file_discard(&out);
	}
	check_rows();
}

/* The sign is turned in every box of a large tensor, not only the first. */
static void test_neg_in_every_box(void **state)
{
	uint64_t count = 5000000, stride = 1;
	struct tensor t = { .key = "w", .key_len = 1, .dtype = DTYPE_F32,
			    .rank = 1, .shape = &count, .neg = true };
	struct error err = { 0 };
	struct reader storage;
	struct file out;
	uint8_t want[4], got[4];

	(void)state;
	assert_true(tensor_check(&t, 20000000, &err));
	storage = storage_of(20000000);
	assert_true(gather(&t, &storage, &out, &err));
	for (uint64_t i = 0; i < count; i += 1009) {
		fetch(&t, place(&t, &stride, i), want);
		want[3] ^= 0x80;
		assert_int_equal(pread(out.fd, got, 4, (off_t)(4 * i)), 4);
		assert_memory_equal(got, want, 4);
	}
	file_discard(&out);
}

static void test_bits_that_mean_nothing(void **state)
{
	static const struct {
		const char *name;
		enum dtype dtype;
		bool conj, neg;
		uint64_t count;
		enum error_kind kind;
		const char *reason;
	} rows[] = {
		{ "conj of f32", DTYPE_F32, true, false, 1, ERROR_CORRUPT,
		  "tensor \"w\": float32 cannot be a conjugated view" },
		{ "conj of none", DTYPE_I64, true, false, 0, ERROR_CORRUPT,
		  "int64 cannot be a conjugated view" },
		{ "neg of bool", DTYPE_BOOL, false, true, 1,
		  ERROR_UNSUPPORTED, "a negated view of bool" },
		{ "neg of float8", DTYPE_F8_E5M2, false, true, 1,
		  ERROR_UNSUPPORTED, "a negated view of float8_e5m2" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tensor t = { .key = "w", .key_len = 1,
				    .dtype = rows[i].dtype, .rank = 1,
				    .shape = &rows[i].count,
				    .conj = rows[i].conj,
				    .neg = rows[i].neg };
		struct reader storage = storage_of(100);
		struct error err = { 0 };
		struct file out;

		assert_true(tensor_check(&t, 100, &err));
		CHECK(rows[i].name, !gather(&t, &storage, &out, &err));
		check_fault(rows[i].name, &err, rows[i].kind, ERROR_NO_OFFSET,
			    rows[i].reason);
		CHECK(rows[i].name, counts.reads == 0);
		file_discard(&out);
	}
	check_rows();
}

/* ---- what fails below it ---- */

static void test_every_read_fails(void **state)
{
	uint64_t shape[] = { 3, 4 }, stride[] = { UINT64_C(1) << 40, 1 << 20 };
	uint64_t reads = 1;

	(void)state;
	for (uint64_t n = 1; n <= reads; n++) {
		struct tensor t = { .key = "w", .key_len = 1,
				    .dtype = DTYPE_F32, .rank = 2,
				    .shape = shape, .stride = stride };
		struct error err = { 0 };
		struct reader storage;
		struct file out;

		assert_true(tensor_check(&t, UINT64_C(1) << 60, &err));
		storage = storage_of(tensor_span(&t));
		assert_true(gather(&t, &storage, &out, &err));
		file_discard(&out);
		reads = counts.reads;
		storage = storage_of(tensor_span(&t));
		counts.fail_at = n;
		assert_false(gather(&t, &storage, &out, &err));
		assert_string_equal(err.reason, "the disk is broken");
		assert_int_equal(counts.reads, n);
		file_discard(&out);
	}
	assert_int_equal(reads, 12);
}

static void test_write_fails(void **state)
{
	static uint8_t buffer[SINK_SIZE];
	uint64_t count = 1 << 20;
	struct tensor t = { .key = "w", .key_len = 1, .dtype = DTYPE_U8,
			    .rank = 1, .shape = &count };
	struct file closed = { .path = (char *)"out", .fd = -1 };
	struct sink sink = sink_over(file_writer(&closed), buffer, SINK_SIZE);
	struct reader storage = storage_of(count);
	struct gather g = { 0 };
	struct error err = { 0 };

	(void)state;
	assert_true(tensor_check(&t, count, &err));
	assert_false(gather_tensor(&g, &t, &storage, &sink, &err));
	check_fault("closed", &err, ERROR_IO, ERROR_NO_OFFSET,
		    "cannot write: Bad file descriptor");
	gather_free(&g);
	check_rows();
}

/* The last test: the signal stays. */
static void test_interrupt(void **state)
{
	uint64_t count = 10;
	struct tensor t = { .key = "w", .key_len = 1, .dtype = DTYPE_U8,
			    .rank = 1, .shape = &count };
	struct reader storage = storage_of(count);
	struct error err = { 0 };
	struct file out;

	(void)state;
	interrupt_catch();
	raise(SIGTERM);
	assert_true(tensor_check(&t, count, &err));
	assert_false(gather(&t, &storage, &out, &err));
	check_fault("SIGTERM", &err, ERROR_INTERRUPTED, ERROR_NO_OFFSET,
		    "stopped by signal 15");
	file_discard(&out);
	check_rows();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_no_strides),
		cmocka_unit_test(test_random_tensors),
		cmocka_unit_test(test_conj_and_neg),
		cmocka_unit_test(test_neg_in_every_box),
		cmocka_unit_test(test_bits_that_mean_nothing),
		cmocka_unit_test(test_every_read_fails),
		cmocka_unit_test(test_write_fails),
		cmocka_unit_test(test_interrupt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
