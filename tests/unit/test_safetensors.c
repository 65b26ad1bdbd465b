/* test_safetensors.c - headers that are read, refused, and laid out */
#include "formats/safetensors.h"

#include <stdlib.h>

#include "tests/unit/check.h"

/* JSON in these tables has ' for ", in a block of just its size. */
static char *quoted(const char *text, size_t len)
{
	char *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	for (size_t i = 0; i < len; i++)
		copy[i] = text[i] == '\'' ? '"' : text[i];
	return copy;
}

/* ---- the length in front of the header ---- */

static const struct {
	const char *name, *bytes;
	uint64_t file_nbytes;
	enum error_kind kind;	/* ERROR_NONE: accepted */
	uint64_t len;
	const char *reason;
} lengths[] = {
	{ "least header", "\2\0\0\0\0\0\0\0", 10, ERROR_NONE, 2, NULL },
	{ "largest header", "\0\xe1\xf5\5\0\0\0\0", 100000008, ERROR_NONE,
	  100000000, NULL },
	{ "empty file", "\0\0\0\0\0\0\0\0", 0, ERROR_TRUNCATED, 0,
	  "needs 8 bytes, this has 0" },
	{ "cut length", "\2\0\0\0\0\0\0\0", 7, ERROR_TRUNCATED, 0,
	  "needs 8 bytes, this has 7" },
	{ "over the limit", "\1\xe1\xf5\5\0\0\0\0", UINT64_MAX, ERROR_LIMIT,
	  0, "100000001 bytes, over the limit of 100000000" },
	{ "8 + length wraps", "\xf8\xff\xff\xff\xff\xff\xff\xff", 100,
	  ERROR_LIMIT, 0, "18446744073709551608 bytes, over" },
	{ "past the end", "\5\0\0\0\0\0\0\0", 12, ERROR_TRUNCATED, 0,
	  "header of 5 bytes, only 4 follow" },
	{ "no header", "\0\0\0\0\0\0\0\0", 8, ERROR_CORRUPT, 0,
	  "header of 0 bytes, {} needs 2" },
	{ "half a header", "\1\0\0\0\0\0\0\0", 9, ERROR_CORRUPT, 0,
	  "header of 1 bytes, {} needs 2" },
};

static void test_length(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		struct error err = { 0 };
		size_t len = 0;
		bool ok = safetensors_read_length(
			(const uint8_t *)lengths[i].bytes,
			lengths[i].file_nbytes, &len, &err);

		CHECK(lengths[i].name, ok == (lengths[i].kind == ERROR_NONE));
		if (ok)
			CHECK(lengths[i].name, len == lengths[i].len);
		else
			check_fault(lengths[i].name, &err, lengths[i].kind, 0,
				    lengths[i].reason);
	}
	check_rows();
}

static const struct {
	const char *name;
	size_t len;
	uint64_t stored_nbytes;
	const char *reason;	/* NULL: it is in proportion */
} inflated[] = {
	{ "stored", 20 << 20, 20 << 20, NULL },
	{ "small", 4 << 20, 100, NULL },
	{ "too large for so little", (4 << 20) + 1, 100,
	  "4194305 bytes, over the limit of 4194304 for a file that takes "
	  "100" },
	{ "of one MiB", (4 << 20) + 1, 1 << 20, "over the limit of 4194304" },
	{ "of a byte more", (4 << 20) + 8, (1 << 20) + 1, NULL },
	{ "a byte too large for that", (4 << 20) + 9, (1 << 20) + 1,
	  "over the limit of 4194312" },
	{ "of a huge file", SAFETENSORS_HEADER_LIMIT, UINT64_MAX, NULL },
};

static void test_inflated(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(inflated); i++) {
		struct error err = { 0 };
		bool ok = safetensors_check_inflated(
			inflated[i].len, inflated[i].stored_nbytes, &err);

		CHECK(inflated[i].name, ok == !inflated[i].reason);
		if (!ok && inflated[i].reason)
			check_fault(inflated[i].name, &err, ERROR_UNSAFE, 0,
				    inflated[i].reason);
	}
	check_rows();
}

/* ---- headers ---- */

#define W "{'w':{'dtype':'U8','shape':[2],'data_offsets':[0,2]}"
#define DEEP "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
#define DEEPER DEEP DEEP DEEP DEEP DEEP DEEP DEEP DEEP
#define DEEPEST DEEPER DEEPER DEEPER DEEPER

