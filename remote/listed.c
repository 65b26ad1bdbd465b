/* listed.c - the framework's rules for listing a folder */
#include "remote/listed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

static const char *const reasons[UNLISTED_COUNT] = {
	[UNLISTED_NO_SPEC] = "a folder without policy_spec.json is no bundle, "
			     "or none yet",
	[UNLISTED_NO_EPOCH] = "the name does not end in :v and an epoch",
	[UNLISTED_HIDDEN] = "the run's name has a dot, so the framework does "
			    "not see a folder of it; a zip of it is seen",
	[UNLISTED_ON_S3] = "a folder on S3: there, a bundle is a zip",
};

const char *unlisted_reason(enum unlisted unlisted)
{
	return reasons[unlisted];
}

static bool fault(const char *path, struct error *err)
{
	error_set_errno(err, "cannot look at it");
	return error_in(err, path, NULL);
}

static bool look_at_folder(struct listed *l, const char *path,
			   struct error *err)
{
	char *spec = file_join(path, BUNDLE_SPEC, err);
	struct stat st;
	bool ok = spec != NULL;

	if (ok && stat(spec, &st) == 0) {
		l->modified = st.st_mtime;
	} else if (ok) {
		l->unlisted = UNLISTED_NO_SPEC;
		ok = errno == ENOENT || errno == ENOTDIR || fault(spec, err);
	}
	free(spec);
	return ok;
}

static bool look_at_zip(struct listed *l, const char *path, struct error *err)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return fault(path, err);
	l->modified = st.st_mtime;
	l->nbytes = (uint64_t)st.st_size;
	return true;
}

bool listed_look(struct listed *l, const char *path, const char *name,
		 bool folder, struct error *err)
{
	*l = (struct listed){ .folder = folder };
	/* To the framework a folder's name has a suffix, too. */
	if (!bundle_parse_name(&l->name, name, false, err))
		return error_in(err, path, NULL);
	if (!(folder ? look_at_folder(l, path, err)
		     : look_at_zip(l, path, err)))
		return false;
	if (l->unlisted == LISTED && !l->name.has_epoch)
		l->unlisted = folder && bundle_folder_hidden(name) ?
			      UNLISTED_HIDDEN : UNLISTED_NO_EPOCH;
	return true;
}

bool listed_take_object(struct listed *l, const char *path, uint64_t nbytes,
			time_t modified, struct error *err)
{
	*l = (struct listed){ .modified = modified, .nbytes = nbytes };
	if (!bundle_parse_name(&l->name, file_base_name(path), false, err))
		return error_in(err, path, NULL);
	if (!l->name.has_epoch)
		l->unlisted = UNLISTED_NO_EPOCH;
	return true;
}

int listed_compare(const struct listed *a, const char *path_a,
		   const struct listed *b, const char *path_b)
{
	size_t a_len = a->name.run_len, b_len = b->name.run_len;
	int order;

	if (a->name.epoch != b->name.epoch)
		return a->name.epoch < b->name.epoch ? -1 : 1;
	order = memcmp(a->name.run, b->name.run,
		       a_len < b_len ? a_len : b_len);
	if (order == 0)
		order = a_len < b_len ? -1 : a_len > b_len;
	return order ? order : strcmp(path_a, path_b);
}

void listed_set_tie(struct error *remark, const char *taken, const char *other)
{
	error_set(remark, ERROR_USAGE, ERROR_NO_OFFSET,
		  "\"%.200s\" has the same epoch: :latest loads the one or "
		  "the other", file_base_name(other));
	error_in(remark, taken, NULL);
}

void unlisted_count(struct unlisted_tally *t, enum unlisted unlisted,
		    const char *path)
{
	if (t->counts[unlisted]++ == 0)
		t->first[unlisted] = path;
}

bool unlisted_remark(struct error *remark, const struct unlisted_tally *t,
		     enum unlisted unlisted)
{
	char others[40] = "";

	if (t->counts[unlisted] == 0)
		return false;
	if (t->counts[unlisted] > 1)
		snprintf(others, sizeof(others), ", nor are %zu more",
			 t->counts[unlisted] - 1);
	error_set(remark, ERROR_USAGE, ERROR_NO_OFFSET, "not listed%s: %s",
		  others, unlisted_reason(unlisted));
	error_in(remark, t->first[unlisted], NULL);
	return true;
}
