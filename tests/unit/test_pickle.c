/*
 * test_pickle.c - which pickles pass the scan, and why the others do not
 *
 * Sound pickles were written by Python's pickle module, or by hand in its
 * opcodes.  Hostile ones are made here: few bytes, repeated.
 */
#include "formats/pickle.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/check.h"

/* ---- what passes ---- */

static const struct {
	const char *name, *bytes;
	size_t len;
	size_t more;		/* bytes behind the pickle */
	unsigned protocol;
	size_t opcodes;
	const char *globals;	/* with a newline behind each */
} accepts[] = {
	{ "None, nothing said", BYTES("N."), 0, 0, 2, "" },
	{ "a one-byte number, nothing said", BYTES("K\x07."), 0, 1, 2, "" },
	{ "protocol 5", BYTES("\x80\x05N."), 0, 5, 3, "" },
	{ "more opcodes than the protocol has", BYTES("\x80\x02\x8f."),
	  0, 4, 3, "" },
	{ "more behind it", BYTES("N.N."), 2, 0, 2, "" },
	{ "an empty frame", BYTES("\x80\x04\x95\0\0\0\0\0\0\0\0N."),
	  0, 4, 4, "" },
	{ "a frame up to STOP", BYTES("\x80\x04\x95\2\0\0\0\0\0\0\0N."),
	  0, 4, 4, "" },
	{ "bytes between two frames",
	  BYTES("\x80\x04\x95\2\0\0\0\0\0\0\0N0" "C\1x"
		"\x95\1\0\0\0\0\0\0\0."), 0, 4, 7, "" },
	{ "magic number of a torch stream",
	  BYTES("\x80\2\x8a\12\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."),
	  0, 2, 3, "" },
	{ "the same in protocol 0", BYTES("L119547037146038801333356L\n."),
	  0, 0, 2, "" },

	{ "integers in text", BYTES("(I01\nI-7\nL-5L\nL5\nl."),
	  0, 0, 7, "" },
	{ "floats in text", BYTES("(F1.5e-3\nFinf\nF-nan\nl."),
	  0, 0, 6, "" },
	{ "quoted text",
	  BYTES("(S'a\"\\'\\\\\\n\\x1f\\0\\377'\nS\"\"\nl."),
	  0, 0, 5, "" },
	{ "text with escapes", BYTES("V\\u20ac\xe9\n."), 0, 0, 2, "" },
	{ "all counted layouts",
	  BYTES("(T\1\0\0\0aU\1aX\1\0\0\0aB\1\0\0\0aC\1a\x8c\1a"
		"\x8d\1\0\0\0\0\0\0\0a\x8e\1\0\0\0\0\0\0\0a"
		"\x96\1\0\0\0\0\0\0\0a\x8a\1a\x8b\1\0\0\0at."),
	  0, 5, 14, "" },
	{ "a list that holds itself", BYTES("]q\0h\0a."), 0, 1, 5, "" },
	{ "a tuple that holds itself",
	  BYTES("\x80\2]q\0h\0\x85q\1a0h\1."), 0, 2, 10, "" },
	{ "memo indexes from 1 on", BYTES("]q\1h\1a."), 0, 1, 5, "" },
	{ "PUT and MEMOIZE", BYTES("]p0\n0}\x94" "0h\1g0\n\x86."),
	  0, 4, 10, "" },
	{ "a mark that is popped", BYTES("N(0."), 0, 0, 4, "" },
	{ "values popped to the mark", BYTES("N(NN1."), 0, 1, 6, "" },
	{ "DUP", BYTES("]2\x86."), 0, 2, 4, "" },
	{ "a dict by each opcode",
	  BYTES("((NNdNNs(NNNNul."), 0, 1, 16, "" },
	{ "sets", BYTES("\x8f(K\1\x90" "0(K\1K\1\x86\x91."), 0, 4, 11, "" },
	{ "nothing appended, set or added",
	  BYTES("](e}(u\x8f(\x90\x87."), 0, 4, 11, "" },

	{ "an OrderedDict",
	  BYTES("ccollections\nOrderedDict\nq\0)Rq\1X\1\0\0\0aNs."),
	  0, 1, 9, "collections OrderedDict\n" },
	{ "a module of protocol 2",
	  BYTES("\x80\2ca.b\nC\n)\x81}X\1\0\0\0aK\1sb."),
	  0, 2, 10, "a.b C\n" },
	{ "STACK_GLOBAL, each name once",
	  BYTES("\x80\4\x8c\1aq\0\x8c\1b\x93h\0\x8c\1b\x93"
		"h\0\x8c\1a\x93\x87."), 0, 4, 13, "a b\na a\n" },
	{ "STACK_GLOBAL of every kind of text",
	  BYTES("(X\1\0\0\0aU\1b\x93S'a'\nV\x63\n\x93l."),
	  0, 4, 9, "a b\na c\n" },
	{ "names that are not literal",
	  BYTES("(S'\\x6f'\nV\\u006f\n\x93" "ca\nb\n)R\x8c\1x\x93l."),
	  0, 4, 11, "? ?\na b\n? x\n" },
	{ "INST and OBJ",
	  BYTES("((ia\nb\n(ca\nc\nNol."), 0, 1, 9, "a b\na c\n" },
	{ "an instance as a key, itself deep in its state",
	  BYTES("}ca\nb\n)\x81q\0}NNsbh\0s."), 0, 2, 13, "a b\n" },
	{ "NEWOBJ_EX", BYTES("ca\nb\n)}\x92."), 0, 4, 5, "a b\n" },
	{ "persistent ids", BYTES("(PX\nNQl."), 0, 1, 6, "" },
	{ "names in UTF-8, with blanks",
	  BYTES("c\xc3\xa9 \nx\n."), 0, 0, 2, "\xc3\xa9  x\n" },
	{ "items of an object",
	  BYTES("ca\nb\n)R(NNe(]NuNa(N\x90."), 0, 4, 17, "a b\n" },
};

