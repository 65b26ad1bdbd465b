/* test_dtype.c - element types by each of their names, in order */
#include "formats/dtype.h"

#include "tests/unit/check.h"

/* safetensors 0.8's order and sizes; item 0: torch has no such type. */
static const struct {
	const char *name;
	unsigned bits, item;
	const char *torch, *storage;
} types[] = {
	{ "BOOL", 8, 1, "bool", "BoolStorage" },
	{ "F4", 4, 1, "float4_e2m1fn_x2", NULL },
	{ "F6_E2M3", 6, 0, NULL, NULL },
	{ "F6_E3M2", 6, 0, NULL, NULL },
	{ "U8", 8, 1, "uint8", "ByteStorage" },
	{ "I8", 8, 1, "int8", "CharStorage" },
	{ "F8_E5M2", 8, 1, "float8_e5m2", NULL },
	{ "F8_E4M3", 8, 1, "float8_e4m3fn", NULL },
	{ "F8_E8M0", 8, 1, "float8_e8m0fnu", NULL },
	{ "F8_E4M3FNUZ", 8, 1, "float8_e4m3fnuz", NULL },
	{ "F8_E5M2FNUZ", 8, 1, "float8_e5m2fnuz", NULL },
	{ "I16", 16, 2, "int16", "ShortStorage" },
	{ "U16", 16, 2, "uint16", NULL },
	{ "F16", 16, 2, "float16", "HalfStorage" },
	{ "BF16", 16, 2, "bfloat16", "BFloat16Storage" },
	{ "I32", 32, 4, "int32", "IntStorage" },
	{ "U32", 32, 4, "uint32", NULL },
	{ "F32", 32, 4, "float32", "FloatStorage" },
	{ "C64", 64, 8, "complex64", "ComplexFloatStorage" },
	{ "F64", 64, 8, "float64", "DoubleStorage" },
	{ "I64", 64, 8, "int64", "LongStorage" },
	{ "U64", 64, 8, "uint64", NULL },
};

static void test_order_and_sizes(void **state)
{
	(void)state;
	assert_int_equal(COUNT(types), DTYPE_SAFETENSORS_COUNT);
	for (size_t i = 0; i < COUNT(types); i++) {
		const struct dtype_info *info = dtype_info((enum dtype)i);

		check_text(types[i].name, info->name, types[i].name);
		CHECK(types[i].name, info->bits == types[i].bits);
		CHECK(types[i].name, info->item == types[i].item);
		CHECK(types[i].name, !info->item == !info->torch);
	}
	check_rows();
}

static void test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		const char *name = types[i].name, *torch = types[i].torch;
		const char *storage = types[i].storage;
		enum dtype dtype = DTYPE_COUNT;

		CHECK(name, dtype_by_name(name, strlen(name), &dtype));
		CHECK(name, dtype == i);
		dtype = DTYPE_COUNT;
		CHECK(name, !torch || (dtype_by_torch(torch, strlen(torch),
						      &dtype) && dtype == i));
		dtype = DTYPE_COUNT;
		CHECK(name, !storage ||
		      (dtype_by_storage(storage, strlen(storage), &dtype) &&
		       dtype == i));
		CHECK(name, storage || !dtype_info((enum dtype)i)->storage);
	}
	check_rows();
}

/* What torch can save and safetensors cannot hold. */
static void test_types_without_a_name(void **state)
{
	static const struct {
		const char *torch;
		unsigned item, part;
	} rows[] = {
		{ "complex32", 4, 2 }, { "complex128", 16, 8 },
		{ "bits8", 1, 1 }, { "bits16", 2, 2 }, { "bits1x8", 1, 1 },
		{ "bits2x4", 1, 1 }, { "bits4x2", 1, 1 },
	};

	(void)state;
	assert_int_equal(COUNT(rows), DTYPE_COUNT - DTYPE_SAFETENSORS_COUNT);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *torch = rows[i].torch;
		enum dtype dtype = DTYPE_COUNT;

		if (!CHECK(torch, dtype_by_torch(torch, strlen(torch),
						 &dtype)))
			continue;
		CHECK(torch, dtype >= DTYPE_SAFETENSORS_COUNT);
		CHECK(torch, !dtype_info(dtype)->name);
		CHECK(torch, dtype_info(dtype)->item == rows[i].item);
		CHECK(torch, dtype_info(dtype)->part == rows[i].part);
	}
	check_rows();
}

static void test_aliases(void **state)
{
	static const struct {
		const char *alias;
		enum dtype dtype;
	} rows[] = {
		{ "double", DTYPE_F64 }, { "float", DTYPE_F32 },
		{ "half", DTYPE_F16 }, { "long", DTYPE_I64 },
		{ "int", DTYPE_I32 }, { "short", DTYPE_I16 },
		{ "cfloat", DTYPE_C64 }, { "cdouble", DTYPE_COMPLEX128 },
		{ "chalf", DTYPE_COMPLEX32 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		enum dtype dtype = DTYPE_COUNT;

		CHECK(rows[i].alias, dtype_by_torch(rows[i].alias,
						    strlen(rows[i].alias),
						    &dtype));
		CHECK(rows[i].alias, dtype == rows[i].dtype);
	}
	check_rows();
}

/* None of these is a name of any kind. */
static void test_other_words(void **state)
{
	static const struct {
		const char *name, *bytes;
		size_t len;
	} rows[] = {
		{ "nothing", BYTES("") },
		{ "other case", BYTES("f32") },
		{ "other case, torch", BYTES("Float32") },
		{ "cut", BYTES("F3") },
		{ "longer", BYTES("F320") },
		{ "NUL behind it", BYTES("F32\0") },
		{ "NUL behind it, torch", BYTES("float32\0") },
		{ "NUL behind it, storage", BYTES("FloatStorage\0") },
		{ "quantized", BYTES("qint8") },
		{ "quantized storage", BYTES("QInt8Storage") },
		{ "untyped storage", BYTES("UntypedStorage") },
		{ "with its module", BYTES("torch.float32") },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		enum dtype dtype = DTYPE_COUNT;

		CHECK(rows[i].name,
		      !dtype_by_name(rows[i].bytes, rows[i].len, &dtype));
		CHECK(rows[i].name,
		      !dtype_by_torch(rows[i].bytes, rows[i].len, &dtype));
		CHECK(rows[i].name,
		      !dtype_by_storage(rows[i].bytes, rows[i].len, &dtype));
		CHECK(rows[i].name, dtype == DTYPE_COUNT);
	}
	check_rows();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_sizes),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_types_without_a_name),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_other_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
