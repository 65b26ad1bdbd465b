/* policy.c - built-in policies, and runs in the training folder */
#include "remote/policy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "formats/bundle.h"
#include "remote/local_path.h"

static const struct {
	const char *name, *class_path;
} aliases[] = {
	{ "baseline", "cogames.policy.scripted_agent.baseline_agent."
		      "BaselinePolicy" },
	{ "ladybug", "cogames.policy.scripted_agent.unclipping_agent."
		     "UnclippingPolicy" },
	{ "thinky", "cogames.policy.nim_agents.agents."
		    "ThinkyAgentsMultiPolicy" },
	{ "racecar", "cogames.policy.nim_agents.agents."
		     "RaceCarAgentsMultiPolicy" },
	{ "race_car", "cogames.policy.nim_agents.agents."
		      "RaceCarAgentsMultiPolicy" },
	{ "starter", "cogames.policy.scripted_agent.starter_agent."
		     "StarterPolicy" },
};

const char *policy_alias(const char *name)
{
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strcmp(aliases[i].name, name) == 0)
			return aliases[i].class_path;
	return NULL;
}

const char *policy_class(const struct uri *u)
{
	const char *alias = u->has_version ? NULL : policy_alias(u->name);

	if (alias || u->has_version || u->latest)
		return alias;
	return strchr(u->name, '.') && bundle_is_dotted_name(u->name) ?
	       u->name : NULL;
}

static const char *default_data_dir(void)
{
	const char *dir = getenv("DATA_DIR");

	return dir && *dir ? dir : "./train_dir";
}

/* Is it there?  A name too long for the file system is not. */
static bool look(const char *path, bool *there, struct error *err)
{
	struct stat st;

	*there = stat(path, &st) == 0;
	if (*there || errno == ENOENT || errno == ENOTDIR ||
	    errno == ENAMETOOLONG)
		return true;
	error_set_errno(err, "cannot look at it");
	return error_in(err, path, NULL);
}

/* Replace *path by the first of its bundles of this version, or NULL. */
static bool find_version(char **path, const struct uri *u, struct error *err)
{
	static const char *const suffixes[] = { "", BUNDLE_ZIP_SUFFIX };
	char *folder = *path;
	bool ok = true, there = false;

	*path = NULL;
	for (size_t i = 0; ok && !there && i < 2; i++) {
		struct buffer name = { 0 };

		free(*path);
		*path = NULL;
		ok = buffer_print(&name, err, "%s:v%" PRIu64 "%s", u->name,
				  u->version, suffixes[i]) &&
		     buffer_terminate(&name, err) &&
		     (*path = file_join(folder, name.data, err)) &&
		     look(*path, &there, err);
		buffer_free(&name);
	}
	if (!there) {
		free(*path);
		*path = NULL;
	}
	free(folder);
	return ok;
}

bool policy_find_local(char **path, const struct uri *u, const char *data_dir,
		       struct error *err)
{
	char *root = NULL, *run = NULL;
	bool ok, there = false;

	*path = NULL;
	ok = local_path_expand(&root, data_dir ? data_dir : default_data_dir(),
			       err) &&
	     (run = file_join(root, u->name, err)) &&
	     (*path = file_join(run, "checkpoints", err)) &&
	     look(*path, &there, err);
	free(root);
	free(run);
	if (ok && there && u->has_version)
		return find_version(path, u, err);
	if (!there) {
		free(*path);
		*path = NULL;
	}
	return ok;
}
