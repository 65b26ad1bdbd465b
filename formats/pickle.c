/*
 * pickle.c - run a pickle's opcodes on values that are only descriptions
 *
 * The machine has a stack, marks on it and a memo, as the unpickler has; they
 * hold indexes of descriptions.  A value that stands in several places is one
 * description, so what the pickle appends to a list through its memo is seen
 * in all of them.
 *
 *	80 02			PROTO 2
 *	7d 71 00		EMPTY_DICT, BINPUT 0
 *	58 01 00 00 00 61	BINUNICODE "a"
 *	4b 01			BININT1 1
 *	73 2e			SETITEM, STOP
 */
#include "formats/pickle.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "formats/pickle_globals.h"
#include "formats/pickle_opcodes.h"
#include "formats/pickle_values.h"

enum {
	PROTOCOL_LIMIT = 5,
	/* Writers count memo indexes up from 0 or 1. */
	MEMO_SLACK = 1000,
	/* Half a gigabyte each; the largest real pickles need a sixth. */
	VALUES_LIMIT = 1 << 25,
	MEMBERS_LIMIT = 1 << 26,
	OPCODES_LIMIT = 1 << 28,	/* and places on the stack */

	/*
	 * Bytes of memory that unpickling takes beside what the table of
	 * opcodes says.  Measured on CPython 3.11 and rounded up.
	 */
	STACK_COST = 9,		/* arrays are up to an eighth too large */
	MEMO_COST = 16,		/* this one is twice as large as need be */
	FIRST_MEMBER_COST = 24,	/* of a list */
	MEMBER_COST = 9,
	TUPLE_MEMBER_COST = 8,
	FIRST_PAIR_COST = 150,	/* of a dict */
	PAIR_COST = 50,
	KEEPER_COST = 96,	/* a list in a stand-in */
	KEPT_PAIR_COST = 72,	/* a tuple in that */
	SET_MEMBER_COST = 112,
	GLOBAL_COST = 2000,	/* a type for the stand-ins of this name */
	CHARACTER_COST = 4,	/* one such character makes all so wide */
	STEP_COST = 8		/* one reference hashed, or copied */
};

/*
 * What a pickle of n bytes may cost: 64 MiB, and more for what it has beyond
 * one MiB.  Those that torch writes need 15 to 45 bytes for each of their own.
 */
static const uint64_t COST_FLOOR = UINT64_C(64) << 20;
static const uint64_t COST_FLOOR_NBYTES = UINT64_C(1) << 20;
static const uint64_t COST_PER_BYTE = 96;

struct indexes {
	uint32_t *data;
	size_t count, capacity;
};

struct machine {
	struct pickle_scan *scan;
	struct error *err;
	struct cursor input;
	const struct pickle_opcode *op;
	size_t offset;			/* of op */
	struct pickle_operand operand;
	size_t frame_end;		/* 0: not in a frame */

	struct pickle_values values;
	struct indexes stack, marks;
	size_t fence;			/* the stack's height at the last mark */
	size_t highest;			/* it has been */
	struct indexes memo;		/* value + 1; 0: not set */
	size_t memo_count;		/* entries that are set */
	struct pickle_order order;
	bool stopped;
};

static const char *const kind_names[KIND_COUNT] = {
	[KIND_NONE] = "None", [KIND_BOOL] = "a bool",
	[KIND_NUMBER] = "a number", [KIND_TEXT] = "text",
	[KIND_BYTES] = "bytes", [KIND_TUPLE] = "a tuple",
	[KIND_LIST] = "a list", [KIND_DICT] = "a dict",
	[KIND_SET] = "a set", [KIND_FROZENSET] = "a frozenset",
	[KIND_GLOBAL] = "a global", [KIND_OBJECT] = "an object",
};

#define IS(kind) (1u << (KIND_ ## kind))

