/* s3_stopgap.c - until profile.c and credentials.c are there */
#include <stdlib.h>
#include <string.h>

#include "remote/credentials.h"
#include "remote/profile.h"

__attribute__((weak))
bool profile_region(const char **region, struct error *err)
{
	(void)err;
	*region = getenv("AWS_REGION");
	if (!*region || !**region)
		*region = "us-east-1";
	return true;
}

__attribute__((weak))
bool profile_endpoint(const char **url, struct error *err)
{
	(void)err;
	*url = getenv("AWS_ENDPOINT_URL");
	return true;
}

__attribute__((weak))
bool credentials_get(struct credentials *c, struct error *err)
{
	const char *access = getenv("AWS_ACCESS_KEY_ID");
	const char *secret = getenv("AWS_SECRET_ACCESS_KEY");
	const char *token = getenv("AWS_SESSION_TOKEN");

	*c = (struct credentials){ 0 };
	if (!access || !secret)
		return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				 "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
				 "are not set");
	c->access_key = strdup(access);
	c->secret_key = strdup(secret);
	c->token = token ? strdup(token) : NULL;
	return c->access_key && c->secret_key;
}

__attribute__((weak))
void credentials_forget(void)
{
}

__attribute__((weak))
void credentials_free(struct credentials *c)
{
	free(c->access_key);
	free(c->secret_key);
	free(c->token);
	*c = (struct credentials){ 0 };
}
