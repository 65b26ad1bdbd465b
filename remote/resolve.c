/* resolve.c - from names to bundles */
#include "remote/resolve.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "remote/latest.h"
#include "remote/local_path.h"
#include "remote/object.h"
#include "remote/policy.h"
#include "remote/s3.h"
#include "remote/stats_server.h"

#define LEGACY_SUFFIX ".mpt"

static void remark(struct remarks *remarks, const char *path, const char *why)
{
	struct error *r = remarks_add(remarks);

	error_set(r, ERROR_USAGE, ERROR_NO_OFFSET, "%s", why);
	error_in(r, path, NULL);
}

/* Is anything there, and is it a folder? */
static bool look(const char *path, bool *there, bool *folder,
		 struct error *err)
{
	struct stat st;

	*there = stat(path, &st) == 0;
	*folder = *there && S_ISDIR(st.st_mode);
	if (*there || errno == ENOENT || errno == ENOTDIR || errno == ELOOP ||
	    errno == ENAMETOOLONG)
		return true;
	error_set_errno(err, "cannot look at it");
	return error_in(err, path, NULL);
}

static bool look_again(struct resolved *r, struct error *err)
{
	return look(r->uri.name, &r->exists, &r->folder, err);
}

static bool copy(char **copied, const char *text, struct error *err)
{
	*copied = strdup(text);
	return *copied || error_set_memory(err, strlen(text) + 1);
}

/* The path that objects have in the programs. */
static bool object_path(char **path, const struct uri *u, struct error *err)
{
	struct buffer out = { 0 };
	bool ok = buffer_print(&out, err, S3_SCHEME "%s/%s", u->bucket,
			       u->name) && buffer_terminate(&out, err);

	if (!ok)
		buffer_free(&out);
	*path = out.data;
	return ok;
}

/*
 * Replace the path of a folder by that of its latest bundle.  If it has none,
 * that is a fault if one was asked for, and else the folder stays.
 */
static bool take_latest(char **path, bool asked, bool *tie,
			struct remarks *remarks, struct error *err)
{
	struct latest latest = { 0 };
	char *found = NULL;
	bool ok = latest_find(&latest, *path, remarks, err);

	if (ok && latest.path)
		ok = copy(&found, latest.path, err);
	else if (ok && asked)
		ok = error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
			       "the framework's listing sees no bundle in "
			       "\"%.200s\"", *path);
	*tie = ok && latest.tie;
	if (ok && found) {
		free(*path);
		*path = found;
		found = NULL;
	}
	free(found);
	latest_free(&latest);
	return ok;
}

/* ---- files ---- */

/* What the last component of the path says. */
static bool take_name(struct resolved *r, struct error *err)
{
	const char *path = r->uri.name;
	bool file = r->uri.scheme != URI_FILE || (r->exists && !r->folder) ||
		    text_ends_in(path, BUNDLE_ZIP_SUFFIX) ||
		    text_ends_in(path, LEGACY_SUFFIX);

	return bundle_parse_name(&r->name, file_base_name(path), !file, err);
}

static bool resolve_path(struct resolved *r, const char *name, bool latest,
			 struct remarks *remarks, struct error *err)
{
	char *path = NULL;
	bool there, folder, tie;
	bool ok = local_path_expand(&path, name, err) &&
		  look(path, &there, &folder, err) &&
		  (!(latest || folder) ||
		   take_latest(&path, latest, &tie, remarks, err));

	r->uri.scheme = URI_FILE;
	ok = ok && local_path_absolute(&r->uri.name, path, err) &&
	     look_again(r, err);
	free(path);
	return ok;
}

static bool resolve_file(struct resolved *r, struct uri *u,
			 const char *data_dir, struct remarks *remarks,
			 struct error *err)
{
	(void)data_dir;
	return resolve_path(r, u->name, u->latest, remarks, err);
}

/* ---- objects and classes ---- */

static void move(struct resolved *r, struct uri *u)
{
	r->uri = *u;
	*u = (struct uri){ 0 };
}

/* Does the key say of itself that it is that of a checkpoint? */
static bool tells_kind(const char *key)
{
	struct error too_big = { 0 };
	struct bundle_name name;

	return text_ends_in(key, BUNDLE_ZIP_SUFFIX) ||
	       text_ends_in(key, LEGACY_SUFFIX) ||
	       !bundle_parse_name(&name, file_base_name(key), true,
				  &too_big) ||
	       name.has_epoch;
}

