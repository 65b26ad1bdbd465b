/*
 * pickle_opcodes.h - what each opcode of pickle protocols 0 to 5 looks like
 *
 * One table says how long an opcode's operand is, what it takes from the
 * stack and leaves there, and about how much memory CPython and the
 * unpickler's stand-ins spend on it.  pickle.c does what the actions say.
 * The bytes are hostile; what an operand shows borrows from them.
 */
#ifndef FORMATS_PICKLE_OPCODES_H
#define FORMATS_PICKLE_OPCODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/error.h"
#include "formats/pickle_values.h"

/* What follows the opcode byte.  Numbers are little-endian. */
enum pickle_layout {
	LAYOUT_NONE,
	LAYOUT_U8,
	LAYOUT_U16,
	LAYOUT_U32,
	LAYOUT_8_BYTES,
	LAYOUT_COUNTED_U8,	/* a length and so many bytes */
	LAYOUT_COUNTED_I32,
	LAYOUT_COUNTED_U32,
	LAYOUT_COUNTED_U64,
	LAYOUT_INTEGER_LINE,	/* text up to a newline: -12, or -12L */
	LAYOUT_INDEX_LINE,	/* 12 */
	LAYOUT_FLOAT_LINE,	/* 1.5e-3, inf, nan */
	LAYOUT_QUOTED_LINE,	/* 'it\'s', as Python 2 printed it */
	LAYOUT_LINE,
	LAYOUT_TWO_LINES	/* module, name */
};

enum pickle_action {
	ACTION_UNKNOWN,		/* no such opcode */
	ACTION_REFUSE,		/* needs something outside the pickle */
	ACTION_PROTO,
	ACTION_FRAME,
	ACTION_MARK,
	ACTION_STOP,
	ACTION_POP,
	ACTION_POP_MARK,
	ACTION_DUP,
	ACTION_GET,
	ACTION_PUT,
	ACTION_MEMOIZE,
	ACTION_CONSTANT,	/* push a value that needs no record */
	ACTION_VALUE,		/* push text, bytes, a number */
	ACTION_EMPTY,		/* push an empty container */
	ACTION_TUPLE,
	ACTION_LIST,
	ACTION_DICT,
	ACTION_FROZENSET,
	ACTION_APPEND,
	ACTION_SETITEM,
	ACTION_ADDITEMS,
	ACTION_GLOBAL,
	ACTION_STACK_GLOBAL,
	ACTION_PERSID,
	ACTION_REDUCE,
	ACTION_NEWOBJ,
	ACTION_NEWOBJ_EX,
	ACTION_INST,
	ACTION_OBJ,
	ACTION_BUILD,
	ACTION_COUNT
};

struct pickle_opcode {
	const char *name;	/* NULL: no such opcode */
	uint8_t layout;		/* enum pickle_layout */
	uint8_t protocol;	/* the first that has it */
	uint8_t action;		/* enum pickle_action */
	uint8_t kind;		/* enum pickle_kind of what it pushes */
	bool mark;		/* takes the last mark and all above it */
	uint8_t takes;		/* values that must be there: above the last
				   mark, or just below the mark it takes */
	uint16_t cost;		/* bytes of memory, less members and lengths */
};

struct pickle_operand {
	uint64_t number;	/* of fixed layouts and INDEX_LINE, else 0 */
	size_t len;		/* of text, without newline; 0 if none */
	/* These are set only by layouts that have them. */
	const uint8_t *text;	/* of COUNTED and LINE layouts */
	const uint8_t *second;	/* the other of TWO_LINES */
	size_t second_len;
};

/* By opcode byte; the name is NULL if there is no such opcode. */
extern const struct pickle_opcode pickle_opcodes[256];

/*
 * Read and check the operand behind an opcode that stands at offset of the
 * input c walks over.
 */
bool pickle_operand_read(struct pickle_operand *operand,
			 const struct pickle_opcode *op, struct cursor *c,
			 uint64_t offset, struct error *err);

#endif
