/* network.c - set up what talks to others */
#include "remote/network.h"

#include <stdlib.h>

#include "remote/credentials.h"
#include "remote/http.h"
#include "remote/profile.h"
#include "remote/s3.h"

enum { ATTEMPTS = 5, ATTEMPTS_LIMIT = 100 };

/* As the AWS tools have it. */
static bool read_attempts(unsigned *attempts, struct error *err)
{
	const char *text = getenv("AWS_MAX_ATTEMPTS");
	char *end;
	unsigned long value;

	*attempts = ATTEMPTS;
	if (!text || !*text)
		return true;
	value = strtoul(text, &end, 10);
	if (*end || *text < '0' || *text > '9' || value < 1 ||
	    value > ATTEMPTS_LIMIT)
		return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				 "AWS_MAX_ATTEMPTS is \"%.40s\", which is no "
				 "number from 1 to %d", text, ATTEMPTS_LIMIT);
	*attempts = (unsigned)value;
	return true;
}

bool network_begin(const struct network_options *options, struct error *err)
{
	const struct s3_options s3 = { options->endpoint_url };
	struct http_options http = { .timeout_s = options->timeout_s };

	if (!read_attempts(&http.attempts_most, err))
		return false;
	http_begin(&http);
	return s3_begin(&s3, err);
}

void network_end(void)
{
	s3_end();
	credentials_forget();
	profile_end();
	http_end();
}
