/*
 * profile.h - region, endpoint and keys as the AWS tools' settings have them
 *
 * Shared files: AWS_CONFIG_FILE (~/.aws/config) and
 * AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials), of the profile that
 * AWS_PROFILE names, else "default".  Read once, when they are first needed; a
 * profile that was named and is in neither file is an error, files that are
 * not there are none.  The environment and the text of the files are hostile.
 * Any thread may call these, but for profile_end().  What they give lives
 * until then, and the environment must not change.
 */
#ifndef REMOTE_PROFILE_H
#define REMOTE_PROFILE_H

#include <stdbool.h>

#include "base/error.h"

/* A variable of the environment, or NULL; an empty one is none. */
const char *profile_variable(const char *name);

/* The name of the profile. */
const char *profile_name(void);

/*
 * The value of a key ("region", "aws_access_key_id", ...) in the profile, or
 * NULL; one without a value is none.  The credentials file counts before the
 * other, and keys that make up one set, "aws_...", come from one file.
 */
bool profile_get(const char *key, const char **value, struct error *err);

/* Environment, profile, "us-east-1": letters, digits and '-'. */
bool profile_region(const char **region, struct error *err);

/* In which the hosts of a region have their names. */
const char *profile_domain(const char *region);

/* Environment, profile, or NULL for that of AWS; checked as below. */
bool profile_endpoint(const char **url, struct error *err);
bool profile_sts_endpoint(const char **url, struct error *err);

/*
 * Refuse what is no URL with http:// or https:// in printable ASCII, or one
 * that names a user.  'where' it was found is for the message, which does not
 * show the URL.
 */
bool profile_check_url(const char *url, const char *where, struct error *err);

/* Forget and wipe what was read. */
void profile_end(void);

#endif
