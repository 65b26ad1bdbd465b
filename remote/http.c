/* http.c - what there is of requests without a transport */
#include "remote/http.h"

#include <arpa/inet.h>
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

const char *http_find_host(const char *url, size_t *len)
{
	const char *host = strstr(url, "://") + 3;
	const char *bracket = *host == '[' ? strchr(host, ']') : NULL;
	const char *from = bracket ? bracket : host;

	*len = (size_t)(from - host) + strcspn(from, ":/?#");
	return host;
}

static bool is(const char *host, size_t len, const char *name)
{
	return len == strlen(name) && memcmp(host, name, len) == 0;
}

bool http_is_loopback(const char *host, size_t len)
{
	char text[INET_ADDRSTRLEN] = "";
	struct in_addr address;

	if (is(host, len, "localhost") || is(host, len, "[::1]"))
		return true;
	if (len >= sizeof(text))
		return false;
	memcpy(text, host, len);
	return inet_pton(AF_INET, text, &address) == 1 &&
	       ntohl(address.s_addr) >> 24 == 127;
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