static const struct {
	const char *name, *text;
	size_t len;
	uint64_t data_nbytes;
	size_t count, metadata_count;
	struct {		/* the last tensor in the header */
		const char *key;
		size_t key_len;
		enum dtype dtype;
		size_t rank;
		uint64_t shape[3], start, nbytes, nelements;
	} last;
} accepts[] = {
	{ "no tensors", BYTES("{}"), 0, 0, 0, { 0 } },
	{ "no tensors, padded", BYTES("{}      "), 0, 0, 0, { 0 } },
	{ "one", BYTES(W "}"), 2, 1, 0,
	  { BYTES("w"), DTYPE_U8, 1, { 2 }, 0, 2, 2 } },
	{ "length not a multiple of 8", BYTES(W "} "), 2, 1, 0,
	  { BYTES("w"), DTYPE_U8, 1, { 2 }, 0, 2, 2 } },
	{ "0-dim", BYTES("{'s':{'dtype':'F64','shape':[],"
			 "'data_offsets':[0,8]}}"), 8, 1, 0,
	  { BYTES("s"), DTYPE_F64, 0, { 0 }, 0, 8, 1 } },
	{ "blanks of every kind, fields in any order",
	  BYTES("{ \t'a' :\r\n{'data_offsets':[ 0 , 6 ], 'shape' : [ 3 ] ,"
		"'dtype':'BF16' } } "), 6, 1, 0,
	  { BYTES("a"), DTYPE_BF16, 1, { 3 }, 0, 6, 3 } },
	{ "tensors in any order",
	  BYTES("{'b':{'dtype':'U8','shape':[1],'data_offsets':[2,3]},"
		"'w':{'dtype':'U8','shape':[2],'data_offsets':[0,2]}}"),
	  3, 2, 0, { BYTES("w"), DTYPE_U8, 1, { 2 }, 0, 2, 2 } },
	{ "not aligned",
	  BYTES(W ",'x':{'dtype':'I32','shape':[1,1],"
		"'data_offsets':[2,6]}}"), 6, 2, 0,
	  { BYTES("x"), DTYPE_I32, 2, { 1, 1 }, 2, 4, 1 } },
	{ "metadata", BYTES("{'__metadata__':{'format':'pt','':''},"
			    "'w':{'dtype':'U8','shape':[2],"
			    "'data_offsets':[0,2]}}"), 2, 1, 2,
	  { BYTES("w"), DTYPE_U8, 1, { 2 }, 0, 2, 2 } },
	{ "metadata behind, its name in escapes",
	  BYTES(W ",'\\u005f_metadata__':{}}"), 2, 1, 0,
	  { BYTES("w"), DTYPE_U8, 1, { 2 }, 0, 2, 2 } },
	{ "several empty ones at one offset",
	  BYTES(W ",'x':{'dtype':'F32','shape':[0,3],'data_offsets':[2,2]},"
		"'y':{'dtype':'F32','shape':[0],'data_offsets':[2,2]}}"),
	  2, 3, 0, { BYTES("y"), DTYPE_F32, 1, { 0 }, 2, 0, 0 } },
	{ "a huge size behind 0",
	  BYTES("{'w':{'dtype':'U8','shape':[0,18446744073709551615],"
		"'data_offsets':[0,0]}}"), 0, 1, 0,
	  { BYTES("w"), DTYPE_U8, 2, { 0, UINT64_MAX }, 0, 0, 0 } },
	{ "parts of a byte that make whole ones",
	  BYTES("{'w':{'dtype':'F6_E2M3','shape':[4],"
		"'data_offsets':[0,3]}}"), 3, 1, 0,
	  { BYTES("w"), DTYPE_F6_E2M3, 1, { 4 }, 0, 3, 4 } },
	{ "around the surrogates, and a blank",
	  BYTES("{'\\ud7ff \\ue000':{'dtype':'U8','shape':[2],"
		"'data_offsets':[0,2]}}"), 2, 1, 0,
	  { BYTES("\xed\x9f\xbf \xee\x80\x80"), DTYPE_U8, 1, { 2 }, 0, 2,
	    2 } },
	{ "an empty name",
	  BYTES("{'':{'dtype':'U8','shape':[2],'data_offsets':[0,2]}}"), 2, 1,
	  0, { BYTES(""), DTYPE_U8, 1, { 2 }, 0, 2, 2 } },
	{ "every escape",
	  BYTES("{'\\'\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u00e9\\u20AC"
		"\\ud83d\\uDE00\x7f':{'dtype':'U8','shape':[2],"
		"'data_offsets':[0,2]}}"), 2, 1, 0,
	  { BYTES("\"\\/\b\f\n\r\t\0\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"
		  "\x7f"), DTYPE_U8, 1, { 2 }, 0, 2, 2 } },
	{ "names that differ behind NUL",
	  BYTES("{'a\\u0000':{'dtype':'U8','shape':[0],'data_offsets':[0,0]},"
		"'a\\u0000\\u0000':{'dtype':'U8','shape':[0],"
		"'data_offsets':[0,0]}}"), 0, 2, 0,
	  { BYTES("a\0\0"), DTYPE_U8, 1, { 0 }, 0, 0, 0 } },
	{ "a name that is a path",
	  BYTES("{'../../w':{'dtype':'U8','shape':[2],"
		"'data_offsets':[0,2]}}"), 2, 1, 0,
	  { BYTES("../../w"), DTYPE_U8, 1, { 2 }, 0, 2, 2 } },
	{ "1025 dimensions",
	  BYTES("{'w':{'dtype':'U8','shape':[" DEEPEST "2],"
		"'data_offsets':[0,2]}}"), 2, 1, 0,
	  { BYTES("w"), DTYPE_U8, 1025, { 1, 1, 1 }, 0, 2, 2 } },
	{ "4096 dimensions",
	  BYTES("{'w':{'dtype':'U8','shape':[" DEEPEST DEEPEST DEEPEST
		DEEPER DEEPER DEEPER DEEP DEEP DEEP DEEP DEEP DEEP DEEP
		"1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
		"1,2],'data_offsets':[0,2]}}"), 2, 1, 0,
	  { BYTES("w"), DTYPE_U8, 4096, { 1, 1, 1 }, 0, 2, 2 } },
};

static bool read_text(struct safetensors_header *header, const char *text,
		      size_t len, uint64_t data_nbytes, struct error *err)
{
	char *copy = quoted(text, len);
	bool ok = safetensors_read_header(header, copy, len, data_nbytes, err);

	free(copy);
	return ok;
}

static void test_accepts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(accepts); i++) {
		const char *name = accepts[i].name;
		struct safetensors_header h;
		struct error err = { 0 };
		const struct tensor *t;

		if (!CHECK(name, read_text(&h, accepts[i].text, accepts[i].len,
					   accepts[i].data_nbytes, &err))) {
			check_text(name, err.reason, "");
			continue;
		}
		CHECK(name, h.tensors.count == accepts[i].count);
		CHECK(name, h.metadata_count == accepts[i].metadata_count);
		CHECK(name, h.data_nbytes == accepts[i].data_nbytes);
		if (h.tensors.count > 0) {
			t = &h.tensors.tensors[h.tensors.count - 1];
			CHECK(name, t->key_len == accepts[i].last.key_len &&
			      memcmp(t->key, accepts[i].last.key,
				     t->key_len + 1) == 0);
			CHECK(name, t->dtype == accepts[i].last.dtype);
			CHECK(name, t->rank == accepts[i].last.rank);
			for (size_t j = 0; j < t->rank && j < 3; j++)
				CHECK(name, t->shape[j] ==
				      accepts[i].last.shape[j]);
			CHECK(name, !t->stride && t->storage == 0);
			CHECK(name, t->start == accepts[i].last.start);
			CHECK(name, t->nbytes == accepts[i].last.nbytes);
			CHECK(name, t->nelements ==
			      accepts[i].last.nelements);
		}
		safetensors_header_free(&h);
		safetensors_header_free(&h);
	}
	check_rows();
}

