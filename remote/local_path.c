/* local_path.c - homes and links resolved */
#define _DEFAULT_SOURCE	/* realpath() */
#include "remote/local_path.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

static bool copy(char **copied, const char *text, struct error *err)
{
	*copied = strdup(text);
	return *copied || error_set_memory(err, strlen(text) + 1);
}

static const char *own_home(void)
{
	const char *home = getenv("HOME");
	const struct passwd *user;

	if (home && *home)
		return home;
	user = getpwuid(getuid());
	return user ? user->pw_dir : NULL;
}

/* The home of the user whose name has these bytes; none: one's own. */
static const char *home_of(const char *name, size_t len, struct error *err)
{
	const struct passwd *user;
	char *copied = NULL;
	const char *home;

	if (len == 0) {
		home = own_home();
		if (!home)
			error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				  "\"~\": this user has no home");
		return home;
	}
	copied = memory_copy(name, len, err);
	if (!copied)
		return NULL;
	user = getpwnam(copied);
	home = user ? user->pw_dir : NULL;
	if (!home)
		error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
			  "there is no user \"%.100s\"; a path that begins "
			  "with \"~\" is written \"./~\"", copied);
	free(copied);
	return home;
}

bool local_path_expand(char **expanded, const char *path, struct error *err)
{
	size_t len = strcspn(path, "/");
	const char *home;

	*expanded = NULL;
	if (path[0] != '~')
		return copy(expanded, path, err);
	home = home_of(path + 1, len - 1, err);
	if (!home)
		return false;
	while (path[len] == '/')
		len++;
	if (path[len] == '\0')
		return copy(expanded, home, err);
	*expanded = file_join(home, path + len, err);
	return *expanded != NULL;
}

static bool fault(const char *path, struct error *err)
{
	error_set_errno(err, "cannot open");
	return error_in(err, path, NULL);
}

/* path is not there, and neither ends in a slash nor is "/". */
static bool absolute_of_missing(char **absolute, const char *path,
				struct error *err)
{
	const char *name = file_base_name(path);
	size_t len = (size_t)(name - path);
	char *parent = NULL, *real = NULL;
	bool ok = false;

	if (!copy(&parent, len > 0 ? path : ".", err))
		return false;
	if (len > 0)
		parent[len] = '\0';
	real = realpath(parent, NULL);
	if (!real) {
		fault(path, err);
		goto done;
	}
	*absolute = file_join(real, name, err);
	ok = *absolute != NULL;
done:
	free(real);
	free(parent);
	return ok;
}

bool local_path_absolute(char **absolute, const char *path, struct error *err)
{
	char *trimmed;
	size_t len;
	bool ok;

	*absolute = realpath(path, NULL);
	if (*absolute)
		return true;
	if (errno != ENOENT)
		return fault(path, err);
	if (!copy(&trimmed, path, err))
		return false;
	len = strlen(trimmed);
	while (len > 1 && trimmed[len - 1] == '/')
		trimmed[--len] = '\0';
	ok = absolute_of_missing(absolute, trimmed, err);
	free(trimmed);
	return ok;
}
