/*
 * policy.h - what metta://policy/NAME means without asking anyone
 *
 * A policy that is built into the framework, the name of a class, or a run in
 * the folder where training writes: <data_dir>/<name>/checkpoints.
 */
#ifndef REMOTE_POLICY_H
#define REMOTE_POLICY_H

#include <stdbool.h>

#include "base/error.h"
#include "remote/uri.h"

/*
 * The class that this policy is, or NULL: one that the framework knows by a
 * short name, or the URI's own name if that is a class with its modules.
 * Borrows u.
 */
const char *policy_class(const struct uri *u);

/* The class that the framework knows by a short name, or NULL. */
const char *policy_alias(const char *name);

/*
 * Where training has left it.  *path is malloc'ed: the folder of checkpoints,
 * or the bundle of u->version; NULL if there is none.  data_dir NULL is what
 * the framework takes: DATA_DIR of the environment, or else train_dir.
 */
bool policy_find_local(char **path, const struct uri *u, const char *data_dir,
		       struct error *err);

#endif