#define NOWHERE ERROR_NO_OFFSET

static const struct {
	const char *name, *text;
	size_t len;
	uint64_t data_nbytes;
	enum error_kind kind;
	uint64_t offset;
	const char *reason;
} rejects[] = {
	/* the object as a whole */
	{ "not UTF-8", BYTES("{'\xff':0}"), 0, ERROR_CORRUPT, 10,
	  "not UTF-8" },
	{ "surrogate as UTF-8", BYTES("{'\xed\xa0\x80'}"), 0, ERROR_CORRUPT,
	  10, "not UTF-8" },
	{ "blank in front", BYTES(" {}"), 0, ERROR_UNSAFE, 8,
	  "the first byte is not '{'" },
	{ "byte order mark", BYTES("\xef\xbb\xbf{}"), 0, ERROR_CORRUPT, 8,
	  "the first byte is not '{'" },
	{ "an array", BYTES("[]"), 0, ERROR_CORRUPT, 8,
	  "the first byte is not '{'" },
	{ "a second value", BYTES("{} {}"), 0, ERROR_CORRUPT, 11,
	  "bytes other than blanks behind the object" },
	{ "padded with NUL", BYTES("{}\0"), 0, ERROR_CORRUPT, 10,
	  "bytes other than blanks behind the object" },
	{ "padded with newlines", BYTES("{} \n"), 0, ERROR_UNSAFE, 11,
	  "bytes other than blanks behind the object" },
	{ "cut behind {", BYTES("{"), 0, ERROR_TRUNCATED, 9,
	  "ends where '\"' should stand" },
	{ "cut behind a name", BYTES("{'w'"), 0, ERROR_TRUNCATED, 12,
	  "ends where ':' should stand" },
	{ "no name", BYTES("{w:{}}"), 0, ERROR_CORRUPT, 9,
	  "byte 0x77 where '\"' should stand" },
	{ "no colon", BYTES("{'w' {}}"), 0, ERROR_CORRUPT, 13,
	  "byte 0x7b where ':' should stand" },
	{ "a comma behind the last", BYTES("{'__metadata__':{},}"), 0,
	  ERROR_CORRUPT, 27, "byte 0x7d where '\"' should stand" },
	{ "no comma", BYTES("{'__metadata__':{}'w':{}}"), 0, ERROR_CORRUPT,
	  26, "byte 0x22 where '}' should stand" },
	{ "a comment", BYTES("{/**/}"), 0, ERROR_CORRUPT, 9, "byte 0x2f" },
	{ "other white space", BYTES("{\f}"), 0, ERROR_CORRUPT, 9,
	  "byte 0x0c" },
	{ "NUL as white space", BYTES("{\0}"), 0, ERROR_CORRUPT, 9,
	  "byte 0x00" },
	/* strings */
	{ "cut in a string", BYTES("{'w"), 0, ERROR_CORRUPT, 11,
	  "ends inside a string" },
	{ "cut in an escape", BYTES("{'\\"), 0, ERROR_CORRUPT, 11,
	  "ends inside a string" },
	{ "cut in a \\u escape", BYTES("{'\\u00e"), 0, ERROR_CORRUPT, 15,
	  "four hex digits" },
	{ "no hex digit", BYTES("{'\\u00g0'}"), 0, ERROR_CORRUPT, 14,
	  "four hex digits" },
	{ "unknown escape", BYTES("{'\\x41'}"), 0, ERROR_CORRUPT, 11,
	  "an unknown escape in a string" },
	{ "NUL as an escape", BYTES("{'\\\0'}"), 0, ERROR_CORRUPT, 11,
	  "an unknown escape in a string" },
	{ "control byte", BYTES("{'\x1f'}"), 0, ERROR_CORRUPT, 10,
	  "a control byte in a string" },
	{ "NUL in a string", BYTES("{'\0'}"), 0, ERROR_CORRUPT, 10,
	  "a control byte in a string" },
	{ "low surrogate first", BYTES("{'\\udc00\\ud800'}"), 0,
	  ERROR_CORRUPT, 10, "a surrogate without its partner" },
	{ "last low surrogate", BYTES("{'\\udfff'}"), 0, ERROR_CORRUPT, 10,
	  "a surrogate without its partner" },
	{ "high surrogate at the end", BYTES("{'\\ud800'}"), 0,
	  ERROR_CORRUPT, 10, "a surrogate without its partner" },
	{ "high surrogate and another escape", BYTES("{'\\ud800\\n    '}"),
	  0, ERROR_CORRUPT, 10, "a surrogate without its partner" },
	{ "two high surrogates", BYTES("{'\\ud800\\ud800'}"), 0,
	  ERROR_CORRUPT, 10, "a surrogate without its partner" },
	{ "high surrogate and a letter", BYTES("{'\\ud800\\u0041'}"), 0,
	  ERROR_CORRUPT, 10, "a surrogate without its partner" },
	{ "high surrogate and half an escape", BYTES("{'\\ud800\\u00'}"), 0,
	  ERROR_CORRUPT, 20, "four hex digits" },
	/* metadata */
	{ "metadata twice", BYTES("{'__metadata__':{},'__metadata__':{}}"),
	  0, ERROR_CORRUPT, 42, "\"__metadata__\" stands twice" },
	{ "metadata is null", BYTES("{'__metadata__':null}"), 0,
	  ERROR_UNSAFE, 24, "byte 0x6e where '{' should stand" },
	{ "metadata holds a number", BYTES("{'__metadata__':{'a':1}}"), 0,
	  ERROR_CORRUPT, 29, "byte 0x31 where '\"' should stand" },
	{ "metadata holds an object", BYTES("{'__metadata__':{'a':{}}}"), 0,
	  ERROR_CORRUPT, 29, "byte 0x7b where '\"' should stand" },
	/* fields */
	{ "tensor is an array", BYTES("{'w':['U8',[2],[0,2]]}"), 2,
	  ERROR_UNSAFE, 13, "byte 0x5b where '{' should stand" },
	{ "nothing in it", BYTES("{'w':{}}"), 0, ERROR_CORRUPT, NOWHERE,
	  "tensor \"w\": field \"dtype\" is missing" },
	{ "no shape", BYTES("{'w':{'dtype':'U8','data_offsets':[0,2]}}"), 2,
	  ERROR_CORRUPT, NOWHERE, "field \"shape\" is missing" },
	{ "no offsets", BYTES("{'w':{'dtype':'U8','shape':[]}}"), 2,
	  ERROR_CORRUPT, NOWHERE, "field \"data_offsets\" is missing" },
	{ "dtype twice",
	  BYTES("{'w':{'dtype':'U8','dtype':'U8','shape':[]}}"), 2,
	  ERROR_CORRUPT, NOWHERE, "field \"dtype\" stands twice" },
	{ "a field twice, once in escapes",
	  BYTES("{'w':{'shape':[],'\\u0073hape':[]}}"), 2, ERROR_CORRUPT,
	  NOWHERE, "field \"shape\" stands twice" },
	{ "an unknown field", BYTES("{'w':{'note\\n':1}}"), 2, ERROR_UNSAFE,
	  NOWHERE, "tensor \"w\": unknown field \"note\\n\"" },
	{ "a field in other letters", BYTES("{'w':{'Shape':[]}}"), 2,
	  ERROR_UNSAFE, NOWHERE, "unknown field \"Shape\"" },
	{ "deep nesting in an unknown field",
	  BYTES("{'w':{'x':[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["), 2,
	  ERROR_UNSAFE, NOWHERE, "unknown field \"x\"" },
	{ "unknown dtype", BYTES("{'w':{'dtype':'F128'}}"), 2, ERROR_CORRUPT,
	  NOWHERE, "tensor \"w\": unknown dtype \"F128\"" },
	{ "dtype in other letters", BYTES("{'w':{'dtype':'f32'}}"), 2,
	  ERROR_CORRUPT, NOWHERE, "unknown dtype \"f32\"" },
	{ "dtype with NUL", BYTES("{'w':{'dtype':'U8\\u0000'}}"), 2,
	  ERROR_CORRUPT, NOWHERE, "unknown dtype \"U8\\x00\"" },
	{ "dtype is a number", BYTES("{'w':{'dtype':8}}"), 2, ERROR_CORRUPT,
	  22, "byte 0x38 where '\"' should stand" },
	{ "shape is a number", BYTES("{'w':{'shape':2}}"), 2, ERROR_CORRUPT,
	  22, "byte 0x32 where '[' should stand" },
	{ "shape is null", BYTES("{'w':{'shape':null}}"), 2, ERROR_CORRUPT,
	  22, "byte 0x6e where '[' should stand" },
	{ "4097 dimensions",
	  BYTES("{'w':{'shape':[" DEEPEST DEEPEST DEEPEST DEEPEST "1]}}"), 2,
	  ERROR_UNSAFE, 8 + 15 + 8192, "over 4096 sizes in a list" },
	/* numbers */
	{ "negative", BYTES("{'w':{'shape':[-1]}}"), 2, ERROR_CORRUPT, 23,
	  "a number of bare digits is needed" },
	{ "minus zero", BYTES("{'w':{'shape':[-0]}}"), 2, ERROR_CORRUPT, 23,
	  "a number of bare digits is needed" },
	{ "plus", BYTES("{'w':{'shape':[+1]}}"), 2, ERROR_CORRUPT, 23,
	  "a number of bare digits is needed" },
	{ "a string", BYTES("{'w':{'shape':['2']}}"), 2, ERROR_CORRUPT, 23,
	  "a number of bare digits is needed" },
	{ "true", BYTES("{'w':{'shape':[true]}}"), 2, ERROR_CORRUPT, 23,
	  "a number of bare digits is needed" },
	{ "a comma behind the last size", BYTES("{'w':{'shape':[2,]}}"), 2,
	  ERROR_CORRUPT, 25, "a number of bare digits is needed" },
	{ "zero in front", BYTES("{'w':{'shape':[02]}}"), 2, ERROR_CORRUPT,
	  23, "a number starts with 0" },
	{ "fraction", BYTES("{'w':{'shape':[2.0]}}"), 2, ERROR_CORRUPT, 23,
	  "a number is not an integer" },
	{ "exponent", BYTES("{'w':{'shape':[2e0]}}"), 2, ERROR_CORRUPT, 23,
	  "a number is not an integer" },
	{ "capital exponent", BYTES("{'w':{'shape':[2E0]}}"), 2,
	  ERROR_CORRUPT, 23, "a number is not an integer" },
	{ "hexadecimal", BYTES("{'w':{'shape':[0x2]}}"), 2, ERROR_CORRUPT,
	  24, "byte 0x78 where ']' should stand" },
	{ "2^64", BYTES("{'w':{'shape':[18446744073709551616]}}"), 2,
	  ERROR_CORRUPT, 23, "a number above 64 bits" },
	{ "ten times as much",
	  BYTES("{'w':{'shape':[ 184467440737095516150]}}"), 2,
	  ERROR_CORRUPT, 24, "a number above 64 bits" },
	/* sizes and offsets */
	{ "one offset", BYTES("{'w':{'data_offsets':[0]}}"), 2,
	  ERROR_CORRUPT, NOWHERE, "data_offsets has 1 numbers, not 2" },
	{ "three offsets", BYTES("{'w':{'data_offsets':[0,1,2]}}"), 2,
	  ERROR_CORRUPT, NOWHERE, "data_offsets has 3 numbers, not 2" },
	{ "no offset", BYTES("{'w':{'data_offsets':[]}}"), 2, ERROR_CORRUPT,
	  NOWHERE, "data_offsets has 0 numbers, not 2" },
	{ "offsets reversed", BYTES("{'w':{'dtype':'U8','shape':[1],'data_offsets':[2,1]}}"), 2,
	  ERROR_CORRUPT, NOWHERE, "data_offsets [2,1) end before they begin" },
	{ "product of sizes overflows",
	  BYTES("{'w':{'dtype':'U8','shape':[4294967296,4294967296],"
		"'data_offsets':[0,2]}}"), 2, ERROR_CORRUPT, NOWHERE,
	  "the product of its sizes overflows 64 bits" },
	{ "it overflows before a size of 0",
	  BYTES("{'w':{'dtype':'U8','shape':[4294967296,4294967296,0],"
		"'data_offsets':[0,0]}}"), 0, ERROR_CORRUPT, NOWHERE,
	  "the product of its sizes overflows 64 bits" },
	{ "bits overflow",
	  BYTES("{'w':{'dtype':'U8','shape':[2305843009213693952],"
		"'data_offsets':[0,2305843009213693952]}}"),
	  UINT64_C(1) << 61, ERROR_CORRUPT, NOWHERE,
	  "2305843009213693952 elements of 8 bits overflow 64 bits" },
	{ "half a byte left over",
	  BYTES("{'w':{'dtype':'F4','shape':[3],'data_offsets':[0,2]}}"), 2,
	  ERROR_CORRUPT, NOWHERE,
	  "3 elements of 4 bits do not end at a whole byte" },
	{ "size and shape differ",
	  BYTES("{'w':{'dtype':'F32','shape':[2],'data_offsets':[0,9]}}"), 9,
	  ERROR_CORRUPT, NOWHERE,
	  "its shape and dtype need 8 bytes, data_offsets give 9" },
	{ "not starting at 0",
	  BYTES("{'w':{'dtype':'U8','shape':[2],'data_offsets':[1,3]}}"), 3,
	  ERROR_CORRUPT, NOWHERE,
	  "tensor \"w\": data_offsets [1,3) leave a gap after 0" },
	{ "a hole",
	  BYTES("{'w':{'dtype':'U8','shape':[2],'data_offsets':[3,5]},"
		"'v':{'dtype':'U8','shape':[2],'data_offsets':[0,2]}}"), 5,
	  ERROR_CORRUPT, NOWHERE,
	  "tensor \"w\": data_offsets [3,5) leave a gap after 2" },
	{ "an overlap",
	  BYTES("{'w':{'dtype':'U8','shape':[2],'data_offsets':[0,2]},"
		"'v':{'dtype':'U8','shape':[2],'data_offsets':[1,3]}}"), 3,
	  ERROR_CORRUPT, NOWHERE,
	  "tensor \"v\": data_offsets [1,3) overlap what ends at 2" },
	{ "the same bytes twice",
	  BYTES("{'w':{'dtype':'U8','shape':[2],'data_offsets':[0,2]},"
		"'v':{'dtype':'U8','shape':[2],'data_offsets':[0,2]}}"), 2,
	  ERROR_CORRUPT, NOWHERE, "overlap what ends at 2" },
	{ "an empty one out of place",
	  BYTES("{'w':{'dtype':'U8','shape':[2],'data_offsets':[0,2]},"
		"'v':{'dtype':'U8','shape':[0],'data_offsets':[1,1]}}"), 2,
	  ERROR_CORRUPT, NOWHERE, "data_offsets [1,1) overlap" },
	{ "less data than they cover", BYTES(W "}"), 1, ERROR_TRUNCATED,
	  NOWHERE, "the tensors cover 2 bytes, 1 follow the header" },
	{ "more data than they cover", BYTES(W "}"), 3, ERROR_CORRUPT,
	  NOWHERE, "the tensors cover 2 bytes, 3 follow the header" },
	{ "data without tensors", BYTES("{}"), 1, ERROR_CORRUPT, NOWHERE,
	  "the tensors cover 0 bytes, 1 follow the header" },
	/* names */
	{ "a name twice",
	  BYTES(W ",'w':{'dtype':'U8','shape':[2],'data_offsets':[2,4]}}"),
	  4, ERROR_UNSAFE, NOWHERE, "tensor \"w\": stands twice" },
	{ "a name twice, once in escapes",
	  BYTES(W ",'\\u0077':{'dtype':'U8','shape':[0],"
		"'data_offsets':[2,2]}}"), 2, ERROR_UNSAFE, NOWHERE,
	  "tensor \"w\": stands twice" },
};