static void check_globals(const char *row, const struct pickle_scan *scan,
			  const char *expected)
{
	char got[256] = "";
	size_t used = 0;

	for (size_t i = 0; i < scan->nglobals; i++) {
		const struct pickle_global *g = &scan->globals[i];

		CHECK(row, strlen(g->module) == g->module_len);
		CHECK(row, strlen(g->name) == g->name_len);
		used += (size_t)snprintf(got + used, sizeof(got) - used,
					 "%s %s\n", g->module, g->name);
	}
	check_text(row, got, expected);
}

/* From a copy of its own, so that a sanitizer sees reads beyond it. */
static bool scan_copy(struct pickle_scan *scan, const char *bytes, size_t len,
		      struct error *err)
{
	char *copy = malloc(len > 0 ? len : 1);
	bool ok;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	ok = pickle_scan(scan, copy, len, err);
	free(copy);
	return ok;
}

static void test_accepts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(accepts); i++) {
		const char *row = accepts[i].name;
		struct pickle_scan scan;
		struct error err = { 0 };

		if (!CHECK(row, scan_copy(&scan, accepts[i].bytes,
					  accepts[i].len, &err))) {
			print_error("  %s\n", err.reason);
			continue;
		}
		CHECK(row, scan.nbytes == accepts[i].len - accepts[i].more);
		CHECK(row, scan.protocol == accepts[i].protocol);
		CHECK(row, scan.opcodes == accepts[i].opcodes);
		check_globals(row, &scan, accepts[i].globals);
		pickle_scan_free(&scan);
		pickle_scan_free(&scan);
	}
	check_rows();
}

/* ---- what does not ---- */

