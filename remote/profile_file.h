/*
 * profile_file.h - the keys of one profile in a file of the AWS tools
 *
 *	# comment, or ; comment
 *	[default]			in both files
 *	[profile NAME]			in the config file
 *	[NAME]				in the credentials file
 *	key = value
 *	s3 =				a value that goes on in lines that are
 *	    key = value			indented more: passed over
 *
 * Read as botocore reads it: '#' and ';' behind a value belong to it, keys are
 * in lower case, ':' does for '='.  Text is hostile; faults tell the line, and
 * nothing of what it holds, which may be a secret.  Safe from any thread.
 */
#ifndef REMOTE_PROFILE_FILE_H
#define REMOTE_PROFILE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct profile_pair {
	const char *key, *value;	/* borrowed from the text */
};

struct profile_file {
	struct profile_pair *pairs;	/* owned */
	size_t count, capacity;
	bool found;		/* the profile is in the file */
};

/*
 * Take a text apart, which is changed, and borrowed by *f.  Each line of it is
 * checked, but of the pairs only those of the profile are kept.
 */
bool profile_file_parse(struct profile_file *f, char *text,
			const char *profile, bool is_config,
			struct error *err);

/* The value of a key, or NULL. */
const char *profile_file_find(const struct profile_file *f, const char *key);

void profile_file_free(struct profile_file *f);

#endif