static void test_rejects(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rejects); i++) {
		struct safetensors_header h;
		struct error err = { 0 };

		CHECK(rejects[i].name,
		      !read_text(&h, rejects[i].text, rejects[i].len,
				 rejects[i].data_nbytes, &err));
		check_fault(rejects[i].name, &err, rejects[i].kind,
			    rejects[i].offset, rejects[i].reason);
		CHECK(rejects[i].name, h.tensors.count == 0 &&
		      !h.tensors.tensors && !h.tensors.arena.blocks);
	}
	check_rows();
}

/* ---- whole files, cut and changed ---- */

/* Longer headers show nothing more here, in the square of the time. */
enum { CHANGED_LIMIT = 500 };

static char *file_of(size_t row, size_t *len)
{
	size_t header = accepts[row].len;
	char *text = quoted(accepts[row].text, header);
	char *file;

	*len = 8 + header + (size_t)accepts[row].data_nbytes;
	file = calloc(*len, 1);
	assert_non_null(file);
	for (int i = 0; i < 8; i++)
		file[i] = (char)(header >> 8 * i);
	memcpy(file + 8, text, header);
	free(text);
	return file;
}

/* Read a file; what is accepted must be sound whatever it says. */
static bool sound_or_refused(const char *row, const char *file, size_t len,
			     bool *accepted)
{
	uint8_t head[8] = { 0 };
	struct safetensors_header h;
	struct error err = { 0 };
	uint64_t covered = 0;
	size_t header;

	memcpy(head, file, len < 8 ? len : 8);
	*accepted = safetensors_read_length(head, len, &header, &err) &&
		    safetensors_read_header(&h, file + 8, header,
					    len - 8 - header, &err);
	if (!*accepted)
		return CHECK(row, err.kind != ERROR_NONE && err.reason[0]);
	for (size_t i = 0; i < h.tensors.count; i++) {
		const struct tensor *t = &h.tensors.tensors[i];
		unsigned bits = dtype_info(t->dtype)->bits;

		CHECK(row, t->nelements * bits == 8 * t->nbytes);
		CHECK(row, t->start + t->nbytes <= h.data_nbytes);
		covered += t->nbytes;
	}
	CHECK(row, covered == h.data_nbytes);
	safetensors_header_free(&h);
	return true;
}