static const struct {
	const char *name, *bytes;
	size_t len;
	enum error_kind kind;
	uint64_t offset;
	const char *reason;
} rejects[] = {
	{ "nothing", BYTES(""),
	  ERROR_TRUNCATED, 0, "ends after 0 opcodes without STOP" },
	{ "no STOP", BYTES("\x80\2N"),
	  ERROR_TRUNCATED, 3, "ends after 2 opcodes without STOP" },
	{ "fixed operand cut", BYTES("J\1\2"),
	  ERROR_TRUNCATED, 0, "opcode BININT: needs 4 bytes, only 2 follow" },
	{ "length cut", BYTES("X\1\2"), ERROR_TRUNCATED, 0,
	  "opcode BINUNICODE: needs 4 bytes, only 2 follow" },
	{ "text cut", BYTES("NX\5\0\0\0abc"), ERROR_TRUNCATED, 1,
	  "opcode BINUNICODE: operand of 5 bytes, only 3 follow" },
	{ "length that wraps", BYTES("\x8e\xff\xff\xff\xff\xff\xff\xff\xffxx"),
	  ERROR_TRUNCATED, 0, "opcode BINBYTES8: operand of "
	  "18446744073709551615 bytes, only 2 follow" },
	{ "bytearray of gigabytes", BYTES("\x96\0\0\0\0\1\0\0\0x"),
	  ERROR_TRUNCATED, 0, "opcode BYTEARRAY8: operand of 4294967296" },
	{ "negative length", BYTES("T\xfe\xff\xff\xffxx."),
	  ERROR_CORRUPT, 0, "opcode BINSTRING: length -2 is negative" },
	{ "negative length of a number", BYTES("\x8b\0\0\0\x80."),
	  ERROR_CORRUPT, 0, "opcode LONG4: length -2147483648 is negative" },
	{ "line without end", BYTES("I12"), ERROR_TRUNCATED, 0,
	  "opcode INT: no newline in the 2 bytes that follow" },
	{ "second line without end", BYTES("ca\nb"), ERROR_TRUNCATED, 0,
	  "opcode GLOBAL: no newline in the 1 bytes that follow" },
	{ "frame cut", BYTES("\x80\4\x95\3\0\0\0\0\0\0\0N."),
	  ERROR_TRUNCATED, 2,
	  "opcode FRAME: frame of 3 bytes, only 2 follow" },

	{ "unknown opcode", BYTES("N\xff."),
	  ERROR_CORRUPT, 1, "0xff is no opcode of a pickle" },
	{ "protocol 6", BYTES("\x80\6N."), ERROR_UNSUPPORTED, 0,
	  "opcode PROTO: protocol 6, the newest known is 5" },
	{ "PROTO inside", BYTES("N\x80\2."),
	  ERROR_CORRUPT, 1, "opcode PROTO: is not the first opcode" },
	{ "EXT1", BYTES("\x82\1."), ERROR_UNSAFE, 0,
	  "opcode EXT1: refers to something that is not in the pickle" },
	{ "EXT2", BYTES("\x83\1\0."), ERROR_UNSAFE, 0, "opcode EXT2:" },
	{ "EXT4", BYTES("\x84\1\0\0\0."), ERROR_UNSAFE, 0, "opcode EXT4:" },
	{ "NEXT_BUFFER", BYTES("\x97."), ERROR_UNSAFE, 0,
	  "opcode NEXT_BUFFER:" },
	{ "READONLY_BUFFER", BYTES("N\x98."), ERROR_UNSAFE, 1,
	  "opcode READONLY_BUFFER:" },

	{ "frame in a frame",
	  BYTES("\x95\13\0\0\0\0\0\0\0\x95\1\0\0\0\0\0\0\0N."),
	  ERROR_CORRUPT, 9,
	  "opcode FRAME: stands in a frame that ends at offset 20" },
	{ "opcode over the end of a frame",
	  BYTES("\x95\2\0\0\0\0\0\0\0NK\1\x86."), ERROR_CORRUPT, 10,
	  "opcode BININT1: reaches over the end of the frame at offset 11" },
	{ "frame beyond STOP", BYTES("\x95\3\0\0\0\0\0\0\0N.N"),
	  ERROR_CORRUPT, 10,
	  "opcode STOP: stands before the end of the frame at offset 12" },

	{ "words for a number", BYTES("Iten\n."),
	  ERROR_CORRUPT, 0, "opcode INT: operand is not an integer" },
	{ "no digits", BYTES("L-L\n."),
	  ERROR_CORRUPT, 0, "opcode LONG: operand is not an integer" },
	{ "underscores", BYTES("I1_0\n."),
	  ERROR_CORRUPT, 0, "opcode INT: operand is not an integer" },
	{ "words for a float", BYTES("F1.5x\n."),
	  ERROR_CORRUPT, 0, "opcode FLOAT: operand is not a number" },
	{ "NUL in a float", BYTES("F1\0\n."),
	  ERROR_CORRUPT, 0, "opcode FLOAT: operand is not a number" },
	{ "no float", BYTES("F\n."),
	  ERROR_CORRUPT, 0, "opcode FLOAT: operand is not a number" },
	{ "no quotes", BYTES("Sab\n."),
	  ERROR_CORRUPT, 0, "opcode STRING: operand is not a quoted string" },
	{ "one quote", BYTES("S'\n."),
	  ERROR_CORRUPT, 0, "opcode STRING: operand is not a quoted string" },
	{ "two kinds of quotes", BYTES("S'a\"\n."),
	  ERROR_CORRUPT, 0, "opcode STRING: operand is not a quoted string" },
	{ "escaped quote at the end", BYTES("S'a\\'\n."),
	  ERROR_CORRUPT, 0, "opcode STRING: operand is not a quoted string" },
	{ "unknown escape", BYTES("S'\\q'\n."),
	  ERROR_CORRUPT, 0, "opcode STRING: operand is not a quoted string" },
	{ "half an escape", BYTES("S'\\x4'\n."),
	  ERROR_CORRUPT, 0, "opcode STRING: operand is not a quoted string" },
	{ "octal escape beyond a byte", BYTES("S'\\400'\n."),
	  ERROR_CORRUPT, 0, "opcode STRING: operand is not a quoted string" },
	{ "index with a sign", BYTES("Np+1\n."),
	  ERROR_CORRUPT, 1, "opcode PUT: operand is not an index" },
	{ "no index", BYTES("g\n."),
	  ERROR_CORRUPT, 0, "opcode GET: operand is not an index" },

	{ "memo never set", BYTES("h\7."),
	  ERROR_CORRUPT, 0, "opcode BINGET: memo 7 was never set" },
	{ "hole in the memo", BYTES("Nq\5g3\n."),
	  ERROR_CORRUPT, 3, "opcode GET: memo 3 was never set" },
	{ "memo beyond any", BYTES("j\xff\xff\xff\xff."), ERROR_CORRUPT, 0,
	  "opcode LONG_BINGET: memo 4294967295 was never set" },
	{ "huge memo index", BYTES("Nr\x80\xf0\xfa\2."), ERROR_LIMIT, 1,
	  "opcode LONG_BINPUT: memo index 50000000, limit 1002 after 2 "
	  "opcodes" },
	{ "memo index of many digits", BYTES("Np99999999999999999999999\n."),
	  ERROR_LIMIT, 1, "opcode PUT: memo index 18446744073709551615" },
	{ "nothing to put", BYTES("q\0."), ERROR_CORRUPT, 0,
	  "opcode BINPUT: 0 values stand above the last mark, needs 1" },
	{ "only a mark to put", BYTES("N(\x94."), ERROR_CORRUPT, 2,
	  "opcode MEMOIZE: 0 values stand above the last mark, needs 1" },

	{ "nothing at the end", BYTES("."), ERROR_CORRUPT, 0,
	  "opcode STOP: 0 values stand above the last mark, needs 1" },
	{ "two values at the end", BYTES("NN."), ERROR_CORRUPT, 2,
	  "opcode STOP: 2 values are left on the stack, not 1" },
	{ "a mark at the end", BYTES("N(N."), ERROR_CORRUPT, 3,
	  "opcode STOP: 1 marks are left on the stack" },
	{ "POP of nothing", BYTES("0."),
	  ERROR_CORRUPT, 0, "opcode POP: the stack is empty" },
	{ "DUP of a mark", BYTES("N(2."), ERROR_CORRUPT, 2,
	  "opcode DUP: 0 values stand above the last mark, needs 1" },
	{ "TUPLE2 across a mark", BYTES("N(N\x86."), ERROR_CORRUPT, 3,
	  "opcode TUPLE2: 1 values stand above the last mark, needs 2" },
	{ "no mark", BYTES("Nt."),
	  ERROR_CORRUPT, 1, "opcode TUPLE: no mark on the stack" },
	{ "nothing below the mark", BYTES("(Ne."), ERROR_CORRUPT, 2,
	  "opcode APPENDS: 0 values stand below its mark, needs 1" },
	{ "a mark below the mark", BYTES("]((Ne."), ERROR_CORRUPT, 4,
	  "opcode APPENDS: 0 values stand below its mark, needs 1" },
	{ "no class above the mark", BYTES("(o."),
	  ERROR_CORRUPT, 1, "opcode OBJ: no class above the mark" },

	{ "APPEND to a dict", BYTES("}Na."),
	  ERROR_CORRUPT, 2, "opcode APPEND: target is a dict" },
	{ "APPENDS to a tuple", BYTES(")(Ne."),
	  ERROR_CORRUPT, 3, "opcode APPENDS: target is a tuple" },
	{ "SETITEM in a list", BYTES("]K\0Ns."),
	  ERROR_CORRUPT, 4, "opcode SETITEM: target is a list" },
	{ "SETITEMS in text", BYTES("U\0(NNu."),
	  ERROR_CORRUPT, 5, "opcode SETITEMS: target is text" },
	{ "ADDITEMS to a frozenset", BYTES("(\x91(N\x90."),
	  ERROR_CORRUPT, 4, "opcode ADDITEMS: target is a frozenset" },
	{ "key without value", BYTES("}(NNNu."), ERROR_CORRUPT, 5,
	  "opcode SETITEMS: 3 values are no pairs of key and value" },
	{ "DICT of a key without value", BYTES("(Nd."), ERROR_CORRUPT, 2,
	  "opcode DICT: 1 values are no pairs of key and value" },
	{ "list as a key", BYTES("}]Ns."),
	  ERROR_CORRUPT, 3, "opcode SETITEM: key is a list" },
	{ "dict in a set", BYTES("\x8f(}\x90."),
	  ERROR_CORRUPT, 3, "opcode ADDITEMS: member of a set is a dict" },
	{ "set in a frozenset", BYTES("(\x8f\x91."),
	  ERROR_CORRUPT, 2, "opcode FROZENSET: member of a set is a set" },
	{ "call of text", BYTES("U\0)R."),
	  ERROR_CORRUPT, 3, "opcode REDUCE: callable is text" },
	{ "call with a list", BYTES("ca\nb\n]R."),
	  ERROR_CORRUPT, 6, "opcode REDUCE: argument tuple is a list" },
	{ "call with the result of a call", BYTES("ca\nb\n2)RR."),
	  ERROR_CORRUPT, 8, "opcode REDUCE: argument tuple is an object" },
	{ "instance of None", BYTES("N)\x81."),
	  ERROR_CORRUPT, 2, "opcode NEWOBJ: callable is None" },
	{ "keywords in a tuple", BYTES("ca\nb\n))\x92."),
	  ERROR_CORRUPT, 7, "opcode NEWOBJ_EX: keyword arguments is a tuple" },
	{ "OBJ of a number", BYTES("(K\1o."),
	  ERROR_CORRUPT, 3, "opcode OBJ: callable is a number" },
	{ "state of a list", BYTES("]}b."),
	  ERROR_CORRUPT, 2, "opcode BUILD: target is a list" },
	{ "state of a global", BYTES("ca\nb\n}b."),
	  ERROR_CORRUPT, 6, "opcode BUILD: target is a global" },
	{ "module that is a number", BYTES("K\1U\1a\x93."),
	  ERROR_CORRUPT, 5, "opcode STACK_GLOBAL: module is a number" },
	{ "name that is None", BYTES("U\1aN\x93."),
	  ERROR_CORRUPT, 4, "opcode STACK_GLOBAL: name is None" },
	{ "empty name", BYTES("ca\n\n."),
	  ERROR_CORRUPT, 0, "opcode GLOBAL: empty name" },
	{ "empty module", BYTES("(i\na\n."),
	  ERROR_CORRUPT, 1, "opcode INST: empty name" },
	{ "NUL in a name", BYTES("U\1aU\2b\0\x93."),
	  ERROR_CORRUPT, 7, "opcode STACK_GLOBAL: name is not UTF-8, or" },
	{ "name that is not UTF-8", BYTES("ca\n\xff\n."),
	  ERROR_CORRUPT, 0, "opcode GLOBAL: name is not UTF-8" },
};

