/* pickle_globals.c - check, find and keep names */
#include "formats/pickle_globals.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

static int compare_names(const char *a, size_t a_len, const char *b,
			 size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	if (order != 0)
		return order;
	return a_len < b_len ? -1 : a_len > b_len;
}

static int compare(const struct pickle_global *a,
		   const struct pickle_global *b)
{
	int order = compare_names(a->module, a->module_len, b->module,
				  b->module_len);

	return order ? order : compare_names(a->name, a->name_len, b->name,
					     b->name_len);
}

/* Where a global stands in the order, or would; *found says which. */
static size_t find(const struct pickle_scan *scan,
		   const struct pickle_order *order,
		   const struct pickle_global *global, bool *found)
{
	size_t low = 0, high = scan->nglobals;

	*found = false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int way = compare(&scan->globals[order->data[mid]], global);

		if (way == 0) {
			*found = true;
			return mid;
		}
		if (way < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool check_length(const struct pickle_global *global,
			 const char *opcode, size_t len, struct error *err)
{
	if (len == 0)
		return error_set(err, ERROR_CORRUPT, global->offset,
				 "opcode %s: empty name", opcode);
	if (len > PICKLE_GLOBAL_NAME_LIMIT)
		return error_set(err, ERROR_LIMIT, global->offset,
				 "opcode %s: name of %zu bytes, limit %d",
				 opcode, len, PICKLE_GLOBAL_NAME_LIMIT);
	return true;
}

static bool check_text(const struct pickle_global *global, const char *opcode,
		       const char *name, size_t len, struct error *err)
{
	if (text_is_utf8(name, len) && !memchr(name, '\0', len))
		return true;
	return error_set(err, ERROR_CORRUPT, global->offset,
			 "opcode %s: name is not UTF-8, or holds NUL", opcode);
}

static bool copy_names(struct pickle_scan *scan,
		       const struct pickle_global *global, struct error *err)
{
	struct pickle_global *copy = &scan->globals[scan->nglobals];

	*copy = *global;
	copy->module = arena_copy(&scan->arena, global->module,
				  global->module_len, err);
	copy->name = arena_copy(&scan->arena, global->name, global->name_len,
				err);
	return copy->module && copy->name;
}

static bool make_room(struct pickle_scan *scan, struct pickle_order *order,
		      struct error *err)
{
	void *globals = scan->globals, *data = order->data;
	size_t count = scan->nglobals + 1;
	bool ok = memory_grow(&globals, &scan->globals_capacity, count,
			      sizeof(*scan->globals), err);

	scan->globals = globals;
	ok = ok && memory_grow(&data, &order->capacity, count,
			       sizeof(*order->data), err);
	order->data = data;
	return ok;
}

bool pickle_globals_add(struct pickle_scan *scan, struct pickle_order *order,
			const struct pickle_global *global, const char *opcode,
			bool *added, struct error *err)
{
	size_t place;
	bool found;

	*added = false;
	if (!check_length(global, opcode, global->module_len, err)
	    || !check_length(global, opcode, global->name_len, err))
		return false;
	place = find(scan, order, global, &found);
	if (found)
		return true;
	if (!check_text(global, opcode, global->module, global->module_len,
			err)
	    || !check_text(global, opcode, global->name, global->name_len,
			   err))
		return false;
	if (scan->nglobals == PICKLE_GLOBALS_LIMIT)
		return error_set(err, ERROR_LIMIT, global->offset,
				 "opcode %s: more than %d different globals",
				 opcode, PICKLE_GLOBALS_LIMIT);
	if (!make_room(scan, order, err) || !copy_names(scan, global, err))
		return false;
	memmove(&order->data[place + 1], &order->data[place],
		(scan->nglobals - place) * sizeof(*order->data));
	order->data[place] = (uint32_t)scan->nglobals++;
	*added = true;
	return true;
}

void pickle_order_free(struct pickle_order *order)
{
	free(order->data);
	*order = (struct pickle_order){ 0 };
}
