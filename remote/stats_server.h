/*
 * stats_server.h - what the stats server knows of a policy
 *
 * It is asked over HTTP with JSON, below the URL that the user gives:
 *
 *	GET URL/stats/policies/versions/ID
 *	GET URL/stats/policy-versions?name_exact=NAME&limit=1000[&version=N]
 *
 * The first answers with one version of a policy, the second with an object
 * whose "entries" are versions; the highest is taken.  A version has
 *
 *	id (a UUID), name, version, s3_path or checkpoint_uri
 *
 * and what else it has is not looked at.  The routes are those that this
 * program asks for: no description of the server's own was at hand.
 *
 * METTA_STATS_TOKEN of the environment, if it is set, goes along as
 * X-Auth-Token: over https, or to this machine, and to nobody else.  It is
 * never printed.
 *
 * The server's answers are hostile: bounded, parsed strictly, and held against
 * what was asked.  Not for several threads at once.
 */
#ifndef REMOTE_STATS_SERVER_H
#define REMOTE_STATS_SERVER_H

#include <stdbool.h>

#include "base/error.h"
#include "remote/uri.h"

/*
 * Once in a program, after http_begin().  url is borrowed; NULL: no server is
 * known.  ERROR_USAGE for what is no URL of one, or none for a token.  Nothing
 * is asked yet.
 */
bool stats_server_begin(const char *url, struct error *err);

/* Was one named? */
bool stats_server_is_known(void);

/*
 * Where the bundle of a policy (URI_POLICY) is: a URI, as the server spells it,
 * malloc'ed.  Without a version it is that of the highest.
 */
bool stats_server_find(char **uri, const struct uri *policy,
		       struct error *err);

#endif
