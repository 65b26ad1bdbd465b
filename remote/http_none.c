/* http_none.c - in the place of http_curl.c where there is no libcurl */
#include "remote/http.h"

const char *http_version(void)
{
	return "none";
}

void http_begin(const struct http_options *options)
{
	(void)options;
}

void http_end(void)
{
}

bool http_perform(struct http_request *requests, size_t count,
		  struct error *err)
{
	(void)requests;
	(void)count;
	return error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
			 "this program was built without libcurl, and so has "
			 "no network");
}
