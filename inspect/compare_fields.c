/* compare_fields.c - merge what is sorted by name */
#include "inspect/compare_fields.h"

#include <stdlib.h>
#include <string.h>

static bool add(struct field_list *list, const struct field *field,
		struct error *err)
{
	void *grown = list->fields;

	if (!memory_grow(&grown, &list->capacity, list->count + 1,
			 sizeof(*list->fields), err))
		return false;
	list->fields = grown;
	list->fields[list->count++] = *field;
	return true;
}

void compare_fields_free(struct field_list *list)
{
	free(list->fields);
	*list = (struct field_list){ 0 };
}

/* ---- specs ---- */

/* Members of one of two objects, sorted; none if there is no object. */
struct members {
	const struct json_value **sorted;
	size_t count;
};

static bool sort(struct members *m, const struct json_value *object,
		 struct error *err)
{
	*m = (struct members){ 0 };
	return !object ||
	       json_sort_members(object, &m->sorted, &m->count, err);
}

/* Is it the object, or the string, that is compared by its parts? */
static bool has_parts(const struct source *s, const struct json_value *v,
		      const char *group, bool with_architecture)
{
	if (group[0] == '\0')
		return v == s->spec.init_kwargs;
	return with_architecture && s->spec.architecture_spec &&
	       strcmp(json_key(v), "architecture_spec") == 0;
}

static bool add_pair(struct field_list *list, const char *group,
		     const struct json_value *a, const struct json_value *b,
		     struct error *err)
{
	const char *name = json_key(a ? a : b);
	struct field field = { .group = group, .name = name,
			       .name_len = strlen(name), .a.value = a,
			       .b.value = b };
	bool equal = false;

	if (a && b && !json_equal(a, b, &equal, err))
		return false;
	return equal || add(list, &field, err);
}

static bool merge(struct field_list *list, const struct source *a,
		  const struct source *b, const struct members *x,
		  const struct members *y, const char *group,
		  struct error *err)
{
	bool architecture = a->architecture && b->architecture;
	size_t i = 0, k = 0;

	while (i < x->count || k < y->count) {
		const struct json_value *v = i < x->count ? x->sorted[i]
							  : NULL;
		const struct json_value *w = k < y->count ? y->sorted[k]
							  : NULL;
		int order = !v ? 1 : !w ? -1 : strcmp(json_key(v),
						      json_key(w));

		if (order < 0)
			w = NULL;
		if (order > 0)
			v = NULL;
		i += v != NULL;
		k += w != NULL;
		if (v && w && has_parts(a, v, group, architecture) &&
		    has_parts(b, w, group, architecture))
			continue;
		if (!add_pair(list, group, v, w, err))
			return false;
	}
	return true;
}

static bool compare_objects(struct field_list *list, const struct source *a,
			    const struct source *b,
			    const struct json_value *x,
			    const struct json_value *y, const char *group,
			    struct error *err)
{
	struct members ours = { 0 }, theirs = { 0 };
	bool ok = sort(&ours, x, err) && sort(&theirs, y, err) &&
		  merge(list, a, b, &ours, &theirs, group, err);

	free(ours.sorted);
	free(theirs.sorted);
	return ok;
}

bool compare_fields_of_specs(struct field_list *list, const struct source *a,
			     const struct source *b, struct error *err)
{
	const struct json_value *x = a->spec.init_kwargs;
	const struct json_value *y = b->spec.init_kwargs;

	return compare_objects(list, a, b, a->spec.document.root,
			       b->spec.document.root, "", err) &&
	       (!x || !y ||
		compare_objects(list, a, b, x, y, "init_kwargs.", err));
}

/* ---- architectures ---- */

static bool is_same(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && memcmp(a, b, a_len) == 0;
}

static bool add_texts(struct field_list *list, const char *name,
		      size_t name_len, const struct field_side *a,
		      const struct field_side *b, struct error *err)
{
	struct field field = { .group = "", .name = name,
			       .name_len = name_len, .a = *a, .b = *b };

	if (a->text && b->text && is_same(a->text, a->len, b->text, b->len))
		return true;
	return add(list, &field, err);
}

static int by_name(const void *a, const void *b)
{
	const struct architecture_keyword *x =
		*(const struct architecture_keyword *const *)a;
	const struct architecture_keyword *y =
		*(const struct architecture_keyword *const *)b;
	size_t len = x->name_len < y->name_len ? x->name_len : y->name_len;
	int order = memcmp(x->name, y->name, len);

	return order ? order : (x->name_len > y->name_len) -
			       (x->name_len < y->name_len);
}

static const struct architecture_keyword **
sort_keywords(const struct architecture *a, struct error *err)
{
	const struct architecture_keyword **sorted =
		memory_array(a->count, sizeof(*sorted), err);

	if (!sorted)
		return NULL;
	for (size_t i = 0; i < a->count; i++)
		sorted[i] = &a->keywords[i];
	qsort(sorted, a->count, sizeof(*sorted), by_name);
	return sorted;
}

static struct field_side value_of(const struct architecture_keyword *k)
{
	struct field_side side = { 0 };

	if (k) {
		side.text = k->value;
		side.len = k->value_len;
	}
	return side;
}

/* One of the two may be NULL. */
static bool add_keywords(struct field_list *list,
			 const struct architecture_keyword *v,
			 const struct architecture_keyword *w,
			 struct error *err)
{
	const struct architecture_keyword *named = v ? v : w;
	struct field_side ours = value_of(v), theirs = value_of(w);

	return !named || add_texts(list, named->name, named->name_len, &ours,
				   &theirs, err);
}

static bool merge_keywords(struct field_list *list,
			   const struct architecture *a,
			   const struct architecture_keyword **x,
			   const struct architecture *b,
			   const struct architecture_keyword **y,
			   struct error *err)
{
	size_t i = 0, k = 0;

	while (i < a->count || k < b->count) {
		const struct architecture_keyword *v = i < a->count ? x[i]
								    : NULL;
		const struct architecture_keyword *w = k < b->count ? y[k]
								    : NULL;
		int order = !v ? 1 : !w ? -1 : by_name(&v, &w);

		if (order < 0)
			w = NULL;
		if (order > 0)
			v = NULL;
		i += v != NULL;
		k += w != NULL;
		if (!add_keywords(list, v, w, err))
			return false;
	}
	return true;
}

static bool compare_keywords(struct field_list *list,
			     const struct architecture *a,
			     const struct architecture *b, struct error *err)
{
	const struct field_side x = { .text = a->class_name,
				      .len = a->class_name_len };
	const struct field_side y = { .text = b->class_name,
				      .len = b->class_name_len };
	const struct architecture_keyword **ours = sort_keywords(a, err);
	const struct architecture_keyword **theirs = sort_keywords(b, err);
	bool ok = ours && theirs && add_texts(list, "class", 5, &x, &y, err) &&
		  merge_keywords(list, a, ours, b, theirs, err);

	free(ours);
	free(theirs);
	return ok;
}

bool compare_fields_of_architectures(struct field_list *list,
				     const struct source *a,
				     const struct architecture *parsed_a,
				     const struct source *b,
				     const struct architecture *parsed_b,
				     struct error *err)
{
	const struct field_side x = { .text = a->architecture,
				      .len = a->architecture_len };
	const struct field_side y = { .text = b->architecture,
				      .len = b->architecture_len };

	if (parsed_a->text && parsed_b->text &&
	    !compare_keywords(list, parsed_a, parsed_b, err))
		return false;
	return list->count > 0 || add_texts(list, "text", 4, &x, &y, err);
}
