/*
 * pickle_opcodes.c - the table of opcodes, and their operands
 *
 *	'h' 07			BINGET		fixed number
 *	'X' 02 00 00 00 "ab"	BINUNICODE	counted bytes
 *	'L' "-12L\n"		LONG		line
 *	'c' "os\n" "system\n"	GLOBAL		two lines
 */
#include "formats/pickle_opcodes.h"

#include <inttypes.h>
#include <string.h>

/*
 * CPython refuses decimal text of more than 4300 digits, and earlier versions
 * took time in the square of it.  repr() of a float has at most 24 characters.
 */
enum { DIGITS_LIMIT = 4300, FLOAT_LIMIT = 100 };

#define NONE LAYOUT_NONE

/*
 * The memory is what CPython 3.11 and the stand-ins were measured to take,
 * rounded up.
 */
const struct pickle_opcode pickle_opcodes[256] = {
	/*	  name			layout			protocol, action	kind		 mark takes cost */
	['(']  = { "MARK",		NONE,			0, ACTION_MARK,		KIND_NONE,	 false, 0,  16 },
	['.']  = { "STOP",		NONE,			0, ACTION_STOP,		KIND_NONE,	 false, 1,   0 },
	['0']  = { "POP",		NONE,			0, ACTION_POP,		KIND_NONE,	 false, 0,   0 },
	['1']  = { "POP_MARK",		NONE,			1, ACTION_POP_MARK,	KIND_NONE,	 true,  0,   0 },
	['2']  = { "DUP",		NONE,			0, ACTION_DUP,		KIND_NONE,	 false, 1,   0 },
	['g']  = { "GET",		LAYOUT_INDEX_LINE,	0, ACTION_GET,		KIND_NONE,	 false, 0,   0 },
	['h']  = { "BINGET",		LAYOUT_U8,		1, ACTION_GET,		KIND_NONE,	 false, 0,   0 },
	['j']  = { "LONG_BINGET",	LAYOUT_U32,		1, ACTION_GET,		KIND_NONE,	 false, 0,   0 },
	['p']  = { "PUT",		LAYOUT_INDEX_LINE,	0, ACTION_PUT,		KIND_NONE,	 false, 1,   0 },
	['q']  = { "BINPUT",		LAYOUT_U8,		1, ACTION_PUT,		KIND_NONE,	 false, 1,   0 },
	['r']  = { "LONG_BINPUT",	LAYOUT_U32,		1, ACTION_PUT,		KIND_NONE,	 false, 1,   0 },
	[0x94] = { "MEMOIZE",		NONE,			4, ACTION_MEMOIZE,	KIND_NONE,	 false, 1,   0 },

	['N']  = { "NONE",		NONE,			0, ACTION_CONSTANT,	KIND_NONE,	 false, 0,   0 },
	[0x88] = { "NEWTRUE",		NONE,			2, ACTION_CONSTANT,	KIND_BOOL,	 false, 0,   0 },
	[0x89] = { "NEWFALSE",		NONE,			2, ACTION_CONSTANT,	KIND_BOOL,	 false, 0,   0 },
	['K']  = { "BININT1",		LAYOUT_U8,		1, ACTION_CONSTANT,	KIND_NUMBER,	 false, 0,   0 },
	['M']  = { "BININT2",		LAYOUT_U16,		1, ACTION_CONSTANT,	KIND_NUMBER,	 false, 0,  32 },
	['J']  = { "BININT",		LAYOUT_U32,		1, ACTION_CONSTANT,	KIND_NUMBER,	 false, 0,  32 },
	['G']  = { "BINFLOAT",		LAYOUT_8_BYTES,		1, ACTION_CONSTANT,	KIND_NUMBER,	 false, 0,  32 },
	['F']  = { "FLOAT",		LAYOUT_FLOAT_LINE,	0, ACTION_CONSTANT,	KIND_NUMBER,	 false, 0,  32 },
	[')']  = { "EMPTY_TUPLE",	NONE,			1, ACTION_CONSTANT,	KIND_TUPLE,	 false, 0,   0 },

	['I']  = { "INT",		LAYOUT_INTEGER_LINE,	0, ACTION_VALUE,	KIND_NUMBER,	 false, 0,  32 },
	['L']  = { "LONG",		LAYOUT_INTEGER_LINE,	0, ACTION_VALUE,	KIND_NUMBER,	 false, 0,  32 },
	[0x8a] = { "LONG1",		LAYOUT_COUNTED_U8,	2, ACTION_VALUE,	KIND_NUMBER,	 false, 0,  32 },
	[0x8b] = { "LONG4",		LAYOUT_COUNTED_I32,	2, ACTION_VALUE,	KIND_NUMBER,	 false, 0,  32 },
	['S']  = { "STRING",		LAYOUT_QUOTED_LINE,	0, ACTION_VALUE,	KIND_TEXT,	 false, 0,  64 },
	['T']  = { "BINSTRING",		LAYOUT_COUNTED_I32,	1, ACTION_VALUE,	KIND_TEXT,	 false, 0,  64 },
	['U']  = { "SHORT_BINSTRING",	LAYOUT_COUNTED_U8,	1, ACTION_VALUE,	KIND_TEXT,	 false, 0,  64 },
	['V']  = { "UNICODE",		LAYOUT_LINE,		0, ACTION_VALUE,	KIND_TEXT,	 false, 0,  64 },
	['X']  = { "BINUNICODE",	LAYOUT_COUNTED_U32,	1, ACTION_VALUE,	KIND_TEXT,	 false, 0,  64 },
	[0x8c] = { "SHORT_BINUNICODE",	LAYOUT_COUNTED_U8,	4, ACTION_VALUE,	KIND_TEXT,	 false, 0,  64 },
	[0x8d] = { "BINUNICODE8",	LAYOUT_COUNTED_U64,	4, ACTION_VALUE,	KIND_TEXT,	 false, 0,  64 },
	['B']  = { "BINBYTES",		LAYOUT_COUNTED_U32,	3, ACTION_VALUE,	KIND_BYTES,	 false, 0,  48 },
	['C']  = { "SHORT_BINBYTES",	LAYOUT_COUNTED_U8,	3, ACTION_VALUE,	KIND_BYTES,	 false, 0,  48 },
	[0x8e] = { "BINBYTES8",		LAYOUT_COUNTED_U64,	4, ACTION_VALUE,	KIND_BYTES,	 false, 0,  48 },
	[0x96] = { "BYTEARRAY8",	LAYOUT_COUNTED_U64,	5, ACTION_VALUE,	KIND_BYTES,	 false, 0,  80 },

	[']']  = { "EMPTY_LIST",	NONE,			1, ACTION_EMPTY,	KIND_LIST,	 false, 0,  64 },
	['}']  = { "EMPTY_DICT",	NONE,			1, ACTION_EMPTY,	KIND_DICT,	 false, 0,  64 },
	[0x8f] = { "EMPTY_SET",		NONE,			4, ACTION_EMPTY,	KIND_SET,	 false, 0, 224 },
	['t']  = { "TUPLE",		NONE,			0, ACTION_TUPLE,	KIND_TUPLE,	 true,  0,  48 },
	[0x85] = { "TUPLE1",		NONE,			2, ACTION_TUPLE,	KIND_TUPLE,	 false, 1,  48 },
	[0x86] = { "TUPLE2",		NONE,			2, ACTION_TUPLE,	KIND_TUPLE,	 false, 2,  48 },
	[0x87] = { "TUPLE3",		NONE,			2, ACTION_TUPLE,	KIND_TUPLE,	 false, 3,  48 },
	['l']  = { "LIST",		NONE,			0, ACTION_LIST,		KIND_LIST,	 true,  0,  64 },
	['d']  = { "DICT",		NONE,			0, ACTION_DICT,		KIND_DICT,	 true,  0,  64 },
	[0x91] = { "FROZENSET",		NONE,			4, ACTION_FROZENSET,	KIND_FROZENSET, true,  0, 224 },
	['a']  = { "APPEND",		NONE,			0, ACTION_APPEND,	KIND_NONE,	 false, 2,   0 },
	['e']  = { "APPENDS",		NONE,			1, ACTION_APPEND,	KIND_NONE,	 true,  1,   0 },
	['s']  = { "SETITEM",		NONE,			0, ACTION_SETITEM,	KIND_NONE,	 false, 3,   0 },
	['u']  = { "SETITEMS",		NONE,			1, ACTION_SETITEM,	KIND_NONE,	 true,  1,   0 },
	[0x90] = { "ADDITEMS",		NONE,			4, ACTION_ADDITEMS,	KIND_NONE,	 true,  1,   0 },

	['c']  = { "GLOBAL",		LAYOUT_TWO_LINES,	0, ACTION_GLOBAL,	KIND_GLOBAL,	 false, 0,   0 },
	[0x93] = { "STACK_GLOBAL",	NONE,			4, ACTION_STACK_GLOBAL, KIND_GLOBAL,	 false, 2,   0 },
	['P']  = { "PERSID",		LAYOUT_LINE,		0, ACTION_PERSID,	KIND_OBJECT,	 false, 0, 320 },
	['Q']  = { "BINPERSID",		NONE,			1, ACTION_PERSID,	KIND_OBJECT,	 false, 1, 320 },
	['R']  = { "REDUCE",		NONE,			0, ACTION_REDUCE,	KIND_OBJECT,	 false, 2, 160 },
	['o']  = { "OBJ",		NONE,			1, ACTION_OBJ,		KIND_OBJECT,	 true,  0, 160 },
	['i']  = { "INST",		LAYOUT_TWO_LINES,	0, ACTION_INST,		KIND_OBJECT,	 true,  0, 160 },
	[0x81] = { "NEWOBJ",		NONE,			2, ACTION_NEWOBJ,	KIND_OBJECT,	 false, 2, 160 },
	[0x92] = { "NEWOBJ_EX",		NONE,			4, ACTION_NEWOBJ_EX,	KIND_OBJECT,	 false, 3, 160 },
	['b']  = { "BUILD",		NONE,			0, ACTION_BUILD,	KIND_NONE,	 false, 2,  96 },

	[0x80] = { "PROTO",		LAYOUT_U8,		2, ACTION_PROTO,	KIND_NONE,	 false, 0,   0 },
	[0x95] = { "FRAME",		LAYOUT_8_BYTES,		4, ACTION_FRAME,	KIND_NONE,	 false, 0,   0 },
	[0x82] = { "EXT1",		LAYOUT_U8,		2, ACTION_REFUSE,	KIND_NONE,	 false, 0,   0 },
	[0x83] = { "EXT2",		LAYOUT_U16,		2, ACTION_REFUSE,	KIND_NONE,	 false, 0,   0 },
	[0x84] = { "EXT4",		LAYOUT_U32,		2, ACTION_REFUSE,	KIND_NONE,	 false, 0,   0 },
	[0x97] = { "NEXT_BUFFER",	NONE,			5, ACTION_REFUSE,	KIND_NONE,	 false, 0,   0 },
	[0x98] = { "READONLY_BUFFER",	NONE,			5, ACTION_REFUSE,	KIND_NONE,	 false, 0,   0 },
};