/* Replace the URI of a prefix by that of the latest bundle right below it. */
static bool take_latest_key(struct resolved *r, struct uri *u,
			    struct remarks *remarks, struct error *err)
{
	char *path = NULL;
	bool tie, ok = object_path(&path, u, err) &&
		       take_latest(&path, true, &tie, remarks, err) &&
		       uri_parse(&r->uri, path, err);

	r->exists = ok;
	free(path);
	return ok;
}

static bool resolve_s3(struct resolved *r, struct uri *u, const char *data_dir,
		       struct remarks *remarks, struct error *err)
{
	(void)data_dir;
	/* Of a bucket only what is asked for is listed. */
	if (u->latest || (u->name[0] && !tells_kind(u->name)))
		return take_latest_key(r, u, remarks, err);
	move(r, u);
	return true;
}

static bool resolve_mock(struct resolved *r, struct uri *u,
			 const char *data_dir, struct remarks *remarks,
			 struct error *err)
{
	(void)data_dir;
	(void)remarks;
	(void)err;
	move(r, u);
	return true;
}

/* ---- policies ---- */

typedef bool (*resolver)(struct resolved *r, struct uri *u,
			 const char *data_dir, struct remarks *remarks,
			 struct error *err);

/* Below, as policies become what the others resolve. */
static const resolver resolvers[URI_SCHEME_COUNT];

static bool fault_policy(const struct uri *u, struct error *err)
{
	return error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET, "%s "
			 "(--stats-server)", u->is_id ?
			 "what a policy's id means only the stats server can "
			 "tell" :
			 "neither a built-in policy, nor a class with its "
			 "modules, nor a run in the data folder (DATA_DIR, "
			 "--data-dir): the stats server may know it");
}

/* Ask the stats server, once: what it names must be no policy again. */
static bool ask_stats_server(struct uri *found, const struct uri *u,
			     struct error *err)
{
	struct error fault = { 0 };
	char *text = NULL;
	bool ok;

	*found = (struct uri){ 0 };
	if (!stats_server_is_known())
		return fault_policy(u, err);
	if (!stats_server_find(&text, u, err))
		return false;
	ok = uri_parse(found, text, &fault);
	if (ok && (found->bare || found->scheme == URI_POLICY)) {
		error_set(&fault, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
			  "neither a file nor an object nor a class");
		uri_free(found);
		ok = false;
	}
	if (!ok)
		error_set(err, fault.kind, ERROR_NO_OFFSET, "the stats server "
			  "names \"%.150s\": %.200s", text, fault.reason);
	free(text);
	return ok;
}

/* The framework takes a name with a dot for a class. */
static bool remark_class(const struct uri *u, const char *data_dir,
			 struct remarks *remarks, struct error *err)
{
	char *path;

	if (!policy_find_local(&path, u, data_dir, err))
		return false;
	if (path)
		remark(remarks, path, "this run has the same name, but "
		       "the framework takes it for a class; :latest at its "
		       "end names the run");
	free(path);
	return true;
}

static bool resolve_class(struct resolved *r, const struct uri *u,
			  const char *class_path, const char *data_dir,
			  struct remarks *remarks, struct error *err)
{
	r->uri.scheme = URI_MOCK;
	return copy(&r->uri.name, class_path, err) &&
	       remark_class(u, data_dir, remarks, err);
}

static bool resolve_run(struct resolved *r, const struct uri *u,
			const char *path, struct remarks *remarks,
			struct error *err)
{
	if (!resolve_path(r, path, !u->has_version, remarks, err))
		return false;
	if (u->has_version && !r->folder)
		remark(remarks, path, "an archive, which the framework does "
		       "not look for here: it would ask the stats server");
	return true;
}

static bool resolve_policy(struct resolved *r, struct uri *u,
			   const char *data_dir, struct remarks *remarks,
			   struct error *err)
{
	const char *class_path = policy_class(u);
	struct uri found = { 0 };
	char *path = NULL;
	bool ok;

	if (class_path)
		return resolve_class(r, u, class_path, data_dir, remarks, err);
	if (!u->is_id && !policy_find_local(&path, u, data_dir, err))
		return false;
	if (path)
		ok = resolve_run(r, u, path, remarks, err);
	else
		ok = ask_stats_server(&found, u, err) &&
		     resolvers[found.scheme](r, &found, data_dir, remarks,
					     err);
	uri_free(&found);
	free(path);
	return ok;
}

