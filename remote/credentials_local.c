/* credentials_local.c - credentials of the environment, and of a profile */
#include "remote/credentials_source.h"

#include <stddef.h>

#include "remote/profile.h"

static bool fault_half(const char *there, const char *missing,
		       const char *place, struct error *err)
{
	return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
			 "%s is in %s, but %s is not", there, place, missing);
}

/* The names of a pair of keys: there must be both, or none. */
struct names {
	const char *access_key, *secret_key, *place;
};

static bool keep_pair(struct credentials_found *found,
		      const struct credentials_texts *texts,
		      const struct names *n, struct error *err)
{
	if (!texts->access_key && !texts->secret_key)
		return true;
	if (!texts->secret_key)
		return fault_half(n->access_key, n->secret_key, n->place,
				  err);
	if (!texts->access_key)
		return fault_half(n->secret_key, n->access_key, n->place,
				  err);
	return credentials_keep(found, texts, n->place, err);
}

bool credentials_in_environment(struct credentials_found *found,
				struct error *err)
{
	static const struct names names = {
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
		"the environment"
	};
	const struct credentials_texts texts = {
		profile_variable(names.access_key),
		profile_variable(names.secret_key),
		profile_variable("AWS_SESSION_TOKEN"), NULL
	};

	return keep_pair(found, &texts, &names, err);
}

/* ---- the profile ---- */

/* The first key of the list that the profile has, or NULL. */
static bool find_first(const char *const *keys, const char **key,
		       struct error *err)
{
	const char *value;

	for (*key = NULL; *keys && !*key; keys++) {
		if (!profile_get(*keys, &value, err))
			return false;
		if (value)
			*key = *keys;
	}
	return true;
}

/* Is it in a way that only the AWS tools know? */
static bool check_none_of(const char *const *keys, struct error *err)
{
	const char *key;

	if (!find_first(keys, &key, err))
		return false;
	return !key ||
	       error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
			 "the profile \"%.60s\" has credentials by %s, which "
			 "is not supported; put them into the environment "
			 "first: eval \"$(aws configure export-credentials "
			 "--profile %.60s --format env)\"", profile_name(),
			 key, profile_name());
}

static bool assume_role(struct credentials_found *found, const char *arn,
			struct error *err)
{
	static const char *const others[] = {
		"source_profile", "credential_source", NULL
	};
	struct credentials_role role = { .arn = arn };

	if (!profile_get("web_identity_token_file", &role.token_file, err) ||
	    !profile_get("role_session_name", &role.session, err))
		return false;
	return role.token_file ? credentials_assume_role(found, &role, err)
			       : check_none_of(others, err);
}

static bool keep_keys(struct credentials_found *found, struct error *err)
{
	static const struct names names = {
		"aws_access_key_id", "aws_secret_access_key", "the profile"
	};
	struct credentials_texts texts = { 0 };

	return profile_get(names.access_key, &texts.access_key, err) &&
	       profile_get(names.secret_key, &texts.secret_key, err) &&
	       profile_get("aws_session_token", &texts.token, err) &&
	       keep_pair(found, &texts, &names, err);
}

bool credentials_in_profile(struct credentials_found *found,
			    struct error *err)
{
	static const char *const others[] = {
		"sso_session", "sso_start_url", "login_session",
		"credential_process", NULL
	};
	const char *arn;

	if (!profile_get("role_arn", &arn, err) ||
	    (arn && !assume_role(found, arn, err)))
		return false;
	if (!found->keys.access_key && !keep_keys(found, err))
		return false;
	return found->keys.access_key || check_none_of(others, err);
}