#undef NONE

/* How many bytes of number a layout starts with. */
static const uint8_t number_nbytes[] = {
	[LAYOUT_U8] = 1, [LAYOUT_U16] = 2, [LAYOUT_U32] = 4,
	[LAYOUT_8_BYTES] = 8, [LAYOUT_COUNTED_U8] = 1,
	[LAYOUT_COUNTED_I32] = 4, [LAYOUT_COUNTED_U32] = 4,
	[LAYOUT_COUNTED_U64] = 8, [LAYOUT_TWO_LINES] = 0,
};

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static size_t digits_span(const uint8_t *text, size_t len)
{
	size_t n = 0;

	while (n < len && is_digit(text[n]))
		n++;
	return n;
}

static bool is_integer(const uint8_t *text, size_t len)
{
	size_t n;

	if (len > 0 && text[0] == '-') {
		text++;
		len--;
	}
	n = digits_span(text, len);
	return n > 0 && (n == len || (n == len - 1 && text[n] == 'L'));
}

/* Python checks the syntax; here it is enough that nothing odd is in it. */
static bool is_float(const uint8_t *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\0' || !strchr("0123456789+-.eEinfaNIFA",
					       text[i]))
			return false;
	return len > 0;
}

/* The length of the escape at the start of text, or 0 if it is none. */
static size_t escape_span(const uint8_t *text, size_t len)
{
	size_t n = 1;

	if (len < 2)
		return 0;
	if (strchr("\\'\"abfnrtv", text[1]) && text[1] != '\0')
		return 2;
	if (text[1] == 'x')
		return len >= 4 && is_hex(text[2]) && is_hex(text[3]) ? 4 : 0;
	while (n < len && n < 4 && text[n] >= '0' && text[n] <= '7')
		n++;
	return n == 1 || (n == 4 && text[1] > '3') ? 0 : n;
}