static void test_every_prefix_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(accepts); i++) {
		size_t len;
		char *file;
		bool accepted;

		if (accepts[i].len > CHANGED_LIMIT)
			continue;
		file = file_of(i, &len);
		for (size_t n = 0; n < len; n++) {
			char *part = malloc(n ? n : 1);

			assert_non_null(part);
			memcpy(part, file, n);
			sound_or_refused(accepts[i].name, part, n, &accepted);
			CHECK(accepts[i].name, !accepted);
			free(part);
		}
		free(file);
	}
	check_rows();
}

static void test_every_changed_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(accepts); i++) {
		size_t len;
		char *file;
		bool accepted;

		if (accepts[i].len > CHANGED_LIMIT)
			continue;
		file = file_of(i, &len);
		for (size_t n = 0; n < 8 + accepts[i].len; n++) {
			char kept = file[n];

			for (unsigned bit = 0; bit < 8; bit++) {
				file[n] = (char)(kept ^ 1 << bit);
				sound_or_refused(accepts[i].name, file, len,
						 &accepted);
			}
			file[n] = 0;
			sound_or_refused(accepts[i].name, file, len,
					 &accepted);
			file[n] = (char)(kept + 1);
			sound_or_refused(accepts[i].name, file, len,
					 &accepted);
			file[n] = kept;
		}
		free(file);
	}
	check_rows();
}

