/* names.c - the naming schemes of old checkpoints */
#define _DEFAULT_SOURCE	/* realpath */
#include "convert/names.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "formats/bundle.h"
#include "remote/object.h"

/* Like Python's Path.stem: without the last suffix, if that is not all. */
static size_t stem_length(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && dot != name ? (size_t)(dot - name) : strlen(name);
}

/* ASCII digits that make a number; *rest is what follows them. */
static bool read_digits(const char *text, uint64_t *value, const char **rest)
{
	const char *p = text;
	uint64_t n = 0;

	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return false;
	*value = n;
	*rest = p;
	return p > text;
}

/* Cut the last component off a path; false if there is none left above it. */
static bool cut_component(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || slash == path)
		return false;
	*slash = '\0';
	return true;
}

/* malloc'ed, or NULL with errno; of an object the key, behind a slash. */
static char *absolute(const char *path)
{
	if (!object_is_path(path))
		return realpath(path, NULL);
	path += strlen(S3_SCHEME);
	return strdup(path + strcspn(path, "/"));
}

/*
 * The folder that is named after the run: the one the file lies in, or the
 * one above if that is called "checkpoints".
 */
static bool run_from_folders(struct source_name *name, const char *path,
			     bool checkpoints_only, struct arena *arena,
			     struct error *err)
{
	char *real = absolute(path);
	bool below, ok = true;

	if (!real)
		return error_set_errno(err, "cannot tell the run from its "
				       "folders");
	if (!cut_component(real))
		goto done;
	below = strcmp(file_base_name(real), "checkpoints") == 0;
	if (checkpoints_only && !below)
		goto done;
	if (below && !cut_component(real))
		goto done;
	name->run = arena_copy(arena, file_base_name(real),
			       strlen(file_base_name(real)), err);
	ok = name->run != NULL;
done:
	free(real);
	return ok;
}

/* "<run>__e<epoch>" at the end or before another "__". */
static bool parse_double_underscore(struct source_name *name,
				    struct arena *arena, bool *found,
				    struct error *err)
{
	const char *mark = strstr(name->stem, "__e"), *rest;
	uint64_t epoch;

	*found = mark && mark > name->stem &&
		 read_digits(mark + 3, &epoch, &rest) &&
		 (*rest == '\0' || strncmp(rest, "__", 2) == 0);
	if (!*found)
		return true;
	name->has_epoch = true;
	name->epoch = epoch;
	name->run = arena_copy(arena, name->stem,
			       (size_t)(mark - name->stem), err);
	return name->run != NULL;
}

static bool parse_folder_scheme(struct source_name *name, const char *path,
				struct arena *arena, struct error *err)
{
	const char *stem = name->stem, *rest;
	uint64_t epoch = 0;
	bool model = strncmp(stem, "model_", 6) == 0 &&
		     read_digits(stem + 6, &epoch, &rest) && *rest == '\0';
	bool initial = strcmp(stem, "initial_policy") == 0;
	bool bare = !model && stem[0] == 'v' &&
		    read_digits(stem + 1, &epoch, &rest) && *rest == '\0';

	if (!model && !initial && !bare)
		return true;
	if (!run_from_folders(name, path, bare, arena, err))
		return false;
	name->has_epoch = name->run != NULL;
	name->epoch = epoch;
	return true;
}

bool names_parse(struct source_name *name, const char *path,
		 struct arena *arena, struct error *err)
{
	const char *file_name = file_base_name(path);
	struct bundle_name current;
	bool found;

	*name = (struct source_name){ 0 };
	name->stem = arena_copy(arena, file_name, stem_length(file_name), err);
	if (!name->stem ||
	    !bundle_parse_name(&current, file_name, false, err))
		return false;
	if (current.has_epoch) {
		name->current = true;
		name->has_epoch = true;
		name->epoch = current.epoch;
		name->run = arena_copy(arena, current.run, current.run_len,
				       err);
		return name->run != NULL;
	}
	if (!parse_double_underscore(name, arena, &found, err))
		return false;
	return found || parse_folder_scheme(name, path, arena, err);
}

/* ---- printing ---- */

static bool append_text(struct buffer *out, const char *text,
			struct error *err)
{
	return buffer_append(out, text, strlen(text), err);
}

/* One "{...}" of a template; *len is its length. */
static bool append_field(struct buffer *out, const struct source_name *name,
			 const char *field, size_t *len, struct error *err)
{
	if (strncmp(field, "{run}", 5) == 0) {
		*len = 5;
		return name->run ? append_text(out, name->run, err) :
		       error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				 "the name template needs a run, and its name "
				 "tells none; --run gives one");
	}
	if (strncmp(field, "{epoch}", 7) == 0) {
		*len = 7;
		return name->has_epoch ?
		       buffer_print(out, err, "%" PRIu64, name->epoch) :
		       error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				 "the name template needs an epoch, and its "
				 "name tells none; --epoch gives one");
	}
	if (strncmp(field, "{stem}", 6) == 0) {
		*len = 6;
		return append_text(out, name->stem, err);
	}
	return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
			 "the name template has a brace that is none of "
			 "{run}, {epoch} and {stem}");
}

static bool expand(struct buffer *out, const struct source_name *name,
		   const char *template, struct error *err)
{
	while (*template) {
		size_t len = strcspn(template, "{}");

		if (!buffer_append(out, template, len, err))
			return false;
		template += len;
		if (*template && !append_field(out, name, template, &len, err))
			return false;
		template += *template ? len : 0;
	}
	return true;
}

static bool check_component(const char *text, struct error *err)
{
	if (*text && !strchr(text, '/') && strcmp(text, ".") != 0 &&
	    strcmp(text, "..") != 0)
		return true;
	return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
			 "its bundle would be called \"%.200s\", which is no "
			 "name of a folder", text);
}

bool names_print(const char **bundle, const struct source_name *name,
		 const char *template, struct arena *arena,
		 struct error *err)
{
	struct buffer out = { 0 };
	bool ok = false;

	if (!template)
		template = name->run && name->has_epoch && !name->current ?
			   "{run}:v{epoch}" : "{stem}";
	if (!expand(&out, name, template, err) ||
	    !buffer_terminate(&out, err) || !check_component(out.data, err))
		goto done;
	*bundle = arena_copy(arena, out.data, out.len, err);
	ok = *bundle != NULL;
done:
	buffer_free(&out);
	return ok;
}