/*
 * In quotes, and every escape known: CPython takes unknown ones with a
 * warning, and to show a warning it opens files.
 */
static bool is_quoted(const uint8_t *text, size_t len)
{
	size_t pos = 1, n = 1;

	if (len < 2 || (text[0] != '\'' && text[0] != '"')
	    || text[len - 1] != text[0])
		return false;
	for (; pos < len - 1; pos += n) {
		n = text[pos] == '\\' ? escape_span(text + pos, len - 1 - pos)
				      : 1;
		if (n == 0)
			return false;
	}
	return true;
}

static const struct line_rule {
	bool (*is_valid)(const uint8_t *text, size_t len);
	size_t limit;
	const char *what;
} line_rules[] = {
	[LAYOUT_INTEGER_LINE] = { is_integer, DIGITS_LIMIT + 2, "an integer" },
	[LAYOUT_FLOAT_LINE] = { is_float, FLOAT_LIMIT, "a number" },
	[LAYOUT_QUOTED_LINE] = { is_quoted, SIZE_MAX, "a quoted string" },
	[LAYOUT_TWO_LINES] = { NULL, SIZE_MAX, NULL },
};

/* The bytes up to the next newline, and past it. */
static bool take_line(struct cursor *c, const uint8_t **text, size_t *len)
{
	size_t left = cursor_left(c);
	const uint8_t *start = c->base + c->pos;
	const uint8_t *end = left > 0 ? memchr(start, '\n', left) : NULL;

	if (!end)
		return false;
	*text = start;
	*len = (size_t)(end - start);
	return cursor_take(c, *len + 1) != NULL;
}