/* ---- the header that is written ---- */

enum { TENSORS = 4 };
#define MOST (UINT64_MAX / 8)	/* bytes of tensors in one file */

struct written {
	const char *key;
	size_t key_len;
	enum dtype dtype;
	size_t rank;
	uint64_t shape[3], nbytes;
	bool packed;
};

static const struct {
	const char *name;
	size_t count;
	struct written tensors[TENSORS];
	const char *header;	/* ' for ", without its length */
	size_t order[TENSORS];
	uint64_t begin[TENSORS], file_nbytes;
} layouts[] = {
	{ "no tensors", 0, { { 0 } }, "{}      ", { 0 }, { 0 }, 16 },
	{ "one", 1, { { BYTES("w"), DTYPE_F32, 2, { 2, 3 }, 24, false } },
	  "{'w':{'dtype':'F32','shape':[2,3],'data_offsets':[0,24]}}       ",
	  { 0 }, { 0 }, 96 },
	{ "0-dim and empty", 2,
	  { { BYTES("b"), DTYPE_U8, 0, { 0 }, 1, false },
	    { BYTES("a"), DTYPE_U8, 2, { 0, 7 }, 0, false } },
	  "{'a':{'dtype':'U8','shape':[0,7],'data_offsets':[0,0]},"
	  "'b':{'dtype':'U8','shape':[],'data_offsets':[0,1]}}      ",
	  { 1, 0 }, { 0, 0 }, 121 },
	{ "widest first, then by name", 4,
	  { { BYTES("z"), DTYPE_BOOL, 0, { 0 }, 1, false },
	    { BYTES("b"), DTYPE_F32, 0, { 0 }, 4, false },
	    { BYTES("a"), DTYPE_F32, 0, { 0 }, 4, false },
	    { BYTES("y"), DTYPE_U64, 0, { 0 }, 8, false } },
	  "{'y':{'dtype':'U64','shape':[],'data_offsets':[0,8]},"
	  "'a':{'dtype':'F32','shape':[],'data_offsets':[8,12]},"
	  "'b':{'dtype':'F32','shape':[],'data_offsets':[12,16]},"
	  "'z':{'dtype':'BOOL','shape':[],'data_offsets':[16,17]}} ",
	  { 3, 2, 1, 0 }, { 16, 12, 8, 0 }, 241 },
	{ "names that are escaped, and those that are not", 2,
	  { { BYTES("\"\\/\b\t\n\f\r\0\x1f\x7f"), DTYPE_U8, 0, { 0 }, 1,
	      false },
	    { BYTES("\xc2\x80\xe2\x80\xa8\xf0\x9f\x98\x80"), DTYPE_U8, 0,
	      { 0 }, 1, false } },
	  "{'\\'\\\\/\\b\\t\\n\\f\\r\\u0000\\u001f\x7f':"
	  "{'dtype':'U8','shape':[],'data_offsets':[0,1]},"
	  "'\xc2\x80\xe2\x80\xa8\xf0\x9f\x98\x80':"
	  "{'dtype':'U8','shape':[],'data_offsets':[1,2]}}      ",
	  { 0, 1 }, { 0, 1 }, 154 },
	{ "two values in a byte: the last size doubles", 1,
	  { { BYTES("w"), DTYPE_F4, 2, { 2, 3 }, 6, true } },
	  "{'w':{'dtype':'F4','shape':[2,6],'data_offsets':[0,6]}} ",
	  { 0 }, { 0 }, 70 },
	{ "two values in a byte, the largest size", 1,
	  { { BYTES("w"), DTYPE_F4, 2, { 0, UINT64_MAX / 2 }, 0, true } },
	  "{'w':{'dtype':'F4','shape':[0,18446744073709551614],"
	  "'data_offsets':[0,0]}}      ", { 0 }, { 0 }, 88 },
	{ "as many bits as readers count", 1,
	  { { BYTES("w"), DTYPE_U8, 1, { MOST }, MOST, false } },
	  "{'w':{'dtype':'U8','shape':[2305843009213693951],"
	  "'data_offsets':[0,2305843009213693951]}}       ",
	  { 0 }, { 0 }, MOST + 104 },
	{ "read from such a file: it does not", 1,
	  { { BYTES("w"), DTYPE_F4, 2, { 2, 6 }, 6, false } },
	  "{'w':{'dtype':'F4','shape':[2,6],'data_offsets':[0,6]}} ",
	  { 0 }, { 0 }, 70 },
};

