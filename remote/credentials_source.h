/*
 * credentials_source.h - the places that credentials come from
 *
 * Each function that looks somewhere gives true with found->keys.access_key
 * NULL if there are none in its place, and an error if there are some, but
 * broken, or if they cannot be had.  Called by credentials.c, one at a time.
 * What servers, files and the environment say is hostile.
 */
#ifndef REMOTE_CREDENTIALS_SOURCE_H
#define REMOTE_CREDENTIALS_SOURCE_H

#include <stdbool.h>
#include <time.h>

#include "base/error.h"
#include "remote/credentials.h"
#include "remote/http.h"

/* Zeroed is none; owned, and freed by credentials_free(&found->keys). */
struct credentials_found {
	struct credentials keys;
	time_t expires;		/* 0: never */
	struct error why;	/* that there are none, if there is a reason */
};

bool credentials_in_environment(struct credentials_found *found,
				struct error *err);

/* AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN. */
bool credentials_by_web_identity(struct credentials_found *found,
				 struct error *err);

/* Keys, or a role for a web identity, in the files of the AWS tools. */
bool credentials_in_profile(struct credentials_found *found,
			    struct error *err);

bool credentials_of_container(struct credentials_found *found,
			      struct error *err);

bool credentials_of_instance(struct credentials_found *found,
			     struct error *err);

/* ---- what they have in common ---- */

#define CREDENTIALS_TOKEN_MOST (64 << 10)	/* bytes of a file */

/* For AssumeRoleWithWebIdentity; the session may be NULL. */
struct credentials_role {
	const char *arn, *token_file, *session;
};

bool credentials_assume_role(struct credentials_found *found,
			     const struct credentials_role *role,
			     struct error *err);

/* What a place says, borrowed. */
struct credentials_texts {
	const char *access_key, *secret_key;
	const char *token;	/* NULL: none */
	const char *expiration;	/* NULL: never */
};

/*
 * Keep copies.  They must be printable, as they become part of headers.
 * 'place' is for messages: "the environment".
 */
bool credentials_keep(struct credentials_found *found,
		      const struct credentials_texts *texts,
		      const char *place, struct error *err);

/* The same for the JSON that containers and instances answer with. */
bool credentials_keep_json(struct credentials_found *found, const char *text,
			   size_t len, struct error *err);

/*
 * Perform one request, whose context is NULL or the one header that goes with
 * it, "Name: value".  Free it by credentials_wipe() in any case.
 */
bool credentials_ask(struct http_request *request, struct error *err);
void credentials_wipe(struct http_request *request);

#endif