static void test_rejects(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rejects); i++) {
		struct pickle_scan scan;
		struct error err = { 0 };

		CHECK(rejects[i].name,
		      !scan_copy(&scan, rejects[i].bytes, rejects[i].len,
				 &err));
		CHECK(rejects[i].name, !scan.globals && !scan.arena.blocks);
		check_fault(rejects[i].name, &err, rejects[i].kind,
			    rejects[i].offset, rejects[i].reason);
	}
	check_rows();
}

/* ---- few bytes, many times ---- */

#define N10 "NNNNNNNNNN"
#define N50 N10 N10 N10 N10 N10
#define N200 N50 N50 N50 N50

static const struct {
	const char *name;
	const char *before, *unit, *after;	/* no NUL in them */
	size_t count;
	enum error_kind kind;			/* ERROR_NONE: passes */
	const char *reason;
} floods[] = {
	{ "nested tuples as a key, up to the limit",
	  "})", "\x85", "Ns.", 1999, ERROR_NONE, NULL },
	{ "nested tuples as a key",
	  "})", "\x85", "Ns.", 2000, ERROR_LIMIT,
	  "opcode SETITEM: key nested 2001 levels deep or more, limit 2000" },
	{ "very deep tuples as a key",
	  "})", "\x85", "Ns.", 40000, ERROR_LIMIT,
	  "opcode SETITEM: key nested 4095 levels deep or more" },
	{ "nested tuples in a set",
	  "\x8f()", "\x85", "\x90.", 3000, ERROR_LIMIT,
	  "opcode ADDITEMS: member of a set nested 3001 levels deep" },
	{ "nested frozensets",
	  "(N\x91", "p0\n0(g0\n\x91", ".", 3000, ERROR_LIMIT,
	  "opcode FROZENSET: member of a set nested 2001 levels deep" },
	{ "nested tuples as an argument, which may become keys",
	  "ca\nb\n)", "\x85", "\x85R.", 3000, ERROR_LIMIT,
	  "opcode REDUCE: argument nested 3001 levels deep" },
	{ "nested tuples that no one hashes",
	  ")", "\x85", ".", 40000, ERROR_NONE, NULL },
	{ "nested tuples beyond all reason",
	  ")", "\x85", ".", 60000, ERROR_LIMIT,
	  "opcode TUPLE1: nested more than 50000 levels deep" },
	{ "tuples of two that are one, as a key",
	  "}N", "2\x86", "Ns.", 60, ERROR_LIMIT, "opcode SETITEM: 124 bytes of "
	  "pickle would take" },
	{ "tuples of two that are one",
	  "N", "2\x86", ".", 60, ERROR_NONE, NULL },
	{ "frozensets of two that hold one",
	  "N", "p0\n0(g0\nNN\x87g0\n\x91", ".", 60, ERROR_LIMIT,
	  "opcode FROZENSET:" },
	{ "instances nested by their states",
	  "ca\nb\np0\n0g0\n)\x81", "p1\n0g0\n)\x81g1\nb", ".", 10000,
	  ERROR_NONE, NULL },
	{ "an instance nested deep as a key",
	  "}ca\nb\np0\n0g0\n)\x81", "p1\n0g0\n)\x81g1\nb", "Ns.", 10000,
	  ERROR_NONE, NULL },
	{ "calls nested by their arguments",
	  "ca\nb\np0\n)R", "p1\n0g0\ng1\n\x85R", ".", 1000, ERROR_NONE,
	  NULL },
	{ "calls nested deep by their arguments",
	  "ca\nb\np0\n)R", "p1\n0g0\ng1\n\x85R", ".", 3000, ERROR_LIMIT,
	  "opcode REDUCE: argument nested 2001 levels deep" },
	{ "a list of itself, many times",
	  "]p0\n", "g0\na", ".", 40000, ERROR_NONE, NULL },

	{ "sets", "(", "\x8f", "l.", 200000, ERROR_NONE, NULL },
	{ "sets for a hundred megabytes", "(", "\x8f", "l.", 500000,
	  ERROR_LIMIT, "opcode EMPTY_SET: 288022 bytes of pickle would take "
	  "67108909 bytes of memory, or as many steps, limit 67108864" },
	{ "sets in a pickle of two megabytes", "(", "\x8fNNNN", "l.", 500000,
	  ERROR_NONE, NULL },
	{ "marks", "N", "(", "t.", 1000000, ERROR_CORRUPT, "marks are left" },
	{ "copies of one long list",
	  "(ca\nb\np0\n0(" N200 "l\x85p1\n0", "g0\ng1\nR", "l.", 60000,
	  ERROR_LIMIT, "opcode REDUCE:" },
	{ "instances with a long tuple of arguments",
	  "(ca\nb\np0\n0(" N200 "tp1\n0", "g0\ng1\n\x81", "l.", 60000,
	  ERROR_LIMIT, "opcode NEWOBJ:" },
	{ "copies of a list that grows when it is an argument already",
	  "(ca\nb\np0\n0]p1\n\x85p2\n0", "g0\ng2\nRg1\n(NNNNNNNNNNNNe0",
	  "l.", 3000, ERROR_LIMIT, "opcode REDUCE:" },
	{ "keys in pairs that grow when they are arguments already",
	  "ca\nb\np0\n0]p1\n]p2\na0g2\nN", "2\x86", "ag0\ng1\n\x85R0.", 60,
	  ERROR_LIMIT, "opcode REDUCE:" },
};

