/* http.c - what there is of requests without a transport */
#include "remote/http.h"

#include <string.h>
#include <strings.h>

const char *http_header(const struct http_request *request, const char *name)
{
	const char *line = request->headers.data;
	const char *end = line ? line + request->headers.len : NULL;
	size_t len = strlen(name);

	for (; line < end; line += strlen(line) + 1) {
		const char *value = line + len + 1;

		if (strncasecmp(line, name, len) != 0 || line[len] != ':')
			continue;
		while (*value == ' ' || *value == '\t')
			value++;
		return value;
	}
	return NULL;
}

bool http_is_success(const struct http_request *request)
{
	return request->status >= 200 && request->status < 300;
}

void http_free(struct http_request *request)
{
	buffer_free(&request->text);
	buffer_free(&request->headers);
}
