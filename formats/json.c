/* json.c - a tree of JSON values; the only file that knows cJSON */
#include "formats/json.h"

#include <cjson/cJSON.h>

#include "formats/json_scan.h"

static const char *const type_names[] = {
	[JSON_NULL] = "null",
	[JSON_BOOL] = "a boolean",
	[JSON_NUMBER] = "a number",
	[JSON_STRING] = "a string",
	[JSON_ARRAY] = "an array",
	[JSON_OBJECT] = "an object",
};

static const cJSON *node(const struct json_value *v)
{
	return (const cJSON *)v;
}

static const struct json_value *value(const cJSON *item)
{
	return (const struct json_value *)item;
}

bool json_parse(struct json_document *doc, const char *text, size_t len,
		struct error *err)
{
	cJSON *root;

	*doc = (struct json_document){ 0 };
	if (!json_scan(text, len, err))
		return false;
	root = cJSON_ParseWithLength(text, len);
	/* What the scan lets through cJSON can parse, given memory. */
	if (!root)
		return error_set_memory(err, len);
	doc->root = value(root);
	return true;
}

void json_free(struct json_document *doc)
{
	cJSON_Delete((cJSON *)doc->root);
	*doc = (struct json_document){ 0 };
}

enum json_type json_type(const struct json_value *v)
{
	const cJSON *item = node(v);

	if (cJSON_IsBool(item))
		return JSON_BOOL;
	if (cJSON_IsNumber(item))
		return JSON_NUMBER;
	if (cJSON_IsString(item))
		return JSON_STRING;
	if (cJSON_IsArray(item))
		return JSON_ARRAY;
	return cJSON_IsObject(item) ? JSON_OBJECT : JSON_NULL;
}

const char *json_type_name(const struct json_value *v)
{
	return type_names[json_type(v)];
}

const struct json_value *json_first(const struct json_value *container)
{
	return value(node(container)->child);
}

const struct json_value *json_next(const struct json_value *v)
{
	return value(node(v)->next);
}

const char *json_key(const struct json_value *v)
{
	return node(v)->string;
}

const struct json_value *json_find(const struct json_value *object,
				   const char *key)
{
	return value(cJSON_GetObjectItemCaseSensitive(node(object), key));
}

static bool check_type(const struct json_value *v, const char *what,
		       enum json_type type, struct error *err)
{
	if (!v)
		return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				 "\"%s\" is missing", what);
	if (json_type(v) != type)
		return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				 "\"%s\" must be %s, and is %s", what,
				 type_names[type], json_type_name(v));
	return true;
}

bool json_to_string(const struct json_value *v, const char *what,
		    const char **value_out, struct error *err)
{
	if (!check_type(v, what, JSON_STRING, err))
		return false;
	*value_out = node(v)->valuestring;
	return true;
}

bool json_to_u64(const struct json_value *v, const char *what,
		 uint64_t *value_out, struct error *err)
{
	double number;

	if (!check_type(v, what, JSON_NUMBER, err))
		return false;
	number = node(v)->valuedouble;
	if (!(number >= 0 && number < (double)JSON_INTEGER_LIMIT) ||
	    number != (double)(uint64_t)number)
		return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				 "\"%s\" is %.17g, and must be a whole number "
				 "from 0 to 2^53-1", what, number);
	*value_out = (uint64_t)number;
	return true;
}

bool json_to_real(const struct json_value *v, const char *what,
		  double *value_out, struct error *err)
{
	if (!check_type(v, what, JSON_NUMBER, err))
		return false;
	*value_out = node(v)->valuedouble;
	return true;
}

bool json_to_bool(const struct json_value *v, const char *what,
		  bool *value_out, struct error *err)
{
	if (!check_type(v, what, JSON_BOOL, err))
		return false;
	*value_out = cJSON_IsTrue(node(v));
	return true;
}

bool json_to_array(const struct json_value *v, const char *what,
		   struct error *err)
{
	return check_type(v, what, JSON_ARRAY, err);
}

bool json_to_object(const struct json_value *v, const char *what,
		    struct error *err)
{
	return check_type(v, what, JSON_OBJECT, err);
}

bool json_get_string(const struct json_value *object, const char *key,
		     const char **value_out, struct error *err)
{
	return json_to_string(json_find(object, key), key, value_out, err);
}

bool json_get_u64(const struct json_value *object, const char *key,
		  uint64_t *value_out, struct error *err)
{
	return json_to_u64(json_find(object, key), key, value_out, err);
}

bool json_get_bool(const struct json_value *object, const char *key,
		   bool *value_out, struct error *err)
{
	return json_to_bool(json_find(object, key), key, value_out, err);
}

bool json_get_array(const struct json_value *object, const char *key,
		    const struct json_value **value_out, struct error *err)
{
	*value_out = json_find(object, key);
	return json_to_array(*value_out, key, err);
}

bool json_get_object(const struct json_value *object, const char *key,
		     const struct json_value **value_out, struct error *err)
{
	*value_out = json_find(object, key);
	return json_to_object(*value_out, key, err);
}

const char *json_version(void)
{
	return cJSON_Version();
}