static char *repeat(size_t *len, const char *before, const char *unit,
		    size_t count, const char *after)
{
	size_t unit_len = strlen(unit), used = strlen(before);
	char *bytes;

	*len = used + unit_len * count + strlen(after);
	bytes = malloc(*len);
	assert_non_null(bytes);
	memcpy(bytes, before, used);
	for (size_t i = 0; i < count; i++, used += unit_len)
		memcpy(bytes + used, unit, unit_len);
	memcpy(bytes + used, after, strlen(after));
	return bytes;
}

static void test_floods(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(floods); i++) {
		const char *row = floods[i].name;
		struct pickle_scan scan;
		struct error err = { 0 };
		size_t len;
		char *bytes = repeat(&len, floods[i].before, floods[i].unit,
				     floods[i].count, floods[i].after);

		pickle_scan(&scan, bytes, len, &err);
		free(bytes);
		if (err.kind != floods[i].kind
		    || (floods[i].reason
			&& !strstr(err.reason, floods[i].reason))) {
			print_error("row \"%s\": %s %s\n", row,
				    error_kind_name(err.kind), err.reason);
			CHECK(row, false);
		}
		pickle_scan_free(&scan);
	}
	check_rows();
}

static void test_names_have_limits(void **state)
{
	struct pickle_scan scan;
	struct error err = { 0 };
	size_t len, used = 0;
	char *bytes = repeat(&len, "c", "a", 1000, "\nb\n.");

	(void)state;
	assert_true(pickle_scan(&scan, bytes, len, &err));
	pickle_scan_free(&scan);
	free(bytes);
	bytes = repeat(&len, "cb\n", "a", 1001, "\n.");
	assert_false(pickle_scan(&scan, bytes, len, &err));
	check_fault("a name of 1001 bytes", &err, ERROR_LIMIT, 0,
		    "opcode GLOBAL: name of 1001 bytes, limit 1000");
	free(bytes);

	err = (struct error){ 0 };
	bytes = repeat(&len, "N", "cm\n123456\n0", 5001, ".");
	for (unsigned i = 0; i < 5001; i++, used += 11)
		snprintf(bytes + 4 + used, 7, "%06u", i * 7919 % 5003);
	for (size_t i = 10; i < len - 1; i += 11)
		bytes[i] = '\n';
	assert_false(pickle_scan(&scan, bytes, len, &err));
	check_fault("5001 globals", &err, ERROR_LIMIT, 1 + 5000 * 11,
		    "opcode GLOBAL: more than 5000 different globals");
	free(bytes);

	err = (struct error){ 0 };
	bytes = repeat(&len, "L-", "1", 4300, "L\n.");
	assert_true(pickle_scan(&scan, bytes, len, &err));
	pickle_scan_free(&scan);
	free(bytes);
	bytes = repeat(&len, "L", "1", 4303, "\n.");
	assert_false(pickle_scan(&scan, bytes, len, &err));
	check_fault("a number of 4303 digits", &err, ERROR_LIMIT, 0,
		    "opcode LONG: number of 4303 characters, limit 4302");
	free(bytes);
	check_rows();
}