static const resolver resolvers[URI_SCHEME_COUNT] = {
	[URI_FILE] = resolve_file, [URI_S3] = resolve_s3,
	[URI_MOCK] = resolve_mock, [URI_POLICY] = resolve_policy,
};

/* ---- other epochs ---- */

/* The name of the bundle of another epoch, beside this one. */
static bool print_sibling(struct buffer *out, const struct resolved *r,
			  uint64_t epoch, struct error *err)
{
	const char *base = file_base_name(r->uri.name);
	bool zip = r->uri.scheme == URI_S3 ||
		   text_ends_in(base, BUNDLE_ZIP_SUFFIX);

	return buffer_append(out, r->uri.name, (size_t)(base - r->uri.name),
			     err) &&
	       buffer_append(out, r->name.run, r->name.run_len, err) &&
	       buffer_print(out, err, ":v%" PRIu64 "%s", epoch,
			    zip ? BUNDLE_ZIP_SUFFIX : "") &&
	       buffer_terminate(out, err);
}

static bool take_epoch(struct resolved *r, uint64_t epoch, struct error *err)
{
	struct buffer name = { 0 };

	if (!r->name.has_epoch)
		return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				 "it tells no run and epoch, and so has no "
				 "other epochs");
	if (!print_sibling(&name, r, epoch, err)) {
		buffer_free(&name);
		return false;
	}
	free(r->uri.name);
	r->uri.name = name.data;
	r->exists = false;
	return (r->uri.scheme != URI_FILE || look_again(r, err)) &&
	       take_name(r, err);
}

/* ---- is it a bundle, as far as names tell ---- */

static bool check_folder(const struct resolved *r, struct remarks *remarks,
			 struct error *err)
{
	char *spec = file_join(r->uri.name, BUNDLE_SPEC, err);
	bool there, folder, ok = spec && look(spec, &there, &folder, err);

	free(spec);
	if (ok && bundle_folder_hidden(file_base_name(r->uri.name)))
		remark(remarks, r->uri.name,
		       unlisted_reason(UNLISTED_HIDDEN));
	if (ok && !there) {
		remark(remarks, r->uri.name, "no bundle, and the framework's "
		       "listing sees none in it");
		remarks->bad = true;
	}
	return ok;
}

static bool check_file(const struct resolved *r, struct remarks *remarks,
		       struct error *err)
{
	if (text_ends_in(r->uri.name, LEGACY_SUFFIX))
		return error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
				 "a legacy checkpoint, which the loader "
				 "refuses: convert it with \"mpt-convert "
				 "%.200s -o FOLDER\"", r->uri.name);
	if (!r->exists) {
		remark(remarks, r->uri.name, "nothing is there");
		remarks->bad = true;
	}
	return !r->folder || check_folder(r, remarks, err);
}

/* One that cannot be looked at may be there all the same. */
static bool remark_unseen(struct resolved *r, const char *path,
			  const struct error *fault, struct remarks *remarks,
			  struct error *err)
{
	struct error *seen;

	if (fault->kind == ERROR_MEMORY || fault->kind == ERROR_INTERRUPTED) {
		*err = *fault;
		return false;
	}
	r->unseen = true;
	remarks->bad = true;
	seen = remarks_add(remarks);
	error_set(seen, fault->kind, ERROR_NO_OFFSET, "whether it is there was "
		  "not seen: %.400s", fault->reason);
	error_in(seen, path, NULL);
	return true;
}

static bool look_at_key(struct resolved *r, struct remarks *remarks,
			struct error *err)
{
	struct error fault = { 0 };
	char *path = NULL;
	mode_t mode;
	bool ok = object_path(&path, &r->uri, err);

	if (ok && !object_look_or_file(path, &mode, &fault)) {
		ok = remark_unseen(r, path, &fault, remarks, err);
	} else if (ok) {
		r->exists = mode != 0;
		remarks->bad |= !r->exists;
		if (!r->exists)
			remark(remarks, path, "nothing is there");
	}
	free(path);
	return ok;
}

static bool check_key(struct resolved *r, struct remarks *remarks,
		      struct error *err)
{
	const struct uri *u = &r->uri;