static void fill(struct state_dict *sd, struct tensor *tensors,
		 const struct written *rows, size_t count)
{
	*sd = (struct state_dict){ .tensors = tensors, .count = count };
	for (size_t i = 0; i < count; i++)
		tensors[i] = (struct tensor){
			.key = rows[i].key, .key_len = rows[i].key_len,
			.dtype = rows[i].dtype, .rank = rows[i].rank,
			.shape = rows[i].shape, .nbytes = rows[i].nbytes,
			.packed = rows[i].packed,
		};
}

static void test_layouts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(layouts); i++) {
		const char *name = layouts[i].name;
		size_t len = strlen(layouts[i].header);
		char *header = quoted(layouts[i].header, len);
		struct tensor tensors[TENSORS];
		struct state_dict sd;
		struct safetensors_layout l;
		struct safetensors_header h;
		struct error err = { 0 };
		uint8_t head[8] = { (uint8_t)len };

		fill(&sd, tensors, layouts[i].tensors, layouts[i].count);
		assert_true(safetensors_lay_out(&l, &sd, &err));
		CHECK(name, l.header.len == 8 + len);
		CHECK(name, memcmp(l.header.data, head, 8) == 0);
		CHECK(name, memcmp(l.header.data + 8, header, len) == 0);
		CHECK(name, l.file_nbytes == layouts[i].file_nbytes);
		for (size_t j = 0; j < sd.count; j++) {
			CHECK(name, l.order[j] == layouts[i].order[j]);
			CHECK(name, l.begin[j] == layouts[i].begin[j]);
		}
		CHECK(name, safetensors_read_header(
			&h, l.header.data + 8, len,
			layouts[i].file_nbytes - 8 - len, &err));
		CHECK(name, h.tensors.count == sd.count);
		safetensors_header_free(&h);
		safetensors_layout_free(&l);
		safetensors_layout_free(&l);
		free(header);
	}
	check_rows();
}

static const struct {
	const char *name;
	size_t count;
	struct written tensors[TENSORS];
	enum error_kind kind;
	uint64_t offset;
	const char *reason;
} unwritable[] = {
	{ "complex128", 1,
	  { { BYTES("w"), DTYPE_COMPLEX128, 0, { 0 }, 16, false } },
	  ERROR_UNSUPPORTED, NOWHERE,
	  "tensor \"w\": safetensors has no dtype for complex128" },
	{ "bits", 1, { { BYTES("w"), DTYPE_BITS1X8, 0, { 0 }, 1, false } },
	  ERROR_UNSUPPORTED, NOWHERE, "no dtype for bits1x8" },
	{ "packed 0-dim", 1,
	  { { BYTES("w"), DTYPE_F4, 0, { 0 }, 1, true } }, ERROR_UNSUPPORTED,
	  NOWHERE, "a float4_e2m1fn_x2 tensor needs a dimension" },
	{ "packed, and twice the size overflows", 1,
	  { { BYTES("w"), DTYPE_F4, 2, { 0, UINT64_MAX / 2 + 1 }, 0, true } },
	  ERROR_LIMIT, NOWHERE,
	  "twice its last size of 9223372036854775808 overflows 64 bits" },
	{ "the reserved name", 1,
	  { { BYTES("__metadata__"), DTYPE_U8, 0, { 0 }, 1, false } },
	  ERROR_UNSUPPORTED, NOWHERE, "safetensors keeps this name" },
	{ "one name twice, two dtypes", 2,
	  { { BYTES("w"), DTYPE_U8, 0, { 0 }, 1, false },
	    { BYTES("w"), DTYPE_F32, 0, { 0 }, 4, false } },
	  ERROR_CORRUPT, NOWHERE, "tensor \"w\": stands twice" },
	{ "a name that is not UTF-8", 1,
	  { { BYTES("w\xff"), DTYPE_U8, 0, { 0 }, 1, false } },
	  ERROR_UNSUPPORTED, 1, "not UTF-8" },
	{ "more bits than readers count", 1,
	  { { BYTES("a"), DTYPE_U8, 1, { MOST + 1 }, MOST + 1, false } },
	  ERROR_LIMIT, NOWHERE, "tensor \"a\": its 2305843009213693952 bytes "
	  "at 0 are over the limit of 2305843009213693951" },
	{ "so many in all", 2,
	  { { BYTES("a"), DTYPE_U8, 1, { MOST }, MOST, false },
	    { BYTES("b"), DTYPE_U8, 1, { 1 }, 1, false } },
	  ERROR_LIMIT, NOWHERE, "tensor \"b\": its 1 bytes at "
	  "2305843009213693951 are over the limit" },
};