/* The first and the last of many are found again, in order of first use. */
static void test_many_globals(void **state)
{
	struct pickle_scan scan;
	struct error err = { 0 };
	size_t len;
	char *bytes = repeat(&len, "N", "cm\n123456\n0", 8000, ".");
	char name[8];

	(void)state;
	for (unsigned i = 0; i < 8000; i++) {
		snprintf(name, sizeof(name), "%06u", i * 7919 % 4000);
		memcpy(bytes + 4 + i * 11, name, 6);
	}
	assert_true(pickle_scan(&scan, bytes, len, &err));
	free(bytes);
	assert_int_equal(scan.nglobals, 4000);
	for (unsigned i = 0; i < 4000; i++) {
		snprintf(name, sizeof(name), "%06u", i * 7919 % 4000);
		assert_string_equal(scan.globals[i].name, name);
		assert_int_equal(scan.globals[i].offset, 1 + i * 11);
	}
	pickle_scan_free(&scan);
}

/* ---- every accepted pickle, cut and changed ---- */

static void test_each_prefix(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(accepts); i++) {
		size_t all = accepts[i].len - accepts[i].more;

		for (size_t len = 0; len < all; len++) {
			struct pickle_scan scan;
			struct error err = { 0 };

			CHECK(accepts[i].name,
			      !scan_copy(&scan, accepts[i].bytes, len, &err));
			CHECK(accepts[i].name, err.kind == ERROR_TRUNCATED);
			CHECK(accepts[i].name, err.offset <= len);
		}
	}
	check_rows();
}

