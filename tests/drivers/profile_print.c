/*
 * profile_print.c - what the settings of the AWS tools say
 *
 * Arguments are "@region", "@endpoint", "@sts_endpoint", or keys of the
 * profile.
 * stdout: a JSON array with the value of each, null where there is none; or
 * "err REASON".
 */
#include <stdlib.h>
#include <string.h>

#include "formats/json.h"
#include "remote/profile.h"

static bool find(const char *key, const char **value, struct error *err)
{
	if (strcmp(key, "@region") == 0)
		return profile_region(value, err);
	if (strcmp(key, "@endpoint") == 0)
		return profile_endpoint(value, err);
	if (strcmp(key, "@sts_endpoint") == 0)
		return profile_sts_endpoint(value, err);
	return profile_get(key, value, err);
}

int main(int argc, char **argv)
{
	struct buffer out = { 0 };
	struct error err = { 0 };
	struct json_writer w = { .out = &out, .err = &err };
	char line[4096];
	bool ok = true;

	json_open(&w, NULL, '[');
	for (int i = 1; ok && i < argc; i++) {
		const char *value;

		ok = find(argv[i], &value, &err);
		if (ok && value)
			json_put_string(&w, NULL, value);
		else
			json_put_null(&w, NULL);
	}
	json_close(&w, ']');
	error_format(&err, line, sizeof(line));
	if (ok)
		printf("%.*s\n", (int)out.len, out.data);
	else
		printf("err %s\n", line);
	buffer_free(&out);
	profile_end();
	return EXIT_SUCCESS;
}
