/* json_value.c - parsed values, compared with each other and written again */
#include "formats/json.h"

#include <stdlib.h>
#include <string.h>

static int by_key(const void *a, const void *b)
{
	return strcmp(json_key(*(const struct json_value *const *)a),
		      json_key(*(const struct json_value *const *)b));
}

bool json_sort_members(const struct json_value *object,
		       const struct json_value ***members, size_t *count,
		       struct error *err)
{
	const struct json_value *v;
	size_t n = 0;

	*count = 0;
	for (v = json_first(object); v; v = json_next(v))
		n++;
	*members = memory_array(n, sizeof(**members), err);
	if (!*members)
		return false;
	for (v = json_first(object); v; v = json_next(v))
		(*members)[(*count)++] = v;
	qsort(*members, *count, sizeof(**members), by_key);
	return true;
}

static bool equal_objects(const struct json_value *a,
			  const struct json_value *b, bool *equal,
			  struct error *err)
{
	const struct json_value **ours = NULL, **theirs = NULL;
	size_t count, other;
	bool ok = json_sort_members(a, &ours, &count, err) &&
		  json_sort_members(b, &theirs, &other, err);

	*equal = ok && count == other;
	for (size_t i = 0; ok && *equal && i < count; i++) {
		*equal = strcmp(json_key(ours[i]), json_key(theirs[i])) == 0;
		if (*equal)
			ok = json_equal(ours[i], theirs[i], equal, err);
	}
	free(ours);
	free(theirs);
	return ok;
}

static bool equal_arrays(const struct json_value *a,
			 const struct json_value *b, bool *equal,
			 struct error *err)
{
	bool ok = true;

	a = json_first(a);
	b = json_first(b);
	*equal = true;
	for (; ok && *equal && a && b; a = json_next(a), b = json_next(b))
		ok = json_equal(a, b, equal, err);
	*equal = *equal && !a && !b;
	return ok;
}

/* Of one type, and neither array nor object. */
static bool equal_scalars(const struct json_value *a,
			  const struct json_value *b, enum json_type type)
{
	struct error never = { 0 };
	const char *x = "", *y = "";
	double m = 0, n = 0;
	bool p = false, q = false;

	switch (type) {
	case JSON_STRING:
		return json_to_string(a, "", &x, &never) &&
		       json_to_string(b, "", &y, &never) && strcmp(x, y) == 0;
	case JSON_NUMBER:
		return json_to_real(a, "", &m, &never) &&
		       json_to_real(b, "", &n, &never) && m == n;
	case JSON_BOOL:
		return json_to_bool(a, "", &p, &never) &&
		       json_to_bool(b, "", &q, &never) && p == q;
	default:
		return true;
	}
}

bool json_equal(const struct json_value *a, const struct json_value *b,
		bool *equal, struct error *err)
{
	enum json_type type = json_type(a);

	*equal = type == json_type(b);
	if (!*equal)
		return true;
	if (type == JSON_OBJECT)
		return equal_objects(a, b, equal, err);
	if (type == JSON_ARRAY)
		return equal_arrays(a, b, equal, err);
	*equal = equal_scalars(a, b, type);
	return true;
}

static void put_container(struct json_writer *w, const char *key,
			  const struct json_value *v, bool object)
{
	json_open(w, key, object ? '{' : '[');
	for (v = json_first(v); v; v = json_next(v)) {
		if (object)
			json_put_key(w, json_key(v));
		json_put_value(w, NULL, v);
	}
	json_close(w, object ? '}' : ']');
}

void json_put_value(struct json_writer *w, const char *key,
		    const struct json_value *v)
{
	struct error never = { 0 };
	const char *text = "";
	double number = 0;
	bool truth = false;

	switch (json_type(v)) {
	case JSON_NULL:
		json_put_null(w, key);
		break;
	case JSON_BOOL:
		json_to_bool(v, "", &truth, &never);
		json_put_bool(w, key, truth);
		break;
	case JSON_NUMBER:
		json_to_real(v, "", &number, &never);
		json_put_real(w, key, number);
		break;
	case JSON_STRING:
		json_to_string(v, "", &text, &never);
		json_put_string(w, key, text);
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		put_container(w, key, v, json_type(v) == JSON_OBJECT);
		break;
	}
}
