/* credentials.c - where credentials are looked for, and how long they last */
#include "remote/credentials.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "remote/credentials_source.h"
#include "remote/profile.h"

enum {
	BEFORE_S = 5 * 60,	/* they expire, others are looked for */
	PAUSE_S = 30		/* between look-ups, at least */
};

static bool (*const sources[])(struct credentials_found *found,
			       struct error *err) = {
	credentials_in_environment, credentials_by_web_identity,
	credentials_in_profile, credentials_of_container,
	credentials_of_instance,
};

/* Within the critical section 'credentials' only. */
static struct {
	bool known;		/* 'found' or 'fault' is the last outcome */
	time_t again;		/* when to look again; 0: never */
	struct credentials_found found;
	struct error fault;	/* a kind: then there are none */
} kept;

/* ---- copies ---- */

static void wipe(char **text)
{
	if (*text)
		OPENSSL_cleanse(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

void credentials_free(struct credentials *c)
{
	wipe(&c->access_key);
	wipe(&c->secret_key);
	wipe(&c->token);
}

static bool copy_text(char **copied, const char *text, struct error *err)
{
	if (!text)
		return true;
	*copied = strdup(text);
	return *copied || error_set_memory(err, strlen(text) + 1);
}

static bool copy(struct credentials *to, const struct credentials *from,
		 struct error *err)
{
	if (copy_text(&to->access_key, from->access_key, err) &&
	    copy_text(&to->secret_key, from->secret_key, err) &&
	    copy_text(&to->token, from->token, err))
		return true;
	credentials_free(to);
	return false;
}

/* ---- looking ---- */

static bool fault_none(const struct error *why, struct error *err)
{
	return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
			 "no credentials for AWS: none are in the environment "
			 "or the profile \"%.60s\", there is no web identity "
			 "and no container that has some, and instance "
			 "metadata give none (%.120s); set AWS_ACCESS_KEY_ID "
			 "and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
			 profile_name(), why->reason);
}

/* On failure *found may have parts. */
static bool look(struct credentials_found *found, struct error *err)
{
	for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
		if (!sources[i](found, err))
			return false;
		if (found->keys.access_key)
			return true;
	}
	return fault_none(&found->why, err);
}

static void keep_found(const struct credentials_found *found, time_t now)
{
	credentials_free(&kept.found.keys);
	kept.found = *found;
	kept.fault = (struct error){ 0 };
	kept.known = true;
	kept.again = 0;
	if (found->expires) {
		kept.again = found->expires - BEFORE_S;
		/* Else each request would ask for them. */
		if (kept.again < now + PAUSE_S)
			kept.again = now + PAUSE_S;
	}
}

static bool is_usable(time_t now)
{
	return kept.known && kept.fault.kind == ERROR_NONE &&
	       (kept.found.expires == 0 || now < kept.found.expires);
}

static void keep_fault(const struct error *fault, time_t now)
{
	if (!is_usable(now)) {
		credentials_free(&kept.found.keys);
		kept.fault = *fault;
		kept.known = fault->kind != ERROR_INTERRUPTED &&
			     fault->kind != ERROR_MEMORY;
	}
	kept.again = now + PAUSE_S;
}

static void look_again(time_t now)
{
	struct credentials_found found = { 0 };
	struct error fault = { 0 };

	if (look(&found, &fault)) {
		keep_found(&found, now);
		return;
	}
	credentials_free(&found.keys);
	keep_fault(&fault, now);
}

static bool is_due(time_t now)
{
	return !kept.known || (kept.again && now >= kept.again) ||
	       (kept.fault.kind == ERROR_NONE && !is_usable(now));
}

static bool get(struct credentials *c, struct error *err)
{
	time_t now = time(NULL);

	if (is_due(now))
		look_again(now);
	if (is_usable(now))
		return copy(c, &kept.found.keys, err);
	*err = kept.fault;
	return false;
}

bool credentials_get(struct credentials *c, struct error *err)
{
	bool ok;

	*c = (struct credentials){ 0 };
#pragma omp critical(credentials)
	ok = get(c, err);
	return ok;
}

void credentials_forget(void)
{
#pragma omp critical(credentials)
	{
		credentials_free(&kept.found.keys);
		kept.known = false;
	}
}