static void check_changed(const char *row, char *bytes, size_t len)
{
	struct pickle_scan scan;
	struct error err = { 0 };

	if (scan_copy(&scan, bytes, len, &err)) {
		CHECK(row, scan.nbytes > 0 && scan.nbytes <= len);
		CHECK(row, bytes[scan.nbytes - 1] == '.');
		CHECK(row, scan.memory <= UINT64_C(64) << 20);
	} else {
		CHECK(row, err.kind != ERROR_NONE && err.reason[0] != '\0');
		CHECK(row, err.offset <= len);
	}
	pickle_scan_free(&scan);
}

static void test_each_byte(void **state)
{
	char bytes[128];

	(void)state;
	for (size_t i = 0; i < COUNT(accepts); i++) {
		size_t len = accepts[i].len;

		assert_true(len <= sizeof(bytes));
		memcpy(bytes, accepts[i].bytes, len);
		for (size_t at = 0; at < len; at++) {
			for (int byte = 0; byte < 256; byte++) {
				bytes[at] = (char)byte;
				check_changed(accepts[i].name, bytes, len);
			}
			bytes[at] = accepts[i].bytes[at];
		}
	}
	check_rows();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_rejects),
		cmocka_unit_test(test_floods),
		cmocka_unit_test(test_names_have_limits),
		cmocka_unit_test(test_many_globals),
		cmocka_unit_test(test_each_prefix),
		cmocka_unit_test(test_each_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
