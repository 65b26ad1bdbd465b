/* walk_objects.c - list what could be checkpoints on S3 */
#include "convert/walk_objects.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "convert/journal.h"
#include "remote/object.h"

struct listing {
	struct sources *sources;
	const struct source_filter *filter;
	const char *bucket;
	size_t prefix_len;	/* what comes off a key to make it relative */
	size_t seen;		/* keys, of whatever name */
	struct buffer path;	/* of the one that is looked at */
};

/* Is it below a folder of journals? */
static bool is_journal(const char *relative)
{
	const size_t len = strlen(JOURNAL_FOLDER);
	const char *found = relative;

	while ((found = strstr(found, JOURNAL_FOLDER)) != NULL) {
		if ((found == relative || found[-1] == '/') &&
		    found[len] == '/')
			return true;
		found += len;
	}
	return false;
}

/* Is it below the output, if that is below the root? */
static bool is_output(const struct listing *l, const char *relative)
{
	const char *output = l->filter->output, *path = l->path.data;
	size_t len;

	if (!output)
		return false;
	len = strlen(output);
	while (len > 0 && output[len - 1] == '/')
		len--;
	return len > (size_t)(relative - path) &&
	       strncmp(path, output, len) == 0 && path[len] == '/';
}

static bool take_facts(struct sources *sources, struct source *source,
		       const struct s3_facts *facts, struct error *err)
{
	source->nbytes = facts->nbytes;
	source->mtime = facts->modified;
	source->etag = arena_copy(&sources->arena, facts->etag,
				  strlen(facts->etag), err);
	return source->etag != NULL;
}

static bool add_object(struct listing *l, const char *relative,
		       const struct s3_facts *facts, struct error *err)
{
	const char *skip = sources_known_name(file_base_name(relative));
	struct source *source;

	if ((!skip && !sources_is_candidate(l->filter, relative)) ||
	    sources_is_excluded(l->filter, relative))
		return true;
	source = sources_add(l->sources, l->path.data, relative, err);
	if (!source)
		return false;
	source->skip = skip;
	return take_facts(l->sources, source, facts, err);
}

static bool take(void *to, const char *key, const struct s3_facts *facts,
		 struct error *err)
{
	struct listing *l = to;
	const char *relative = key + l->prefix_len;
	size_t len = strlen(relative);

	l->seen++;
	if (len == 0 || relative[len - 1] == '/' || is_journal(relative))
		return true;
	l->path.len = 0;
	return buffer_print(&l->path, err, S3_SCHEME "%s/%s", l->bucket,
			    key) &&
	       buffer_terminate(&l->path, err) &&
	       (is_output(l, l->path.data + l->path.len - len) ||
		add_object(l, relative, facts, err));
}

static bool list(struct listing *l, const char *root, struct error *err)
{
	const struct s3_taker taker = { take, l };
	struct object_name prefix;
	char *below = object_below(root, err);
	bool ok = below && object_split(&prefix, below, err);

	if (ok) {
		l->bucket = prefix.bucket;
		l->prefix_len = strlen(prefix.place.key);
		ok = s3_list(&prefix.place, false, &taker, err);
	}
	/* A bucket can be empty; any other prefix is there with its keys. */
	if (ok && l->seen == 0 && l->prefix_len > 0)
		ok = error_set(err, ERROR_IO, ERROR_NO_OFFSET, "there is no "
			       "such object, and none below it");
	free(below);
	return ok;
}

static bool add_named(struct sources *sources, const char *path,
		      const struct s3_facts *facts, struct error *err)
{
	struct source *source = sources_add(sources, path,
					    file_base_name(path), err);

	if (!source)
		return false;
	source->named = true;
	return take_facts(sources, source, facts, err);
}

/* An object, or a tree: an object of that name comes first. */
static bool look(const struct object_name *name, struct s3_facts *facts,
		 bool *found, struct error *err)
{
	size_t len = strlen(name->place.key);

	*found = false;
	return len == 0 || name->place.key[len - 1] == '/' ||
	       s3_look(facts, found, &name->place, err);
}

bool walk_objects(struct sources *sources, const char *root,
		  const struct source_filter *filter, struct error *err)
{
	struct listing l = { .sources = sources, .filter = filter };
	struct object_name name;
	struct s3_facts facts;
	struct error fault = { 0 };
	bool found, ok;

	ok = interrupt_check(&fault) && object_split(&name, root, &fault) &&
	     look(&name, &facts, &found, &fault) &&
	     (found ? add_named(sources, root, &facts, &fault)
		    : list(&l, root, &fault));
	buffer_free(&l.path);
	if (object_is_path(fault.path))
		fault.path[0] = '\0';	/* not with a slash behind it */
	error_for(&fault, root);
	return ok || sources_add_fault(sources, root, &fault, err);
}