	if (text_ends_in(u->name, LEGACY_SUFFIX))
		return error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
				 "a legacy checkpoint, which the loader "
				 "refuses: convert it with \"mpt-convert "
				 S3_SCHEME "%s/%.250s -o FOLDER\"", u->bucket,
				 u->name);
	if (!u->name[0])
		return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				 "a whole bucket: with :latest behind it, it "
				 "is the latest bundle right below");
	if (!text_ends_in(u->name, BUNDLE_ZIP_SUFFIX))
		return error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
				 "a bundle on S3 is an archive, and its key "
				 "ends in .zip");
	return r->exists || look_at_key(r, remarks, err);
}

static bool check(struct resolved *r, struct remarks *remarks,
		  struct error *err)
{
	if (r->uri.scheme == URI_FILE)
		return check_file(r, remarks, err);
	return r->uri.scheme != URI_S3 || check_key(r, remarks, err);
}

bool resolve_uri(struct resolved *r, const char *text,
		 const struct resolve_options *options,
		 struct remarks *remarks, struct error *err)
{
	struct uri u;
	bool ok;

	*r = (struct resolved){ 0 };
	ok = uri_parse(&u, text, err) &&
	     resolvers[u.scheme](r, &u, options->data_dir, remarks, err) &&
	     (r->uri.scheme == URI_MOCK || take_name(r, err)) &&
	     (!options->other_epoch || take_epoch(r, options->epoch, err)) &&
	     check(r, remarks, err);
	uri_free(&u);
	if (!ok) {
		resolved_free(r);
		error_for(err, text);
	}
	return ok;
}

/* ---- operands ---- */

/* The path of what is no class and no policy. */
static bool find_path(char **path, const struct uri *u, struct error *err)
{
	return u->scheme == URI_S3 ? object_path(path, u, err)
				   : local_path_expand(path, u->name, err);
}

/* *latest: the path is that of the folder in which the bundle is. */
static bool find_operand(char **path, struct uri *u, bool *latest,
			 struct error *err)
{
	*latest = u->latest;
	if (u->scheme == URI_POLICY && !policy_class(u)) {
		struct uri found;

		if (!u->is_id && !policy_find_local(path, u, NULL, err))
			return false;
		*latest = !u->has_version;
		if (*path)
			return true;
		if (!ask_stats_server(&found, u, err))
			return false;
		uri_free(u);
		*u = found;
		*latest = u->latest;
	}
	if (u->scheme == URI_FILE || u->scheme == URI_S3)
		return find_path(path, u, err);
	return error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
			 "a class, without a checkpoint to look at");
}

/* A program that is to look at one bundle must not guess which. */
static bool check_certain(const struct remarks *remarks, bool tie,
			  struct error *err)
{
	const struct error *why = &remarks->items[0];

	if (!tie && !remarks->bad)
		return true;
	return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
			 "it is not certain which is the latest: \"%.150s\": "
			 "%.200s", file_base_name(why->path), why->reason);
}

bool resolve_operand(char **path, const char *text, struct error *err)
{
	struct remarks remarks = { 0 };
	struct uri u = { 0 };
	bool ok, latest, tie = false;

	*path = NULL;
	if (uri_is_plain_path(text))
		return copy(path, text, err);
	ok = uri_parse(&u, text, err) && find_operand(path, &u, &latest, err);
	if (ok && latest)
		ok = take_latest(path, true, &tie, &remarks, err) &&
		     check_certain(&remarks, tie, err);
	uri_free(&u);
	if (!ok) {
		free(*path);
		*path = NULL;
		error_for(err, text);
	}
	return ok;
}

bool resolve_source(char **path, const char *text, struct error *err)
{
	struct uri u = { 0 };
	bool ok;

	*path = NULL;
	if (uri_is_plain_path(text))
		return copy(path, text, err);
	ok = uri_parse(&u, text, err);
	if (ok && (u.scheme == URI_MOCK || u.scheme == URI_POLICY || u.latest))
		ok = error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
			       "this names a bundle or a class, where a file "
			       "or a folder is wanted");
	ok = ok && find_path(path, &u, err);
	uri_free(&u);
	return ok || error_for(err, text);
}

void resolved_free(struct resolved *r)
{
	uri_free(&r->uri);
	*r = (struct resolved){ 0 };
}
