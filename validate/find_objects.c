/* find_objects.c - an object, or all that lies below a prefix */
#include "validate/find_objects.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/text.h"
#include "formats/bundle.h"
#include "remote/object.h"

struct search {
	struct candidates *list;
	struct object_name prefix;
	size_t seen;		/* keys, of whatever name */
};

static bool is_legacy(const char *name)
{
	return strcmp(name, "trainer_state.pt") != 0 &&
	       (text_ends_in(name, ".mpt") || text_ends_in(name, ".pt"));
}

/* The folder that an object would lie in; the path is cut there. */
static bool add_folder(struct candidates *list, char *path, struct error *err)
{
	struct candidate *c;

	*strrchr(path, '/') = '\0';
	c = find_add(list, path, err);
	if (c)
		c->folder = true;
	return c != NULL;
}

static struct candidate *add_object(struct candidates *list, const char *path,
				    const struct s3_facts *facts,
				    struct error *err)
{
	struct candidate *c = find_add(list, path, err);

	if (c) {
		c->nbytes = facts->nbytes;
		c->modified = facts->modified.tv_sec;
	}
	return c;
}

static bool add_skip(struct candidates *list, const char *path,
		     const char *reason, struct error *err)
{
	struct candidate *c = find_add(list, path, err);

	if (c)
		c->skip = reason;
	return c != NULL;
}

static bool add_legacy(struct candidates *list, const char *path,
		       struct error *err)
{
	struct buffer reason = { 0 };
	bool ok = buffer_print(&reason, err, "a legacy checkpoint: convert it "
			       "with \"mpt-convert %s -o FOLDER\"", path);
	const char *kept = ok ? arena_copy(&list->arena, reason.data,
					   reason.len, err) : NULL;

	buffer_free(&reason);
	return kept && add_skip(list, path, kept, err);
}

static bool add_key(struct candidates *list, char *path,
		    const struct s3_facts *facts, struct error *err)
{
	const char *name = file_base_name(path);
	struct candidate *c;

	if (bundle_is_leftover(name))
		return add_skip(list, path, FIND_LEFTOVER, err);
	if (strcmp(name, BUNDLE_SPEC) == 0)
		return add_folder(list, path, err);
	if (is_legacy(name))
		return add_legacy(list, path, err);
	c = add_object(list, path, facts, err);
	if (c)
		c->doubtful = !find_has_epoch(name, false);
	return c != NULL;
}

static bool take(void *to, const char *key, const struct s3_facts *facts,
		 struct error *err)
{
	struct search *l = to;
	const char *name = file_base_name(key);
	char *path;

	l->seen++;
	if (!is_legacy(name) && strcmp(name, BUNDLE_SPEC) != 0 &&
	    !text_ends_in(name, BUNDLE_ZIP_SUFFIX))
		return true;
	path = object_join(&l->list->arena, l->prefix.bucket, key, err);
	return path && add_key(l->list, path, facts, err);
}

static bool list_below(struct candidates *list, const char *path,
		       struct error *err)
{
	struct search l = { .list = list };
	const struct s3_taker taker = { take, &l };
	char *below = object_below(path, err);
	bool ok = below && object_split(&l.prefix, below, err) &&
		  s3_list(&l.prefix.place, false, &taker, err);

	/* A bucket can be empty; any other prefix is there with its keys. */
	if (ok && l.seen == 0 && l.prefix.place.key[0])
		ok = error_set(err, ERROR_IO, ERROR_NO_OFFSET, "there is no "
			       "such object, and none below it");
	free(below);
	return ok;
}

/* Is it the name of a file, and not of a folder of files? */
static bool is_file_name(const char *key)
{
	return text_ends_in(key, BUNDLE_ZIP_SUFFIX) || is_legacy(key) ||
	       find_stands_for_folder(key);
}

static bool add_named(struct candidates *list, char *path,
		      const struct s3_facts *facts, struct error *err)
{
	if (find_stands_for_folder(path))
		return add_folder(list, path, err);
	return add_object(list, path, facts, err) != NULL;
}

/* An object, or else a tree. */
static bool find(struct candidates *list, char *path, struct error *err)
{
	struct object_name name;
	struct s3_facts facts;
	bool found = false;

	if (!object_split(&name, path, err))
		return false;
	if (name.place.key[0] && !text_ends_in(path, "/") &&
	    !s3_look(&facts, &found, &name.place, err))
		return false;
	if (found)
		return add_named(list, path, &facts, err);
	if (is_file_name(name.place.key))
		return error_set(err, ERROR_IO, ERROR_NO_OFFSET,
				 "there is no such object");
	return list_below(list, path, err);
}

bool find_objects(struct candidates *list, const char *path, struct error *err)
{
	struct error fault = { 0 };
	char *kept = arena_copy(&list->arena, path, strlen(path), err);
	struct candidate *c;

	if (!kept || !interrupt_check(err))
		return false;
	if (find(list, kept, &fault))
		return true;
	c = find_add(list, path, err);
	return c && find_set_fault(list, c, &fault, err);
}
