/* journal_object.c - a journal in parts that are sent again as they grow */
#include "convert/journal_object.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/file.h"
#include "remote/object.h"

enum { PART_SIZE = 64 << 10, UNSENT_SIZE = 4 << 20, NAME_SIZE = 128 };

bool journal_object_open(struct journal_object *j, const char *folder,
			 const char *name, struct error *err)
{
	char stem[NAME_SIZE], when[32] = "";
	struct timespec now = { 0 };
	uint32_t id;
	struct tm tm;

	*j = (struct journal_object){ 0 };
	if (getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id))
		return error_set_errno(err, "cannot get random bytes");
	clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &tm))
		strftime(when, sizeof(when), "%Y%m%dT%H%M%S", &tm);
	/* Sorted by name, runs are in their order. */
	snprintf(stem, sizeof(stem), "%s.%s%03ldZ-%08jx", name, when,
		 now.tv_nsec / 1000000, (uintmax_t)id);
	j->path = file_join(folder, stem, err);
	return j->path != NULL;
}

static bool send(const struct journal_object *j, struct error *err)
{
	const struct reader_bytes bytes = { j->lines.data, j->lines.len };
	const struct reader from = reader_memory(&bytes);
	struct object_name name;
	struct s3_facts facts;
	struct buffer path = { 0 };
	bool taken, ok;

	ok = buffer_print(&path, err, "%s.%06u.jsonl", j->path, j->part) &&
	     buffer_terminate(&path, err) &&
	     ((object_split(&name, path.data, err) &&
	       s3_send(&name.place, &from, S3_WHATEVER, &taken, &facts, err)) ||
	      error_in(err, path.data, NULL));
	buffer_free(&path);
	return ok;
}

bool journal_object_add(struct journal_object *j, const char *lines,
			size_t len, struct error *err)
{
	if (j->lines.len >= (j->unsent ? UNSENT_SIZE : PART_SIZE)) {
		j->lines.len = 0;
		j->part++;
	}
	j->unsent = !buffer_append(&j->lines, lines, len, err) ||
		    !send(j, err);
	return !j->unsent;
}

/* Up to the number: what is before the last dot but one. */
static size_t stem_length(const char *name)
{
	size_t len = strlen(name);

	for (int dots = 0; len > 0; len--)
		if (name[len - 1] == '.' && ++dots == 2)
			return len - 1;
	return 0;
}

bool journal_object_same_run(const char *a, const char *b)
{
	size_t len = stem_length(a);

	return len > 0 && len == stem_length(b) && memcmp(a, b, len) == 0;
}

void journal_object_close(struct journal_object *j)
{
	buffer_free(&j->lines);
	free(j->path);
	*j = (struct journal_object){ 0 };
}