__attribute__((format(printf, 3, 4)))
static bool fault(struct machine *m, enum error_kind kind,
		  const char *fmt, ...)
{
	char reason[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	return error_set(m->err, kind, m->offset, "opcode %s: %s",
			 m->op->name, reason);
}

/* --- what it costs */

/* The sum is looked at when the opcode is done. */
static void charge(struct machine *m, uint64_t count, unsigned cost)
{
	uint64_t *memory = &m->scan->memory;
	uint64_t more;

	if (__builtin_mul_overflow(count, cost, &more)
	    || __builtin_add_overflow(*memory, more, memory))
		*memory = UINT64_MAX;
}

static void charge_steps(struct machine *m, uint32_t steps)
{
	charge(m, steps == PICKLE_STEPS_MANY ? UINT64_MAX : steps, STEP_COST);
}

static bool check_cost(struct machine *m)
{
	uint64_t nbytes = m->input.pos, limit = COST_FLOOR, more;

	if (m->scan->memory <= limit)
		return true;
	if (nbytes > COST_FLOOR_NBYTES
	    && (__builtin_mul_overflow(nbytes - COST_FLOOR_NBYTES,
				       COST_PER_BYTE, &more)
		|| __builtin_add_overflow(limit, more, &limit)))
		limit = UINT64_MAX;
	if (m->scan->memory <= limit)
		return true;
	return fault(m, ERROR_LIMIT, "%" PRIu64 " bytes of pickle would take "
		     "%" PRIu64 " bytes of memory, or as many steps, limit "
		     "%" PRIu64, nbytes, m->scan->memory, limit);
}

/* v is a key, or a member of a set: in one that is known to hash, if certain. */
static bool check_hash(struct machine *m, const struct pickle_value *v,
		       bool certain, const char *what)
{
	if (certain && (IS(LIST) | IS(DICT) | IS(SET)) & (1u << v->kind))
		return fault(m, ERROR_CORRUPT, "%s is %s", what,
			     kind_names[v->kind]);
	if (v->hash_depth > PICKLE_HASH_DEPTH_LIMIT)
		return fault(m, ERROR_LIMIT, "%s nested %u levels deep or "
			     "more, limit %d", what, (unsigned)v->hash_depth,
			     PICKLE_HASH_DEPTH_LIMIT);
	charge_steps(m, pickle_value_hash_steps(v));
	return true;
}

/* --- the stack */

static bool push_index(struct machine *m, struct indexes *indexes,
		       uint32_t index)
{
	void *grown = indexes->data;

	if (indexes->count == indexes->capacity) {
		if (!memory_grow(&grown, &indexes->capacity,
				 indexes->count + 1, sizeof(*indexes->data),
				 m->err))
			return false;
		indexes->data = grown;
	}
	indexes->data[indexes->count++] = index;
	return true;
}

static bool push(struct machine *m, uint32_t index)
{
	if (m->stack.count == m->highest) {
		m->highest++;
		charge(m, 1, STACK_COST);
	}
	return push_index(m, &m->stack, index);
}

static bool push_new(struct machine *m, const struct pickle_value *value)
{
	if (m->values.count == VALUES_LIMIT)
		return fault(m, ERROR_LIMIT, "more than %d values",
			     VALUES_LIMIT);
	return pickle_values_add(&m->values, value, m->err)
		&& push(m, (uint32_t)(m->values.count - 1));
}

static void pop(struct machine *m, size_t n)
{
	m->stack.count -= n;
}

/* The last mark goes; returns where it was. */
static size_t pop_mark(struct machine *m)
{
	size_t height = m->marks.data[--m->marks.count];

	m->fence = m->marks.count > 0 ? m->marks.data[m->marks.count - 1] : 0;
	return height;
}

/* The value at a height of the stack. */
static struct pickle_value *at(const struct machine *m, size_t height)
{
	return &m->values.values[m->stack.data[height]];
}

/* The value so many below the top. */
static struct pickle_value *below_top(const struct machine *m, size_t n)
{
	return at(m, m->stack.count - 1 - n);
}

/* Are the mark and the values there that the opcode takes? */
static bool check_stack(struct machine *m)
{
	size_t height = m->stack.count, fence = m->fence;

	if (m->op->mark) {
		if (m->marks.count == 0)
			return fault(m, ERROR_CORRUPT, "no mark on the stack");
		height = fence;
		fence = m->marks.count > 1
			? m->marks.data[m->marks.count - 2] : 0;
	}
	if (height - fence >= m->op->takes)
		return true;
	return fault(m, ERROR_CORRUPT, "%zu values stand %s, needs %u",
		     height - fence, m->op->mark ? "below its mark"
		     : "above the last mark", m->op->takes);
}

static bool check_kind(struct machine *m, const struct pickle_value *v,
		       unsigned kinds, const char *what)
{
	if (kinds & (1u << v->kind))
		return true;
	return fault(m, ERROR_CORRUPT, "%s is %s", what, kind_names[v->kind]);
}

/* --- containers */

/* v holds inner. */
static bool nest(struct machine *m, struct pickle_value *v,
		 const struct pickle_value *inner)
{
	if (inner->depth >= PICKLE_DEPTH_LIMIT)
		return fault(m, ERROR_LIMIT, "nested more than %d levels deep",
			     PICKLE_DEPTH_LIMIT);
	if (v->depth <= inner->depth)
		v->depth = (inner->depth + 1) & UINT16_MAX;
	return true;
}

/* Put what stands at a height of the stack into list or tuple v. */
static bool add_member(struct machine *m, struct pickle_value *v,
		       size_t height)
{
	if (m->values.cell_count == MEMBERS_LIMIT)
		return fault(m, ERROR_LIMIT, "more than %d members",
			     MEMBERS_LIMIT);
	return pickle_values_add_member(&m->values, v, m->stack.data[height],
					m->err)
		&& nest(m, v, at(m, height));
}

/* The values from a height on up become one tuple in their place. */
static bool make_tuple(struct machine *m, size_t height)
{
	struct pickle_value tuple = m->values.values[VALUE_EMPTY_TUPLE];
	size_t count = m->stack.count - height;

	if (count == 0)
		return push(m, VALUE_EMPTY_TUPLE);
	for (size_t i = height; i < m->stack.count; i++) {
		if (!add_member(m, &tuple, i))
			return false;
		pickle_value_hashes(&tuple, at(m, i));
	}
	pop(m, count);
	charge(m, count, TUPLE_MEMBER_COST);
	return push_new(m, &tuple);
}

/* The values from a height on up go into the list or object below them. */
static bool append_from(struct machine *m, size_t height)
{
	struct pickle_value *target = at(m, height - 1);
	size_t count = m->stack.count - height;

	if (target->kind == KIND_OBJECT)
		charge(m, 1, KEEPER_COST);
	else if (target->members.first == 0)
		charge(m, 1, FIRST_MEMBER_COST);
	for (size_t i = height; i < m->stack.count; i++)
		if (target->kind == KIND_LIST ? !add_member(m, target, i)
					      : !nest(m, target, at(m, i)))
			return false;
	pop(m, count);
	charge(m, count, MEMBER_COST);
	return true;
}

/* The same with pairs of key and value, and a dict or an object. */
static bool set_from(struct machine *m, size_t height)
{
	struct pickle_value *target = at(m, height - 1);
	size_t count = m->stack.count - height;
	bool is_dict = target->kind == KIND_DICT;

	if (count % 2 != 0)
		return fault(m, ERROR_CORRUPT, "%zu values are no pairs of "
			     "key and value", count);
	for (size_t i = height; i < m->stack.count; i += 2)
		if (!check_hash(m, at(m, i), is_dict, "key")
		    || !nest(m, target, at(m, i))
		    || !nest(m, target, at(m, i + 1)))
			return false;
	pop(m, count);
	if (is_dict) {
		charge(m, target->size == 0, FIRST_PAIR_COST);
		charge(m, count / 2, PAIR_COST);
		pickle_value_grow(target, count / 2);
	} else {
		charge(m, 1, KEEPER_COST);
		charge(m, count / 2, KEPT_PAIR_COST);
	}
	return true;
}

/* The values from a height on up go into a set or object. */
static bool add_from(struct machine *m, struct pickle_value *target,
		     size_t height)
{
	size_t count = m->stack.count - height;

	for (size_t i = height; i < m->stack.count; i++) {
		const struct pickle_value *member = at(m, i);

		if (!check_hash(m, member, target->kind != KIND_OBJECT,
				"member of a set")
		    || !nest(m, target, member))
			return false;
		if (target->kind == KIND_FROZENSET)
			pickle_value_hashes(target, member);
	}
	if (target->kind == KIND_SET)
		pickle_value_grow(target, count);
	pop(m, count);
	charge(m, count, SET_MEMBER_COST);
	return true;
}

/*
 * A callable and a tuple of arguments on top of the stack become what the
 * call returns.
 */
static bool call(struct machine *m)
{
	struct pickle_value result = { .kind = KIND_OBJECT, .size = 1 };
	const struct pickle_value *arguments = below_top(m, 0);

	if (!check_kind(m, below_top(m, 1), IS(GLOBAL) | IS(OBJECT),
			"callable")
	    || !check_kind(m, arguments, IS(TUPLE), "argument tuple")
	    || !nest(m, &result, arguments))
		return false;
	pickle_values_call(&m->values, &result, arguments);
	if (!check_hash(m, &result, false, "argument"))
		return false;
	pop(m, 2);
	return push_new(m, &result);
}

/* --- globals */

static bool add_global(struct machine *m, const struct pickle_global *global)
{
	bool added;

	if (!pickle_globals_add(m->scan, &m->order, global, m->op->name,
				&added, m->err))
		return false;
	charge(m, added, GLOBAL_COST);
	return true;
}

/* The global that the operand's two lines name. */
static bool add_operand_global(struct machine *m)
{
	struct pickle_global global = {
		.module = (const char *)m->operand.text,
		.module_len = m->operand.len,
		.name = (const char *)m->operand.second,
		.name_len = m->operand.second_len,
		.offset = m->offset,
	};

	return add_global(m, &global);
}

/* The text of v in the input, or "?". */
static const char *text_of(const struct machine *m,
			   const struct pickle_value *v, size_t *len)
{
	if (v->kind != KIND_TEXT || v->start == 0) {
		*len = 1;
		return "?";
	}
	*len = v->size;
	return (const char *)m->input.base + v->start;
}

/* --- a function for each action */

static bool do_refuse(struct machine *m)
{
	return fault(m, ERROR_UNSAFE, "refers to something that is not in the "
		     "pickle");
}

static bool do_proto(struct machine *m)
{
	if (m->offset != 0)
		return fault(m, ERROR_CORRUPT, "is not the first opcode");
	if (m->operand.number > PROTOCOL_LIMIT)
		return fault(m, ERROR_UNSUPPORTED, "protocol %" PRIu64
			     ", the newest known is %d", m->operand.number,
			     PROTOCOL_LIMIT);
	m->scan->protocol = (unsigned)m->operand.number;
	return true;
}

static bool do_frame(struct machine *m)
{
	uint64_t nbytes = m->operand.number;

	if (m->frame_end != 0)
		return fault(m, ERROR_CORRUPT, "stands in a frame that ends at "
			     "offset %zu", m->frame_end);
	if (nbytes > cursor_left(&m->input))
		return fault(m, ERROR_TRUNCATED, "frame of %" PRIu64 " bytes, "
			     "only %zu follow", nbytes,
			     cursor_left(&m->input));
	if (nbytes > 0)
		m->frame_end = m->input.pos + (size_t)nbytes;
	return true;
}

static bool do_mark(struct machine *m)
{
	m->fence = m->stack.count;
	return push_index(m, &m->marks, (uint32_t)m->fence);
}

static bool do_stop(struct machine *m)
{
	if (m->marks.count > 0)
		return fault(m, ERROR_CORRUPT, "%zu marks are left on the "
			     "stack", m->marks.count);
	if (m->stack.count != 1)
		return fault(m, ERROR_CORRUPT, "%zu values are left on the "
			     "stack, not 1", m->stack.count);
	if (m->frame_end != 0)
		return fault(m, ERROR_CORRUPT, "stands before the end of the "
			     "frame at offset %zu", m->frame_end);
	m->stopped = true;
	return true;
}

/* A mark on top is popped like a value. */
static bool do_pop(struct machine *m)
{
	if (m->stack.count > m->fence)
		pop(m, 1);
	else if (m->marks.count > 0)
		pop_mark(m);
	else
		return fault(m, ERROR_CORRUPT, "the stack is empty");
	return true;
}

static bool do_pop_mark(struct machine *m)
{
	m->stack.count = pop_mark(m);
	return true;
}

static bool do_dup(struct machine *m)
{
	return push(m, m->stack.data[m->stack.count - 1]);
}

static bool do_get(struct machine *m)
{
	uint64_t index = m->operand.number;

	if (index >= m->memo.count || m->memo.data[index] == 0)
		return fault(m, ERROR_CORRUPT, "memo %" PRIu64 " was never set",
			     index);
	return push(m, m->memo.data[index] - 1);
}

static bool put(struct machine *m, uint64_t index)
{
	uint64_t limit = m->scan->opcodes + MEMO_SLACK;
	void *grown = m->memo.data;

	if (index > limit)
		return fault(m, ERROR_LIMIT, "memo index %" PRIu64 ", limit "
			     "%" PRIu64 " after %zu opcodes", index, limit,
			     m->scan->opcodes);
	if (index >= m->memo.count) {
		if (!memory_grow(&grown, &m->memo.capacity, (size_t)index + 1,
				 sizeof(*m->memo.data), m->err))
			return false;
		m->memo.data = grown;
		charge(m, index + 1 - m->memo.count, MEMO_COST);
		m->memo.count = (size_t)index + 1;
	}
	if (m->memo.data[index] == 0)
		m->memo_count++;
	m->memo.data[index] = m->stack.data[m->stack.count - 1] + 1;
	return true;
}

static bool do_put(struct machine *m)
{
	return put(m, m->operand.number);
}

static bool do_memoize(struct machine *m)
{
	return put(m, m->memo_count);
}

static bool do_constant(struct machine *m)
{
	switch (m->op->kind) {
	case KIND_NONE:
		return push(m, VALUE_NONE);
	case KIND_BOOL:
		return push(m, VALUE_BOOL);
	case KIND_TUPLE:
		return push(m, VALUE_EMPTY_TUPLE);
	default:
		return push(m, VALUE_NUMBER);
	}
}

/* Is a line's text what it says, without escapes and other encodings? */
static bool is_literal(const struct pickle_operand *operand)
{
	for (size_t i = 0; i < operand->len; i++)
		if (operand->text[i] == '\\' || operand->text[i] >= 0x80)
			return false;
	return true;
}

static bool do_value(struct machine *m)
{
	struct pickle_value v = { .kind = m->op->kind & 0xfu };
	size_t len = m->operand.len, quotes = 0;

	if (m->op->layout == LAYOUT_QUOTED_LINE)
		quotes = 1;
	if (v.kind == KIND_TEXT && (m->op->layout < LAYOUT_QUOTED_LINE
				    || is_literal(&m->operand)))
		v.start = m->operand.start + quotes;
	pickle_value_grow(&v, len - 2 * quotes);
	charge(m, len, v.kind == KIND_TEXT ? CHARACTER_COST : 1);
	return push_new(m, &v);
}

static bool do_empty(struct machine *m)
{
	struct pickle_value v = { .kind = m->op->kind & 0xfu, .depth = 1 };

	return push_new(m, &v);
}

static bool do_tuple(struct machine *m)
{
	return make_tuple(m, m->op->mark ? pop_mark(m)
			     : m->stack.count - m->op->takes);
}

/* LIST and DICT: slip an empty container below its members. */
static bool make_below(struct machine *m, size_t height)
{
	size_t count = m->stack.count - height;
	uint32_t *place;

	if (!do_empty(m))
		return false;
	place = &m->stack.data[height];
	memmove(place + 1, place, count * sizeof(*place));
	*place = (uint32_t)(m->values.count - 1);
	return true;
}

static bool do_list(struct machine *m)
{
	size_t height = pop_mark(m);

	return make_below(m, height) && append_from(m, height + 1);
}

static bool do_dict(struct machine *m)
{
	size_t height = pop_mark(m);

	return make_below(m, height) && set_from(m, height + 1);
}

static bool do_frozenset(struct machine *m)
{
	struct pickle_value set = { .kind = KIND_FROZENSET, .hash_depth = 1,
				    .depth = 1, .size = 1 };

	return add_from(m, &set, pop_mark(m)) && push_new(m, &set);
}

/* Where the members begin that go into the value below them. */
static size_t members_begin(struct machine *m)
{
	return m->op->mark ? pop_mark(m) : m->stack.count - m->op->takes + 1;
}

static bool do_append(struct machine *m)
{
	size_t height = members_begin(m);

	return check_kind(m, at(m, height - 1), IS(LIST) | IS(OBJECT),
			  "target") && append_from(m, height);
}

static bool do_setitem(struct machine *m)
{
	size_t height = members_begin(m);

	return check_kind(m, at(m, height - 1), IS(DICT) | IS(OBJECT),
			  "target") && set_from(m, height);
}

static bool do_additems(struct machine *m)
{
	size_t height = members_begin(m);
	struct pickle_value *target = at(m, height - 1);

	return check_kind(m, target, IS(SET) | IS(OBJECT), "target")
		&& add_from(m, target, height);
}

static bool do_global(struct machine *m)
{
	return add_operand_global(m) && push(m, VALUE_GLOBAL);
}

static bool do_stack_global(struct machine *m)
{
	const struct pickle_value *module = below_top(m, 1);
	const struct pickle_value *name = below_top(m, 0);
	struct pickle_global global = { .offset = m->offset };

	if (!check_kind(m, module, IS(TEXT) | IS(OBJECT), "module")
	    || !check_kind(m, name, IS(TEXT) | IS(OBJECT), "name"))
		return false;
	global.module = text_of(m, module, &global.module_len);
	global.name = text_of(m, name, &global.name_len);
	pop(m, 2);
	return add_global(m, &global) && push(m, VALUE_GLOBAL);
}

/* PERSID has the id in its operand, BINPERSID on the stack. */
static bool do_persid(struct machine *m)
{
	struct pickle_value object = { .kind = KIND_OBJECT, .size = 1,
				       .depth = 1 };

	pop(m, m->op->takes);
	charge(m, m->operand.len, 1);
	return push_new(m, &object);
}

static bool do_reduce(struct machine *m)
{
	return call(m);
}

/* An instance that its type makes hashes by identity. */
static bool do_newobj(struct machine *m)
{
	struct pickle_value *object;

	if (!call(m))
		return false;
	object = below_top(m, 0);
	object->hash_depth = 0;
	object->size = 1;
	return true;
}

static bool do_newobj_ex(struct machine *m)
{
	const struct pickle_value *keywords = below_top(m, 0);

	if (!check_kind(m, keywords, IS(DICT), "keyword arguments"))
		return false;
	charge(m, keywords->size, PAIR_COST);
	pop(m, 1);
	return do_newobj(m);
}

/* The class stands below the arguments. */
static bool do_obj(struct machine *m)
{
	size_t height = pop_mark(m);

	if (height == m->stack.count)
		return fault(m, ERROR_CORRUPT, "no class above the mark");
	return make_tuple(m, height + 1) && call(m);
}

static bool do_inst(struct machine *m)
{
	size_t height = pop_mark(m);

	if (!add_operand_global(m) || !make_tuple(m, height)
	    || !push(m, VALUE_GLOBAL))
		return false;
	m->stack.data[height + 1] = m->stack.data[height];
	m->stack.data[height] = VALUE_GLOBAL;
	return call(m);
}

static bool do_build(struct machine *m)
{
	struct pickle_value *object = below_top(m, 1);

	if (!check_kind(m, object, IS(OBJECT), "target")
	    || !nest(m, object, below_top(m, 0)))
		return false;
	pop(m, 1);
	return true;
}

static bool (*const actions[ACTION_COUNT])(struct machine *m) = {
	[ACTION_REFUSE] = do_refuse,
	[ACTION_PROTO] = do_proto,
	[ACTION_FRAME] = do_frame,
	[ACTION_MARK] = do_mark,
	[ACTION_STOP] = do_stop,
	[ACTION_POP] = do_pop,
	[ACTION_POP_MARK] = do_pop_mark,
	[ACTION_DUP] = do_dup,
	[ACTION_GET] = do_get,
	[ACTION_PUT] = do_put,
	[ACTION_MEMOIZE] = do_memoize,
	[ACTION_CONSTANT] = do_constant,
	[ACTION_VALUE] = do_value,
	[ACTION_EMPTY] = do_empty,
	[ACTION_TUPLE] = do_tuple,
	[ACTION_LIST] = do_list,
	[ACTION_DICT] = do_dict,
	[ACTION_FROZENSET] = do_frozenset,
	[ACTION_APPEND] = do_append,
	[ACTION_SETITEM] = do_setitem,
	[ACTION_ADDITEMS] = do_additems,
	[ACTION_GLOBAL] = do_global,
	[ACTION_STACK_GLOBAL] = do_stack_global,
	[ACTION_PERSID] = do_persid,
	[ACTION_REDUCE] = do_reduce,
	[ACTION_NEWOBJ] = do_newobj,
	[ACTION_NEWOBJ_EX] = do_newobj_ex,
	[ACTION_OBJ] = do_obj,
	[ACTION_INST] = do_inst,
	[ACTION_BUILD] = do_build,
};

/* --- the loop */

/* A frame ends between two opcodes. */
static bool check_frame(struct machine *m)
{
	if (m->frame_end == 0 || m->input.pos < m->frame_end)
		return true;
	if (m->input.pos > m->frame_end)
		return fault(m, ERROR_CORRUPT, "reaches over the end of the "
			     "frame at offset %zu", m->frame_end);
	m->frame_end = 0;
	return true;
}

static bool step(struct machine *m)
{
	uint8_t byte;

	m->offset = m->input.pos;
	byte = cursor_u8(&m->input);
	if (m->input.bad)
		return error_set(m->err, ERROR_TRUNCATED, m->offset,
				 "pickle ends after %zu opcodes without STOP",
				 m->scan->opcodes);
	m->op = &pickle_opcodes[byte];
	if (!m->op->name)
		return error_set(m->err, ERROR_CORRUPT, m->offset,
				 "0x%02x is no opcode of a pickle", byte);
	if (++m->scan->opcodes > OPCODES_LIMIT)
		return fault(m, ERROR_LIMIT, "more than %d opcodes",
			     OPCODES_LIMIT);
	if (m->op->protocol > m->scan->protocol)
		m->scan->protocol = m->op->protocol;
	charge(m, 1, m->op->cost);
	return pickle_operand_read(&m->operand, m->op, &m->input, m->offset,
				   m->err)
		&& check_frame(m) && check_stack(m)
		&& actions[m->op->action](m) && check_cost(m);
}

bool pickle_scan(struct pickle_scan *scan, const void *data, size_t len,
		 struct error *err)
{
	struct machine m = { .scan = scan, .err = err,
			     .input = cursor_over(data, len) };
	bool ok;

	*scan = (struct pickle_scan){ 0 };
	ok = pickle_values_init(&m.values, err);
	while (ok && !m.stopped)
		ok = step(&m);
	scan->nbytes = m.input.pos;
	if (!ok)
		pickle_scan_free(scan);
	pickle_values_free(&m.values);
	pickle_order_free(&m.order);
	free(m.stack.data);
	free(m.marks.data);
	free(m.memo.data);
	return ok;
}

void pickle_scan_free(struct pickle_scan *scan)
{
	free(scan->globals);
	arena_free(&scan->arena);
	*scan = (struct pickle_scan){ 0 };
}
