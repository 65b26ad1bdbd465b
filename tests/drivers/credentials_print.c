/*
 * credentials_print.c - who the environment says this is to AWS
 *
 * Arguments, one after the other: "get" prints the credentials; "together"
 * does it in several threads at once; "forget" calls credentials_forget();
 * "later=N" lets the clock go N seconds forward.
 * stdout: for each time they are asked for, a line, "ok", the access key, and
 * the SHA-256 of the secret key and of the token, "-" if there is none; or
 * "err MESSAGE".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/digest.h"
#include "remote/credentials.h"
#include "remote/http.h"
#include "remote/profile.h"

enum { TIMEOUT_S = 5, ATTEMPTS = 3, THREADS = 8 };

static time_t passed;

time_t __real_time(time_t *t);
time_t __wrap_time(time_t *t);

time_t __wrap_time(time_t *t)
{
	time_t now = __real_time(NULL) + passed;

	if (t)
		*t = now;
	return now;
}

static bool sum(const char *text, char hex[DIGEST_HEX_SIZE],
		struct error *err)
{
	hex[0] = '-';
	hex[1] = '\0';
	return !text || digest_of(text, strlen(text), hex, err);
}

static void print_credentials(void)
{
	struct credentials c;
	struct error err = { 0 };
	char secret[DIGEST_HEX_SIZE], token[DIGEST_HEX_SIZE];
	char line[4096];

	if (credentials_get(&c, &err) && sum(c.secret_key, secret, &err) &&
	    sum(c.token, token, &err))
		snprintf(line, sizeof(line), "ok %s %s %s", c.access_key,
			 secret, token);
	else
		memcpy(line, "err ", 5);
	if (err.kind != ERROR_NONE)
		error_format(&err, line + 4, sizeof(line) - 4);
	credentials_free(&c);
#pragma omp critical(print)
	puts(line);
}

static bool obey(const char *word)
{
	if (strcmp(word, "get") == 0) {
		print_credentials();
	} else if (strcmp(word, "together") == 0) {
#pragma omp parallel for num_threads(THREADS) schedule(static, 1)
		for (int i = 0; i < THREADS; i++)
			print_credentials();
	} else if (strcmp(word, "forget") == 0) {
		credentials_forget();
	} else if (strncmp(word, "later=", 6) == 0) {
		passed += strtol(word + 6, NULL, 10);
	} else {
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	const struct http_options options = { TIMEOUT_S, ATTEMPTS };
	bool ok = true;

	http_begin(&options);
	for (int i = 1; ok && i < argc; i++)
		ok = obey(argv[i]);
	credentials_forget();
	profile_end();
	http_end();
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
