/* s3_address.c - URLs of objects, and the regions of buckets */
#include "remote/s3_address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote/percent.h"
#include "remote/profile.h"

#define ALPHANUMERIC "abcdefghijklmnopqrstuvwxyz0123456789"

/* A bucket that was found in another region than that of the settings. */
struct known {
	struct known *next;
	char region[S3_REGION_SIZE];
	char bucket[];
};

static struct {
	const char *endpoint_url;
	struct known *buckets;	/* within the critical section s3_regions */
} addresses;

/* ---- endpoints ---- */

struct endpoint {
	const char *scheme;	/* "http" or "https" */
	const char *host, *path;
	int host_len, path_len;
};

static bool fault(const char *url, const char *reason, struct error *err)
{
	return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
			 "the endpoint \"%.200s\": %s", url, reason);
}

static bool starts(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* A port that the scheme implies is not sent, so it is not signed. */
static int leave_out_port(const char *host, int len, const char *port)
{
	int n = (int)strlen(port);

	return len > n && memcmp(host + len - n, port, (size_t)n) == 0
		       ? len - n : len;
}

/* The URL passed profile_check_url(). */
static bool split_endpoint(struct endpoint *e, const char *url,
			   struct error *err)
{
	bool https = starts(url, "https://");

	if (url[strcspn(url, "?#\\")])
		return fault(url, "only a host, a port and a path may stand in "
			     "it", err);
	e->scheme = https ? "https" : "http";
	e->host = strstr(url, "://") + 3;
	e->host_len = (int)strcspn(e->host, "/");
	if (e->host_len == 0)
		return fault(url, "it has no host", err);
	e->path = e->host + e->host_len;
	e->path_len = (int)strlen(e->path);
	while (e->path_len > 0 && e->path[e->path_len - 1] == '/')
		e->path_len--;
	e->host_len = leave_out_port(e->host, e->host_len,
				     https ? ":443" : ":80");
	return true;
}

bool s3_address_begin(const char *endpoint_url, struct error *err)
{
	struct endpoint e;

	addresses.endpoint_url = endpoint_url;
	return !endpoint_url ||
	       (profile_check_url(endpoint_url, "--endpoint-url", err) &&
		split_endpoint(&e, endpoint_url, err));
}

/* ---- regions ---- */

bool s3_address_is_region(const char *region)
{
	size_t len = strlen(region);

	return len > 0 && len < S3_REGION_SIZE &&
	       strspn(region, ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_") ==
		       len;
}

/* Within s3_regions. */
static struct known *find_known(const char *bucket)
{
	struct known *k = addresses.buckets;

	while (k && strcmp(k->bucket, bucket) != 0)
		k = k->next;
	return k;
}

/* Within s3_regions. */
static struct known *add_known(const char *bucket, struct error *err)
{
	size_t size = strlen(bucket) + 1;
	struct known *k = memory_array(1, sizeof(*k) + size, err);

	if (!k)
		return NULL;
	memcpy(k->bucket, bucket, size);
	k->next = addresses.buckets;
	addresses.buckets = k;
	return k;
}

bool s3_address_learn(const char *bucket, const char *region,
		      struct error *err)
{
	struct known *k;

#pragma omp critical(s3_regions)
	{
		k = find_known(bucket);
		if (!k)
			k = add_known(bucket, err);
		if (k)
			memcpy(k->region, region, strlen(region) + 1);
	}
	return k != NULL;
}

void s3_address_end(void)
{
	while (addresses.buckets) {
		struct known *k = addresses.buckets;

		addresses.buckets = k->next;
		free(k);
	}
}

static bool find_region(struct s3_address *a, const char *bucket,
			struct error *err)
{
	const char *region;
	bool known;

#pragma omp critical(s3_regions)
	{
		const struct known *k = find_known(bucket);

		known = k != NULL;
		if (known)
			memcpy(a->region, k->region, sizeof(a->region));
	}
	if (known)
		return true;
	if (!profile_region(&region, err))
		return false;
	snprintf(a->region, sizeof(a->region), "%s", region);
	return true;
}

/* ---- addresses ---- */

/* May the bucket be part of a host's name, for which certificates hold? */
static bool fits_host(const char *bucket)
{
	return bucket[strspn(bucket, ALPHANUMERIC "-")] == '\0';
}

/* Host and the path before the bucket. */
static bool put_endpoint(struct s3_address *a, const char *url,
			 const char **scheme, struct error *err)
{
	struct endpoint e = { 0 };

	if (!split_endpoint(&e, url, err))
		return false;
	*scheme = e.scheme;
	return buffer_print(&a->host, err, "%.*s", e.host_len, e.host) &&
	       buffer_print(&a->path, err, "%.*s", e.path_len, e.path);
}

static bool put_path(struct s3_address *a, const struct s3_place *place,
		     bool bucket_in_host, struct error *err)
{
	struct buffer *path = &a->path;
	bool ok = bucket_in_host || (buffer_append(path, "/", 1, err) &&
				     percent_encode(path, place->bucket, err));

	if (ok && (place->key[0] || bucket_in_host))
		ok = buffer_append(path, "/", 1, err) &&
		     percent_encode(path, place->key, err);
	return ok && buffer_terminate(path, err);
}

static bool put_host(struct s3_address *a, const char *bucket, bool *in_host,
		     const char **scheme, struct error *err)
{
	const char *url = addresses.endpoint_url;

	if (!url && !profile_endpoint(&url, err))
		return false;
	a->is_aws = !url;
	*in_host = !url && fits_host(bucket);
	*scheme = "https";
	if (url)
		return put_endpoint(a, url, scheme, err);
	return buffer_print(&a->host, err, "%s%ss3.%s.%s",
			    *in_host ? bucket : "", *in_host ? "." : "",
			    a->region, profile_domain(a->region));
}

bool s3_address_find(struct s3_address *a, const struct s3_place *place,
		     struct error *err)
{
	const char *scheme;
	bool in_host;

	s3_address_free(a);
	if (!place->bucket[0] || strchr(place->bucket, '/'))
		return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				 "\"%.80s\" is no name of a bucket",
				 place->bucket);
	return find_region(a, place->bucket, err) &&
	       put_host(a, place->bucket, &in_host, &scheme, err) &&
	       buffer_terminate(&a->host, err) &&
	       put_path(a, place, in_host, err) &&
	       buffer_print(&a->url, err, "%s://%s%s", scheme, a->host.data,
			    a->path.data) &&
	       buffer_terminate(&a->url, err);
}

void s3_address_free(struct s3_address *a)
{
	buffer_free(&a->host);
	buffer_free(&a->path);
	buffer_free(&a->url);
}