/* An index of more digits than any that can be in a memo stays too large. */
static bool read_index(struct pickle_operand *operand)
{
	if (operand->len == 0
	    || digits_span(operand->text, operand->len) != operand->len)
		return false;
	for (size_t i = 0; i < operand->len; i++)
		if (__builtin_mul_overflow(operand->number, 10,
					   &operand->number)
		    || __builtin_add_overflow(operand->number,
					      operand->text[i] - '0',
					      &operand->number)) {
			operand->number = UINT64_MAX;
			break;
		}
	return true;
}

static bool read_lines(struct pickle_operand *operand,
		       const struct pickle_opcode *op, struct cursor *c,
		       uint64_t offset, struct error *err)
{
	const struct line_rule *rule = &line_rules[op->layout];

	if (!take_line(c, &operand->text, &operand->len)
	    || (op->layout == LAYOUT_TWO_LINES
		&& !take_line(c, &operand->second, &operand->second_len)))
		return error_set(err, ERROR_TRUNCATED, offset,
				 "opcode %s: no newline in the %zu bytes that "
				 "follow", op->name, cursor_left(c));
	if (op->layout == LAYOUT_INDEX_LINE && !read_index(operand))
		return error_set(err, ERROR_CORRUPT, offset,
				 "opcode %s: operand is not an index",
				 op->name);
	if (!rule->is_valid)
		return true;
	if (operand->len > rule->limit)
		return error_set(err, ERROR_LIMIT, offset,
				 "opcode %s: number of %zu characters, limit "
				 "%zu", op->name, operand->len, rule->limit);
	if (!rule->is_valid(operand->text, operand->len))
		return error_set(err, ERROR_CORRUPT, offset,
				 "opcode %s: operand is not %s", op->name,
				 rule->what);
	return true;
}

static bool read_counted(struct pickle_operand *operand,
			 const struct pickle_opcode *op, struct cursor *c,
			 uint64_t offset, struct error *err)
{
	uint64_t nbytes = operand->number;

	if (op->layout == LAYOUT_COUNTED_I32 && nbytes > INT32_MAX)
		return error_set(err, ERROR_CORRUPT, offset,
				 "opcode %s: length -%" PRIu64 " is negative",
				 op->name, (UINT64_C(1) << 32) - nbytes);
	if (nbytes > cursor_left(c))
		return error_set(err, ERROR_TRUNCATED, offset,
				 "opcode %s: operand of %" PRIu64 " bytes, "
				 "only %zu follow", op->name, nbytes,
				 cursor_left(c));
	operand->len = (size_t)nbytes;
	operand->text = cursor_take(c, nbytes);
	return true;
}

bool pickle_operand_read(struct pickle_operand *operand,
			 const struct pickle_opcode *op, struct cursor *c,
			 uint64_t offset, struct error *err)
{
	unsigned nbytes;

	operand->number = 0;
	operand->len = 0;
	if (op->layout == LAYOUT_NONE)
		return true;
	if (op->layout >= LAYOUT_INTEGER_LINE)
		return read_lines(operand, op, c, offset, err);
	nbytes = number_nbytes[op->layout];
	operand->number = cursor_le(c, nbytes);
	if (c->bad)
		return error_set(err, ERROR_TRUNCATED, offset,
				 "opcode %s: needs %u bytes, only %zu follow",
				 op->name, nbytes, cursor_left(c));
	if (op->layout >= LAYOUT_COUNTED_U8)
		return read_counted(operand, op, c, offset, err);
	return true;
}
