/*
 * credentials.h - who this program is to AWS, found as the AWS tools find it
 *
 * In this order: environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
 * AWS_SESSION_TOKEN), web identity (AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN),
 * the shared files' profile (profile.h), the container's endpoint
 * (AWS_CONTAINER_CREDENTIALS_*), instance metadata (IMDSv2).  The first that
 * has something is taken; one that is there but broken is an error, not a
 * reason to look on.
 *
 * They are looked up once and kept; those that expire are looked up again some
 * minutes before, and used on until they do if that fails.  A look-up that
 * failed is not repeated for half a minute: its error is.  Never printed:
 * errors tell the source, not the keys.  Any thread may call
 * credentials_get(), also while http_perform() calls it; a thread may have to
 * wait for the look-up of another.
 */
#ifndef REMOTE_CREDENTIALS_H
#define REMOTE_CREDENTIALS_H

#include <stdbool.h>

#include "base/error.h"

struct credentials {
	char *access_key, *secret_key;	/* owned */
	char *token;		/* owned; NULL: none */
};

/* A copy of the ones to use now.  On failure *c is empty. */
bool credentials_get(struct credentials *c, struct error *err);

/*
 * Those that are kept were refused: look them up again next time.  Also wipes
 * them, for the end of a program.
 */
void credentials_forget(void);

/* Wipes them.  Zeroed is none. */
void credentials_free(struct credentials *c);

#endif
