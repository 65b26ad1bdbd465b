/*
 * profile.h - region, endpoint and keys as the AWS tools' settings have them
 *
 * Shared files: AWS_CONFIG_FILE (~/.aws/config) and
 * AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials), of the profile that
 * AWS_PROFILE names, else "default".  Read once; a profile that was named and
 * is in neither file is an error, files that are not there are none.  Text of
 * the files is hostile.  Any thread may call these.
 */
#ifndef REMOTE_PROFILE_H
#define REMOTE_PROFILE_H

#include <stdbool.h>

#include "base/error.h"

/*
 * The value of a key ("region", "aws_access_key_id", ...) in the profile, or
 * NULL.  Lives until profile_end().  The credentials file counts before the
 * other.
 */
bool profile_get(const char *key, const char **value, struct error *err);

/* Environment, profile, "us-east-1". */
bool profile_region(const char **region, struct error *err);

/* Environment, profile, or NULL for that of AWS. */
bool profile_endpoint(const char **url, struct error *err);

void profile_end(void);

#endif
