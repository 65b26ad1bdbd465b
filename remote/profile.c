/* profile.c - settings of the AWS tools: environment, and two files */
#include "remote/profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "remote/local_path.h"
#include "remote/profile_file.h"
#include "remote/text_file.h"

enum {
	FILE_MOST = 1 << 20,	/* bytes */
	REGION_MOST = 64
};

/* In the order in which they count. */
static const struct {
	const char *variable, *path;
	bool is_config;
} places[] = {
	{ "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", false },
	{ "AWS_CONFIG_FILE", "~/.aws/config", true },
};

enum { PLACES = sizeof(places) / sizeof(*places) };

/* Changes within the critical section 'profile' only. */
static struct {
	bool loaded;
	struct text_file texts[PLACES];
	struct profile_file files[PLACES];
} profile;

const char *profile_variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

const char *profile_name(void)
{
	const char *name = profile_variable("AWS_PROFILE");

	return name ? name : "default";
}

/* ---- reading the files ---- */

/* *path stays NULL if there is no such place. */
static bool find_path(char **path, size_t place, struct error *err)
{
	const char *given = profile_variable(places[place].variable);
	struct error fault = { 0 };

	if (local_path_expand(path, given ? given : places[place].path,
			      &fault))
		return true;
	/* Users without a home are common in containers. */
	if (!given && fault.kind == ERROR_USAGE)
		return true;
	*err = fault;
	return false;
}

/* The AWS tools, too, pass over what is no file, as /dev/null. */
static bool is_file(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0)
		return S_ISREG(st.st_mode);
	return errno != ENOENT && errno != ENOTDIR;
}

static bool load_file(size_t place, struct error *err)
{
	char *path = NULL;
	bool ok = find_path(&path, place, err);

	if (ok && path && is_file(path))
		ok = text_file_read(&profile.texts[place], path, FILE_MOST,
				    err) &&
		     (profile_file_parse(&profile.files[place],
					 profile.texts[place].text,
					 profile_name(),
					 places[place].is_config, err) ||
		      error_in(err, path, NULL));
	free(path);
	return ok;
}

static void forget(void)
{
	for (size_t i = 0; i < PLACES; i++) {
		profile_file_free(&profile.files[i]);
		text_file_free(&profile.texts[i]);
	}
	profile.loaded = false;
}

static bool load(struct error *err)
{
	bool ok = true, found = !profile_variable("AWS_PROFILE");

	for (size_t i = 0; ok && i < PLACES; i++) {
		ok = load_file(i, err);
		found |= profile.files[i].found;
	}
	if (ok && !found)
		ok = error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
			       "the profile \"%.100s\", which AWS_PROFILE "
			       "names, is in none of the files of the AWS "
			       "tools, ~/.aws/config and ~/.aws/credentials or "
			       "those that AWS_CONFIG_FILE and "
			       "AWS_SHARED_CREDENTIALS_FILE name",
			       profile_name());
	if (!ok)
		forget();
	profile.loaded = ok;
	return ok;
}

/* ---- values ---- */

static const char *find(const char *key)
{
	static const char set[] = "aws_", first[] = "aws_access_key_id";
	const char *value = NULL;

	for (size_t i = 0; !value && i < PLACES; i++) {
		value = profile_file_find(&profile.files[i], key);
		if (strncmp(key, set, sizeof(set) - 1) == 0 &&
		    profile_file_find(&profile.files[i], first))
			break;
	}
	return value && *value ? value : NULL;
}

bool profile_get(const char *key, const char **value, struct error *err)
{
	bool ok;

#pragma omp critical(profile)
	ok = profile.loaded || load(err);
	*value = ok ? find(key) : NULL;
	return ok;
}

void profile_end(void)
{
	forget();
}

static bool check_region(const char *region, struct error *err)
{
	static const char characters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789-";
	size_t len = strspn(region, characters);

	return (region[len] == '\0' && len <= REGION_MOST) ||
	       error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
			 "the region is \"%.80s\"; regions have names as "
			 "us-east-1", region);
}

bool profile_region(const char **region, struct error *err)
{
	*region = profile_variable("AWS_REGION");
	if (!*region)
		*region = profile_variable("AWS_DEFAULT_REGION");
	if (!*region && !profile_get("region", region, err))
		return false;
	if (!*region)
		*region = "us-east-1";
	return check_region(*region, err);
}

const char *profile_domain(const char *region)
{
	return strncmp(region, "cn-", 3) == 0 ? "amazonaws.com.cn"
					      : "amazonaws.com";
}

bool profile_check_url(const char *url, const char *where, struct error *err)
{
	bool ok = strncmp(url, "http://", 7) == 0 ||
		  strncmp(url, "https://", 8) == 0;

	for (const char *c = url; ok && *c; c++)
		ok = *c > 0x20 && *c < 0x7f && *c != '@';
	return ok || error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
			       "%s is no URL that begins with http:// or "
			       "https:// and names no user", where);
}

/*
 * The endpoints of a section [services ...] are not read: rather than to go to
 * AWS with what is meant for another server, say so.
 */
static bool find_endpoint(const char **url, struct error *err)
{
	const char *services;

	if (!profile_get("endpoint_url", url, err) ||
	    !profile_get("services", &services, err))
		return false;
	if (services)
		return error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
				 "the profile \"%.60s\" has its endpoints in a "
				 "section of services, which is not read; set "
				 "AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL",
				 profile_name());
	return !*url ||
	       profile_check_url(*url, "endpoint_url in the profile", err);
}

static bool endpoint(const char **url, const char *variable,
		     struct error *err)
{
	const char *const variables[] = { variable, "AWS_ENDPOINT_URL" };

	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
		*url = profile_variable(variables[i]);
		if (*url)
			return profile_check_url(*url, variables[i], err);
	}
	return find_endpoint(url, err);
}

bool profile_endpoint(const char **url, struct error *err)
{
	return endpoint(url, "AWS_ENDPOINT_URL_S3", err);
}

bool profile_sts_endpoint(const char **url, struct error *err)
{
	return endpoint(url, "AWS_ENDPOINT_URL_STS", err);
}
