/* dtype.c - the table of element types, and look-ups in it */
#include "formats/dtype.h"

#include <string.h>

static const struct dtype_info dtypes[DTYPE_COUNT] = {
	/*			safetensors	torch			storage			bits item part */
	[DTYPE_BOOL]		= { "BOOL",		"bool",			"BoolStorage",		8, 1, 1 },
	[DTYPE_F4]		= { "F4",		"float4_e2m1fn_x2",	NULL,			4, 1, 1 },
	[DTYPE_F6_E2M3]		= { "F6_E2M3",		NULL,			NULL,			6, 0, 0 },
	[DTYPE_F6_E3M2]		= { "F6_E3M2",		NULL,			NULL,			6, 0, 0 },
	[DTYPE_U8]		= { "U8",		"uint8",		"ByteStorage",		8, 1, 1 },
	[DTYPE_I8]		= { "I8",		"int8",			"CharStorage",		8, 1, 1 },
	[DTYPE_F8_E5M2]		= { "F8_E5M2",		"float8_e5m2",		NULL,			8, 1, 1 },
	[DTYPE_F8_E4M3]		= { "F8_E4M3",		"float8_e4m3fn",	NULL,			8, 1, 1 },
	[DTYPE_F8_E8M0]		= { "F8_E8M0",		"float8_e8m0fnu",	NULL,			8, 1, 1 },
	[DTYPE_F8_E4M3FNUZ]	= { "F8_E4M3FNUZ",	"float8_e4m3fnuz",	NULL,			8, 1, 1 },
	[DTYPE_F8_E5M2FNUZ]	= { "F8_E5M2FNUZ",	"float8_e5m2fnuz",	NULL,			8, 1, 1 },
	[DTYPE_I16]		= { "I16",		"int16",		"ShortStorage",		16, 2, 2 },
	[DTYPE_U16]		= { "U16",		"uint16",		NULL,			16, 2, 2 },
	[DTYPE_F16]		= { "F16",		"float16",		"HalfStorage",		16, 2, 2 },
	[DTYPE_BF16]		= { "BF16",		"bfloat16",		"BFloat16Storage",	16, 2, 2 },
	[DTYPE_I32]		= { "I32",		"int32",		"IntStorage",		32, 4, 4 },
	[DTYPE_U32]		= { "U32",		"uint32",		NULL,			32, 4, 4 },
	[DTYPE_F32]		= { "F32",		"float32",		"FloatStorage",		32, 4, 4 },
	[DTYPE_C64]		= { "C64",		"complex64",		"ComplexFloatStorage",	64, 8, 4 },
	[DTYPE_F64]		= { "F64",		"float64",		"DoubleStorage",	64, 8, 8 },
	[DTYPE_I64]		= { "I64",		"int64",		"LongStorage",		64, 8, 8 },
	[DTYPE_U64]		= { "U64",		"uint64",		NULL,			64, 8, 8 },
	[DTYPE_COMPLEX32]	= { NULL,		"complex32",		NULL,			32, 4, 2 },
	[DTYPE_COMPLEX128]	= { NULL,		"complex128",		"ComplexDoubleStorage",	128, 16, 8 },
	[DTYPE_BITS8]		= { NULL,		"bits8",		NULL,			8, 1, 1 },
	[DTYPE_BITS16]		= { NULL,		"bits16",		NULL,			16, 2, 2 },
	[DTYPE_BITS1X8]		= { NULL,		"bits1x8",		NULL,			8, 1, 1 },
	[DTYPE_BITS2X4]		= { NULL,		"bits2x4",		NULL,			8, 1, 1 },
	[DTYPE_BITS4X2]		= { NULL,		"bits4x2",		NULL,			8, 1, 1 },
};

static const struct dtype_alias {
	const char *torch;
	enum dtype dtype;
} aliases[] = {
	{ "double", DTYPE_F64 },	{ "float", DTYPE_F32 },
	{ "half", DTYPE_F16 },		{ "long", DTYPE_I64 },
	{ "int", DTYPE_I32 },		{ "short", DTYPE_I16 },
	{ "cfloat", DTYPE_C64 },	{ "cdouble", DTYPE_COMPLEX128 },
	{ "chalf", DTYPE_COMPLEX32 },
};

const struct dtype_info *dtype_info(enum dtype dtype)
{
	return &dtypes[dtype];
}

static bool equals(const char *known, const char *name, size_t len)
{
	return known && strncmp(known, name, len) == 0 && strlen(known) == len;
}

bool dtype_by_name(const char *name, size_t len, enum dtype *dtype)
{
	for (int i = 0; i < DTYPE_SAFETENSORS_COUNT; i++)
		if (equals(dtypes[i].name, name, len)) {
			*dtype = (enum dtype)i;
			return true;
		}
	return false;
}

bool dtype_by_torch(const char *name, size_t len, enum dtype *dtype)
{
	for (int i = 0; i < DTYPE_COUNT; i++)
		if (equals(dtypes[i].torch, name, len)) {
			*dtype = (enum dtype)i;
			return true;
		}
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (equals(aliases[i].torch, name, len)) {
			*dtype = aliases[i].dtype;
			return true;
		}
	return false;
}

bool dtype_by_storage(const char *name, size_t len, enum dtype *dtype)
{
	for (int i = 0; i < DTYPE_COUNT; i++)
		if (equals(dtypes[i].storage, name, len)) {
			*dtype = (enum dtype)i;
			return true;
		}
	return false;
}