static void test_unwritable(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(unwritable); i++) {
		struct tensor tensors[TENSORS];
		struct state_dict sd;
		struct safetensors_layout l;
		struct error err = { 0 };

		fill(&sd, tensors, unwritable[i].tensors,
		     unwritable[i].count);
		CHECK(unwritable[i].name,
		      !safetensors_lay_out(&l, &sd, &err));
		check_fault(unwritable[i].name, &err, unwritable[i].kind,
			    unwritable[i].offset, unwritable[i].reason);
		CHECK(unwritable[i].name, !l.order && !l.begin &&
		      !l.header.data);
	}
	check_rows();
}

/* Read one after the other. */
static const struct {
	const char *name, *text;
	uint64_t data_nbytes;
	bool good, again;	/* the one before is not parsed again */
} recalled[] = {
	{ "the first", "{'a':{'dtype':'U8','shape':[4],'data_offsets':[0,4]}}",
	  4, true, false },
	{ "it again", "{'a':{'dtype':'U8','shape':[4],'data_offsets':[0,4]}}",
	  4, true, true },
	{ "and again", "{'a':{'dtype':'U8','shape':[4],'data_offsets':[0,4]}}",
	  4, true, true },
	{ "with less data",
	  "{'a':{'dtype':'U8','shape':[4],'data_offsets':[0,4]}}", 3, false,
	  false },
	{ "behind a bad one",
	  "{'a':{'dtype':'U8','shape':[4],'data_offsets':[0,4]}}", 4, true,
	  false },
	{ "with more data",
	  "{'a':{'dtype':'U8','shape':[4],'data_offsets':[0,4]}}", 5, false,
	  false },
	{ "of the same length",
	  "{'b':{'dtype':'U8','shape':[4],'data_offsets':[0,4]}}", 4, true,
	  false },
	{ "with a blank", "{'b':{'dtype':'U8','shape':[4],'data_offsets':[0,4]}} ",
	  4, true, false },
	{ "it again, with the blank",
	  "{'b':{'dtype':'U8','shape':[4],'data_offsets':[0,4]}} ", 4, true,
	  true },
	{ "without tensors", "{}", 0, true, false },
	{ "nothing", "", 0, false, false },
	{ "nothing again", "", 0, false, false },
};

static void test_recall(void **state)
{
	struct safetensors_recall recall = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(recalled); i++) {
		const struct safetensors_header *header;
		size_t len = strlen(recalled[i].text);
		char *text = quoted(recalled[i].text, len);
		struct error err = { 0 };

		/* Parsed anew, this would be the name. */
		if (recalled[i].again)
			recall.header.tensors.tensors[0].key = "kept";
		header = safetensors_recall_header(&recall, text, len,
						   recalled[i].data_nbytes,
						   &err);
		CHECK(recalled[i].name, !!header == recalled[i].good);
		CHECK(recalled[i].name, !header == (err.kind != ERROR_NONE));
		free(text);
		if (header && header->tensors.count > 0)
			check_text(recalled[i].name,
				   header->tensors.tensors[0].key,
				   recalled[i].again ? "kept" :
				   strchr(recalled[i].text, 'b') ? "b" : "a");
	}
	safetensors_recall_free(&recall);
	check_rows();
}

/* One that is long is read each time, and its text is not kept. */
static void test_long_header_is_not_recalled(void **state)
{
	static const char start[] = "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],"
				    "\"data_offsets\":[0,4]}}";
	static char text[(1 << 18) + 1];
	struct safetensors_recall recall = { 0 };

	(void)state;
	memset(text, ' ', sizeof(text));
	memcpy(text, start, strlen(start));
	for (size_t longer = 0; longer < 2; longer++) {
		struct error err = { 0 };

		for (size_t i = 0; i < 2; i++) {
			assert_non_null(safetensors_recall_header(
				&recall, text, (1 << 18) + longer, 4, &err));
			assert_string_equal(recall.header.tensors.tensors->key,
					    i && !longer ? "kept" : "a");
			recall.header.tensors.tensors->key = "kept";
		}
		assert_int_equal(recall.text.len, longer ? 0 : 1 << 18);
	}
	safetensors_recall_free(&recall);
}

/* {"aaa...":{"dtype":"U8","shape":[],"data_offsets":[0,1]}} up to the limit. */
static void test_header_limit(void **state)
{
	static const size_t around = 51;	/* all but the name */
	size_t most = SAFETENSORS_HEADER_LIMIT - around;
	struct tensor t = { .key = malloc(most + 1), .key_len = most,
			    .dtype = DTYPE_U8, .nbytes = 1 };
	struct state_dict sd = { .tensors = &t, .count = 1 };
	struct safetensors_layout l;
	struct error err = { 0 };

	(void)state;
	assert_non_null(t.key);
	memset((char *)t.key, 'a', most + 1);
	assert_true(safetensors_lay_out(&l, &sd, &err));
	assert_int_equal(l.header.len, SAFETENSORS_HEADER_LIMIT + 8);
	safetensors_layout_free(&l);
	t.key_len++;
	assert_false(safetensors_lay_out(&l, &sd, &err));
	check_fault("over the limit", &err, ERROR_LIMIT, NOWHERE,
		    "would have 100000008 bytes, over the limit of 100000000");
	free((char *)t.key);
	check_rows();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_inflated),
		cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_rejects),
		cmocka_unit_test(test_every_prefix_is_refused),
		cmocka_unit_test(test_every_changed_byte),
		cmocka_unit_test(test_recall),
		cmocka_unit_test(test_long_header_is_not_recalled),
		cmocka_unit_test(test_layouts),
		cmocka_unit_test(test_unwritable),
		cmocka_unit_test(test_header_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
