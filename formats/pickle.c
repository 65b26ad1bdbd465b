/*
 * pickle.c - run a pickle's opcodes on values that are only descriptions
 *
 * The machine has a stack, marks on it, and a memo, as the unpickler has; they
 * hold indexes of descriptions.  A value that stands in several places is one
 * description, so what is appended to a list through the memo is seen through
 * every other reference.
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
#include "base/text.h"
#include "formats/pickle_opcodes.h"

enum {
	/* Writers count memo indexes up from 0 or 1. */
	MEMO_SLACK = 1000,
	/* 0.8 GB of descriptions; the largest real pickles need a sixth. */
	VALUE_LIMIT = 1 << 25,
	PROTOCOL_LIMIT = 5,

	/* Measured on CPython 3.11, rounded up; see also the opcode table. */
	MEMO_NBYTES = 16,	/* the array has room for twice the index */
	MEMBER_NBYTES = 16,	/* of a list */
	TUPLE_MEMBER_NBYTES = 8,
	PAIR_NBYTES = 72,	/* of a dict, or kept by a stand-in */
	FIRST_PAIR_NBYTES = 100,
	SET_MEMBER_NBYTES = 112,
	GLOBAL_NBYTES = 2000,	/* a stand-in type */
	CHARACTER_NBYTES = 4,	/* one is enough to make all so wide */
	STEP_NBYTES = 8		/* hashing or copying one reference */
};

/*
 * What a pickle of n bytes may cost: FLOOR, and more beyond a MiB.  Real ones
 * need at most 60 bytes for each of their own.
 */
static const uint64_t ALLOWANCE_FLOOR = 64u << 20;
static const uint64_t ALLOWANCE_START = 1u << 20;
static const uint64_t ALLOWANCE_PER_BYTE = 96;

/* Values that stay as they are need no description of their own. */
enum {
	VALUE_NONE, VALUE_BOOL, VALUE_NUMBER, VALUE_EMPTY_TUPLE, VALUE_GLOBAL,
	VALUE_FIRST
};

struct value {
	uint8_t kind;		/* enum pickle_kind */
	uint16_t hash_depth;	/* levels hash() descends; 0 if it does not */
	uint32_t depth;		/* of nested containers, itself included */
	/*
	 * Text, bytes, numbers: length in bytes.  Dicts, sets: members.  Else
	 * how many values hash() visits.
	 */
	uint64_t size;
	union {
		uint64_t start;		/* of text in the input; 0: unknown */
		struct {
			uint32_t first, last;	/* cells; 0: none */
		} members;		/* of tuples and lists */
	};
};

struct cell {
	uint32_t value, next;
};

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

	struct value *values;
	size_t nvalues, values_capacity;
	struct cell *cells;
	size_t ncells, cells_capacity;
	struct indexes stack, marks;
	struct indexes memo;		/* value + 1; 0: not set */
	size_t fence;			/* the stack's height at the last mark */
	size_t memo_count;		/* entries that are set */

	struct indexes by_name;		/* globals, sorted */
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

static uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t multiply(uint64_t a, uint64_t b)
{
	uint64_t product;

	return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

/* --- what it costs */

static uint64_t allowance(uint64_t nbytes)
{
	uint64_t beyond = nbytes > ALLOWANCE_START ? nbytes - ALLOWANCE_START
						   : 0;

	return add(ALLOWANCE_FLOOR, multiply(beyond, ALLOWANCE_PER_BYTE));
}

static bool charge(struct machine *m, uint64_t count, uint64_t nbytes)
{
	uint64_t *memory = &m->scan->memory;

	*memory = add(*memory, multiply(count, nbytes));
	if (*memory <= allowance(m->input.pos))
		return true;
	return fault(m, ERROR_LIMIT, "unpickling takes %" PRIu64 " bytes of "
		     "memory or as many steps, limit %" PRIu64 " for the %zu "
		     "bytes so far", *memory, allowance(m->input.pos),
		     m->input.pos);
}

/* How many values hash() visits; text is read once, so its length counts. */
static uint64_t hash_steps(const struct value *v)
{
	switch (v->kind) {
	case KIND_NUMBER:
	case KIND_TEXT:
	case KIND_BYTES:
		return 1 + v->size / 8;
	case KIND_TUPLE:
	case KIND_FROZENSET:
	case KIND_OBJECT:
		return v->size;
	default:
		return 1;
	}
}

static bool check_hash_depth(struct machine *m, unsigned depth,
			     const char *what)
{
	if (depth <= PICKLE_HASH_DEPTH_LIMIT)
		return true;
	return fault(m, ERROR_LIMIT, "%s is nested %u levels deep or more, "
		     "limit %d", what, depth, PICKLE_HASH_DEPTH_LIMIT);
}

/* v becomes a key, or a member of a set: in what, if that is known to hash. */
static bool charge_hash(struct machine *m, const struct value *v, bool hashed,
			const char *what)
{
	if (hashed && (IS(LIST) | IS(DICT) | IS(SET)) & (1u << v->kind))
		return fault(m, ERROR_CORRUPT, "%s is %s", what,
			     kind_names[v->kind]);
	return check_hash_depth(m, v->hash_depth, what)
		&& charge(m, hash_steps(v), STEP_NBYTES);
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
	return push_index(m, &m->stack, index);
}

/* Push a description, and show it: it is valid until the next one. */
static bool push_new(struct machine *m, struct value value)
{
	void *grown = m->values;

	if (m->nvalues == VALUE_LIMIT)
		return fault(m, ERROR_LIMIT, "more than %d values",
			     VALUE_LIMIT);
	if (m->nvalues == m->values_capacity) {
		if (!memory_grow(&grown, &m->values_capacity, m->nvalues + 1,
				 sizeof(value), m->err))
			return false;
		m->values = grown;
	}
	m->values[m->nvalues] = value;
	return push(m, (uint32_t)m->nvalues++);
}

/* The value at a height of the stack. */
static struct value *at(struct machine *m, size_t height)
{
	return &m->values[m->stack.data[height]];
}

/* The value so many below the top; the opcode has been found to have it. */
static struct value *below_top(struct machine *m, size_t n)
{
	return at(m, m->stack.count - 1 - n);
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

/* Does the opcode find the mark and the values it takes? */
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
	return fault(m, ERROR_CORRUPT, "needs %u values below %s, %zu are "
		     "there", m->op->takes, m->op->mark ? "its mark"
		     : "the top of the stack", height - fence);
}

static bool check_kind(struct machine *m, const struct value *v,
		       unsigned kinds, const char *what)
{
	if (kinds & (1u << v->kind))
		return true;
	return fault(m, ERROR_CORRUPT, "%s is %s", what, kind_names[v->kind]);
}

/* --- containers */

static bool check_depth(struct machine *m, struct value *v, uint32_t inner)
{
	if (inner >= PICKLE_DEPTH_LIMIT)
		return fault(m, ERROR_LIMIT, "nested more than %d levels deep",
			     PICKLE_DEPTH_LIMIT);
	if (v->depth <= inner)
		v->depth = inner + 1;
	return true;
}

/* Add what stands at a height of the stack to the list or tuple v. */
static bool add_member(struct machine *m, struct value *v, size_t height)
{
	uint32_t index = m->stack.data[height];
	void *grown = m->cells;

	/* Each cell was a value on the stack: 2^32 are 4 GiB of input. */
	if (m->ncells == UINT32_MAX)
		return fault(m, ERROR_LIMIT, "more than %" PRIu32 " members",
			     UINT32_MAX);
	if (!memory_grow(&grown, &m->cells_capacity, m->ncells + 1,
			 sizeof(*m->cells), m->err))
		return false;
	m->cells = grown;
	m->cells[m->ncells] = (struct cell){ .value = index };
	if (v->members.first == 0)
		v->members.first = (uint32_t)m->ncells;
	else
		m->cells[v->members.last].next = (uint32_t)m->ncells;
	v->members.last = (uint32_t)m->ncells++;
	return check_depth(m, v, m->values[index].depth);
}

/* hash() of v descends into member. */
static void add_hashed(struct value *v, const struct value *member)
{
	v->size = add(v->size, hash_steps(member));
	if (v->hash_depth <= member->hash_depth)
		v->hash_depth = (uint16_t)(member->hash_depth
					   + (member->hash_depth < UINT16_MAX));
}

/* The values from a height on up become one tuple in their place. */
static bool make_tuple(struct machine *m, size_t height)
{
	struct value tuple = { .kind = KIND_TUPLE, .hash_depth = 1,
			       .depth = 1, .size = 1 };
	size_t count = m->stack.count - height;

	if (count == 0)
		return push(m, VALUE_EMPTY_TUPLE);
	for (size_t i = height; i < m->stack.count; i++) {
		if (!add_member(m, &tuple, i))
			return false;
		add_hashed(&tuple, at(m, i));
	}
	pop(m, count);
	return charge(m, count, TUPLE_MEMBER_NBYTES) && push_new(m, tuple);
}

/* The values from a height on up go into the list or object below them. */
static bool append_from(struct machine *m, size_t height)
{
	struct value *target = at(m, height - 1);
	size_t count = m->stack.count - height;

	for (size_t i = height; i < m->stack.count; i++)
		if (target->kind == KIND_LIST
		    ? !add_member(m, target, i)
		    : !check_depth(m, target, at(m, i)->depth))
			return false;
	pop(m, count);
	return charge(m, count, MEMBER_NBYTES);
}

/* The same with pairs of key and value, and a dict or an object. */
static bool set_from(struct machine *m, size_t height)
{
	struct value *target = at(m, height - 1);
	size_t count = m->stack.count - height;
	bool is_dict = target->kind == KIND_DICT;

	if (count % 2 != 0)
		return fault(m, ERROR_CORRUPT, "%zu values are no pairs of "
			     "key and value", count);
	for (size_t i = height; i < m->stack.count; i += 2)
		if (!charge_hash(m, at(m, i), is_dict, "key")
		    || !check_depth(m, target, at(m, i)->depth)
		    || !check_depth(m, target, at(m, i + 1)->depth))
			return false;
	pop(m, count);
	if (is_dict && target->size == 0 && count > 0
	    && !charge(m, 1, FIRST_PAIR_NBYTES))
		return false;
	if (is_dict)
		target->size += count / 2;
	return charge(m, count / 2, PAIR_NBYTES);
}

static bool add_from(struct machine *m, struct value *target, size_t height,
		     bool hashed)
{
	size_t count = m->stack.count - height;

	for (size_t i = height; i < m->stack.count; i++) {
		const struct value *member = at(m, i);

		if (!charge_hash(m, member, hashed, "member of a set")
		    || !check_depth(m, target, member->depth))
			return false;
		if (target->kind == KIND_FROZENSET)
			add_hashed(target, member);
		else if (target->kind == KIND_SET)
			target->size++;
	}
	pop(m, count);
	return charge(m, count, SET_MEMBER_NBYTES);
}

/* --- calls */

/*
 * What a call may do with one of its arguments: copy it; if it is a list or a
 * tuple hash the members; if those are pairs hash the keys.  Lists are looked
 * at as they are now.  Adds to result as if that were a tuple of all.
 */
static void add_argument(struct machine *m, struct value *result,
			 const struct value *argument)
{
	uint32_t next;

	if (argument->kind != KIND_LIST && argument->kind != KIND_TUPLE) {
		add_hashed(result, argument);
		if (argument->kind == KIND_DICT || argument->kind == KIND_SET)
			result->size = add(result->size,
					   multiply(argument->size, 2));
		return;
	}
	result->size = add(result->size, 1);
	for (next = argument->members.first; next != 0;
	     next = m->cells[next].next) {
		const struct value *v = &m->values[m->cells[next].value];

		add_hashed(result, v);
		if (v->kind == KIND_LIST && v->members.first != 0)
			add_hashed(result, &m->values[
				   m->cells[v->members.first].value]);
	}
}

/*
 * The two topmost values, a callable and a tuple of arguments, become what the
 * call returns.  new_object: it is a new instance of a type.
 */
static bool call(struct machine *m, bool new_object)
{
	struct value result = { .kind = KIND_OBJECT, .size = 1, .depth = 1 };
	const struct value *args = below_top(m, 0);

	if (!check_kind(m, below_top(m, 1), IS(GLOBAL) | IS(OBJECT),
			new_object ? "class" : "callable")
	    || !check_kind(m, args, IS(TUPLE) | IS(OBJECT), "argument tuple"))
		return false;
	if (args->kind == KIND_TUPLE)
		for (uint32_t next = args->members.first; next != 0;
		     next = m->cells[next].next)
			add_argument(m, &result,
				     &m->values[m->cells[next].value]);
	else
		add_hashed(&result, args);
	if (!check_hash_depth(m, result.hash_depth, "argument")
	    || !check_depth(m, &result, args->depth)
	    || !charge(m, result.size, STEP_NBYTES))
		return false;
	if (new_object) {
		result.size = 1;
		result.hash_depth = 0;
	}
	pop(m, 2);
	return push_new(m, result);
}

/* --- globals */

static int compare_names(const char *a, size_t a_len, const char *b,
			 size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	if (order != 0)
		return order;
	return a_len < b_len ? -1 : a_len > b_len;
}

static int compare_globals(const struct pickle_global *a,
			   const struct pickle_global *b)
{
	int order = compare_names(a->module, a->module_len, b->module,
				  b->module_len);

	return order ? order : compare_names(a->name, a->name_len, b->name,
					     b->name_len);
}

/* Where global stands in by_name, or would; *found says which. */
static size_t find_global(const struct machine *m,
			  const struct pickle_global *global, bool *found)
{
	size_t low = 0, high = m->by_name.count;

	*found = false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = compare_globals(
			&m->scan->globals[m->by_name.data[mid]], global);

		if (order == 0) {
			*found = true;
			return mid;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool check_name(struct machine *m, const char *what, const char *name,
		       size_t len)
{
	if (len > PICKLE_GLOBAL_NAME_LIMIT)
		return fault(m, ERROR_LIMIT, "%s of %zu bytes, limit %d", what,
			     len, PICKLE_GLOBAL_NAME_LIMIT);
	if (!text_is_utf8(name, len))
		return fault(m, ERROR_CORRUPT, "%s is not UTF-8", what);
	return true;
}

/* Keep a name unless it is known already.  It still points into the input. */
static bool note_global(struct machine *m, struct pickle_global global)
{
	struct pickle_scan *scan = m->scan;
	uint32_t index = (uint32_t)scan->nglobals;
	void *grown = scan->globals;
	size_t place;
	bool found;

	if (!check_name(m, "module", global.module, global.module_len)
	    || !check_name(m, "name", global.name, global.name_len))
		return false;
	place = find_global(m, &global, &found);
	if (found)
		return true;
	if (scan->nglobals == PICKLE_GLOBALS_LIMIT)
		return fault(m, ERROR_LIMIT, "more than %d different globals",
			     PICKLE_GLOBALS_LIMIT);
	global.offset = m->offset;
	global.module = arena_copy(&scan->arena, global.module,
				   global.module_len, m->err);
	global.name = arena_copy(&scan->arena, global.name, global.name_len,
				 m->err);
	if (!global.module || !global.name
	    || !memory_grow(&grown, &scan->globals_capacity,
			    scan->nglobals + 1, sizeof(global), m->err))
		return false;
	scan->globals = grown;
	if (!push_index(m, &m->by_name, index))
		return false;
	scan->globals[scan->nglobals++] = global;
	memmove(&m->by_name.data[place + 1], &m->by_name.data[place],
		(index - place) * sizeof(index));
	m->by_name.data[place] = index;
	return charge(m, 1, GLOBAL_NBYTES);
}

/* The global that the operand's two lines name. */
static bool note_operand(struct machine *m)
{
	return note_global(m, (struct pickle_global){
		.module = (const char *)m->operand.text,
		.module_len = m->operand.len,
		.name = (const char *)m->operand.second,
		.name_len = m->operand.second_len,
	});
}

/* --- one function for each action */

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
	if (m->frame_end > m->input.pos)
		return fault(m, ERROR_CORRUPT, "stands before the end of the "
			     "frame at offset %zu", m->frame_end);
	m->stopped = true;
	return true;
}

/* A mark on top is popped like a value. */
static bool do_pop(struct machine *m)
{
	if (m->stack.count > m->fence) {
		pop(m, 1);
		return true;
	}
	if (m->marks.count == 0)
		return fault(m, ERROR_CORRUPT, "the stack is empty");
	pop_mark(m);
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
	size_t grown_by = 0;
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
		grown_by = (size_t)index + 1 - m->memo.count;
		m->memo.count = (size_t)index + 1;
	}
	if (m->memo.data[index] == 0)
		m->memo_count++;
	m->memo.data[index] = m->stack.data[m->stack.count - 1] + 1;
	return charge(m, grown_by, MEMO_NBYTES);
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

/* Are these the bytes of the text, too, or is something escaped? */
static bool is_literal(const struct pickle_operand *operand)
{
	for (size_t i = 0; i < operand->len; i++)
		if (operand->text[i] == '\\' || operand->text[i] >= 0x80)
			return false;
	return true;
}

static bool do_value(struct machine *m)
{
	struct value v = { .kind = m->op->kind, .size = m->operand.len };
	bool escapes = m->op->layout == LAYOUT_QUOTED_LINE
		|| m->op->layout == LAYOUT_LINE;

	if (v.kind == KIND_TEXT && !(escapes && !is_literal(&m->operand)))
		v.start = m->operand.start;
	if (m->op->layout == LAYOUT_QUOTED_LINE) {
		v.start += v.start != 0;
		v.size -= 2;
	}
	return charge(m, v.size, v.kind == KIND_TEXT ? CHARACTER_NBYTES : 1)
		&& push_new(m, v);
}

static bool do_empty(struct machine *m)
{
	return push_new(m, (struct value){ .kind = m->op->kind, .depth = 1 });
}

static bool do_tuple(struct machine *m)
{
	return make_tuple(m, m->op->mark ? pop_mark(m)
			     : m->stack.count - m->op->takes);
}

/* LIST and DICT: the members stand where the container will. */
static bool make_below(struct machine *m, size_t *height)
{
	size_t count;

	*height = pop_mark(m);
	count = m->stack.count - *height;
	if (!do_empty(m))
		return false;
	/* Turn M1..Mn C into C M1..Mn. */
	memmove(&m->stack.data[*height + 1], &m->stack.data[*height],
		count * sizeof(*m->stack.data));
	m->stack.data[*height] = (uint32_t)(m->nvalues - 1);
	return true;
}

static bool do_list(struct machine *m)
{
	size_t height;

	return make_below(m, &height) && append_from(m, height + 1);
}

static bool do_dict(struct machine *m)
{
	size_t height;

	return make_below(m, &height) && set_from(m, height + 1);
}

static bool do_frozenset(struct machine *m)
{
	struct value set = { .kind = KIND_FROZENSET, .hash_depth = 1,
			     .depth = 1, .size = 1 };

	return add_from(m, &set, pop_mark(m), true) && push_new(m, set);
}

/* Where the members that an opcode puts into a target begin. */
static size_t members_begin(struct machine *m)
{
	return m->op->mark ? pop_mark(m)
		: m->stack.count - m->op->takes + 1;
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
	struct value *target = at(m, height - 1);

	return check_kind(m, target, IS(SET) | IS(OBJECT), "target")
		&& add_from(m, target, height, target->kind == KIND_SET);
}

static bool do_global(struct machine *m)
{
	return note_operand(m) && push(m, VALUE_GLOBAL);
}

static bool do_stack_global(struct machine *m)
{
	const struct value *module = below_top(m, 1), *name = below_top(m, 0);
	const char *text = (const char *)m->input.base;
	struct pickle_global global = { .module = "?", .module_len = 1,
					.name = "?", .name_len = 1 };

	if (!check_kind(m, module, IS(TEXT) | IS(OBJECT), "module")
	    || !check_kind(m, name, IS(TEXT) | IS(OBJECT), "name"))
		return false;
	if (module->kind == KIND_TEXT && module->start != 0) {
		global.module = text + module->start;
		global.module_len = (size_t)module->size;
	}
	if (name->kind == KIND_TEXT && name->start != 0) {
		global.name = text + name->start;
		global.name_len = (size_t)name->size;
	}
	pop(m, 2);
	return note_global(m, global) && push(m, VALUE_GLOBAL);
}

/* PERSID has the id in its operand, BINPERSID on the stack. */
static bool do_persid(struct machine *m)
{
	pop(m, m->op->takes);
	return charge(m, m->operand.len, 1)
		&& push_new(m, (struct value){ .kind = KIND_OBJECT, .size = 1,
					       .depth = 1 });
}

static bool do_reduce(struct machine *m)
{
	return call(m, false);
}

static bool do_newobj(struct machine *m)
{
	return call(m, true);
}

/* The keyword arguments are copied, too. */
static bool do_newobj_ex(struct machine *m)
{
	const struct value *keywords = below_top(m, 0);

	if (!check_kind(m, keywords, IS(DICT) | IS(OBJECT),
			"keyword arguments")
	    || !charge(m, keywords->size, PAIR_NBYTES))
		return false;
	pop(m, 1);
	return call(m, true);
}

static bool do_inst(struct machine *m)
{
	size_t height = pop_mark(m);

	if (!note_operand(m) || !make_tuple(m, height)
	    || !push(m, VALUE_GLOBAL))
		return false;
	/* The class stands below its arguments. */
	m->stack.data[height + 1] = m->stack.data[height];
	m->stack.data[height] = VALUE_GLOBAL;
	return call(m, false);
}

static bool do_obj(struct machine *m)
{
	size_t height = pop_mark(m);

	if (height == m->stack.count)
		return fault(m, ERROR_CORRUPT, "no class above the mark");
	return make_tuple(m, height + 1) && call(m, false);
}

static bool do_build(struct machine *m)
{
	struct value *object = below_top(m, 1);

	if (!check_kind(m, object, IS(OBJECT), "target")
	    || !check_depth(m, object, below_top(m, 0)->depth))
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
	[ACTION_INST] = do_inst,
	[ACTION_OBJ] = do_obj,
	[ACTION_BUILD] = do_build,
};

/* --- the loop */

static bool machine_start(struct machine *m)
{
	static const struct value fixed[VALUE_FIRST] = {
		[VALUE_NONE] = { .kind = KIND_NONE },
		[VALUE_BOOL] = { .kind = KIND_BOOL },
		[VALUE_NUMBER] = { .kind = KIND_NUMBER },
		[VALUE_EMPTY_TUPLE] = { .kind = KIND_TUPLE, .hash_depth = 1,
					.depth = 1, .size = 1 },
		[VALUE_GLOBAL] = { .kind = KIND_GLOBAL },
	};
	void *values = NULL;

	if (!memory_grow(&values, &m->values_capacity, VALUE_FIRST,
			 sizeof(*m->values), m->err))
		return false;
	m->values = values;
	memcpy(values, fixed, sizeof(fixed));
	m->nvalues = VALUE_FIRST;
	m->ncells = 1;			/* cell 0 is the end of a chain */
	return true;
}

static void machine_free(struct machine *m)
{
	free(m->values);
	free(m->cells);
	free(m->stack.data);
	free(m->marks.data);
	free(m->memo.data);
	free(m->by_name.data);
}

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
	m->op = pickle_opcode(byte);
	if (!m->op->name)
		return error_set(m->err, ERROR_CORRUPT, m->offset,
				 "0x%02x is no opcode of a pickle", byte);
	m->scan->opcodes++;
	if (m->op->protocol > m->scan->protocol)
		m->scan->protocol = m->op->protocol;
	return pickle_operand_read(&m->operand, m->op, &m->input, m->offset,
				   m->err)
		&& check_frame(m) && check_stack(m)
		&& charge(m, 1, m->op->nbytes) && actions[m->op->action](m);
}

bool pickle_scan(struct pickle_scan *scan, const void *data, size_t len,
		 struct error *err)
{
	struct machine m = { .scan = scan, .err = err,
			     .input = cursor_over(data, len) };
	bool ok;

	*scan = (struct pickle_scan){ 0 };
	ok = machine_start(&m);
	while (ok && !m.stopped)
		ok = step(&m);
	scan->nbytes = m.input.pos;
	if (!ok)
		pickle_scan_free(scan);
	machine_free(&m);
	return ok;
}

void pickle_scan_free(struct pickle_scan *scan)
{
	free(scan->globals);
	arena_free(&scan->arena);
	*scan = (struct pickle_scan){ 0 };
}
