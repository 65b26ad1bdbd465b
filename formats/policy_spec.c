/* policy_spec.c - parse and print policy_spec.json */
#include "formats/policy_spec.h"

#include <string.h>

#include "formats/bundle.h"

/* A string field that may be null or absent: then *value is NULL. */
static bool optional_string(const struct json_value *object, const char *key,
			    const char **value, struct error *err)
{
	const struct json_value *v = json_find(object, key);

	*value = NULL;
	if (!v || json_type(v) == JSON_NULL)
		return true;
	return json_to_string(v, key, value, err);
}

/* The string of a keyword argument, or NULL if it is none. */
static const char *string_or_null(const struct json_value *object,
				  const char *key)
{
	struct error ignored = { 0 };
	const char *text = NULL;

	json_get_string(object, key, &text, &ignored);
	return text;
}

static bool parse_kwargs(struct policy_spec *spec,
			 const struct json_value *root, struct error *err)
{
	const struct json_value *kwargs = json_find(root, "init_kwargs");

	if (!kwargs)
		return true;
	if (!json_to_object(kwargs, "init_kwargs", err))
		return false;
	spec->init_kwargs = kwargs;
	spec->architecture_spec = string_or_null(kwargs, "architecture_spec");
	spec->device = string_or_null(kwargs, "device");
	spec->checkpoint_uri = string_or_null(kwargs, "checkpoint_uri");
	return true;
}

static void count_unknown(struct policy_spec *spec,
			  const struct json_value *root)
{
	static const char *const known[] = {
		"class_path", "data_path", "init_kwargs", "setup_script"
	};
	const struct json_value *v = json_first(root);

	for (; v; v = json_next(v)) {
		size_t i = 0;

		while (i < 4 && strcmp(known[i], json_key(v)) != 0)
			i++;
		if (i < 4)
			continue;
		if (spec->unknown_count++ == 0)
			spec->unknown = json_key(v);
	}
}

static bool parse_fields(struct policy_spec *spec, struct error *err)
{
	const struct json_value *root = spec->document.root;

	if (json_type(root) != JSON_OBJECT)
		return error_set(err, ERROR_CORRUPT, 0,
				 "the document must be an object, and is %s",
				 json_type_name(root));
	if (!json_get_string(root, "class_path", &spec->class_path, err) ||
	    !optional_string(root, "data_path", &spec->data_path, err) ||
	    !optional_string(root, "setup_script", &spec->setup_script, err) ||
	    !parse_kwargs(spec, root, err))
		return false;
	count_unknown(spec, root);
	return true;
}

bool policy_spec_parse(struct policy_spec *spec, const char *text, size_t len,
		       struct error *err)
{
	*spec = (struct policy_spec){ 0 };
	if (len > POLICY_SPEC_LIMIT)
		return error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
				 "%zu bytes, over the limit of %u", len,
				 POLICY_SPEC_LIMIT);
	if (!json_parse(&spec->document, text, len, err))
		return false;
	if (parse_fields(spec, err))
		return true;
	policy_spec_free(spec);
	return false;
}

void policy_spec_free(struct policy_spec *spec)
{
	json_free(&spec->document);
	*spec = (struct policy_spec){ 0 };
}

static bool append(struct buffer *out, const char *text, struct error *err)
{
	return buffer_append(out, text, strlen(text), err);
}

bool policy_spec_print_class(struct buffer *out, const char *class_path,
			     const char *init_kwargs, size_t len,
			     struct error *err)
{
	return append(out, "{\"class_path\":", err) &&
	       json_append_string(out, class_path, strlen(class_path), err) &&
	       append(out, ",\"data_path\":\"" BUNDLE_WEIGHTS
		      "\",\"init_kwargs\":", err) &&
	       buffer_append(out, init_kwargs, len, err) &&
	       append(out, ",\"setup_script\":null}", err);
}

bool policy_spec_print(struct buffer *out, const char *architecture,
		       size_t len, struct error *err)
{
	struct buffer kwargs = { 0 };
	bool ok = append(&kwargs, "{\"architecture_spec\":", err) &&
		  json_append_string(&kwargs, architecture, len, err) &&
		  append(&kwargs, ",\"device\":\"cpu\"}", err) &&
		  policy_spec_print_class(out, POLICY_SPEC_CHECKPOINT_CLASS,
					  kwargs.data, kwargs.len, err);

	buffer_free(&kwargs);
	return ok;
}
