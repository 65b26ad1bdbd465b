/* journal_read.c - split journals into lines */
#include "convert/journal_read.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "convert/journal.h"
#include "remote/object.h"

enum {
	BLOCK_SIZE = 64 << 10,
	OBJECT_TRIES = 10,
	LINE_LIMIT = 8 << 20	/* of 20,000 tensors with long names: 3 MiB */
};

struct lines {
	struct buffer line;	/* what has come of it so far */
	bool too_long;		/* over the limit, and let go */
	char latest[64];	/* time of the lines so far */
	const struct journal_taker *taker;
	size_t *unreadable;
};

/*
 * Clocks can go back, and those of machines that share a journal differ: a line
 * is no earlier than those above it.
 */
static void order_times(struct lines *l, struct record *record)
{
	size_t len = strlen(record->time);

	if (strcmp(record->time, l->latest) < 0)
		record->time = l->latest;
	else if (len < sizeof(l->latest))
		memcpy(l->latest, record->time, len + 1);
}

static bool take_line(struct lines *l, struct error *err)
{
	struct record record;
	struct arena arena = { 0 };
	struct error fault = { 0 };
	bool ok;

	if (l->too_long) {
		++*l->unreadable;
		return true;
	}
	if (record_parse(&record, l->line.data, l->line.len, &arena, &fault)) {
		order_times(l, &record);
		ok = l->taker->take(l->taker->to, &record, l->line.data,
				    l->line.len, err);
	} else {
		ok = fault.kind != ERROR_MEMORY;
		if (!ok)
			*err = fault;
		++*l->unreadable;
	}
	arena_free(&arena);
	return ok;
}

static bool take_block(struct lines *l, const char *block, size_t len,
		       struct error *err)
{
	while (len > 0) {
		const char *end = memchr(block, '\n', len);
		size_t n = end ? (size_t)(end - block) : len;

		l->too_long |= n > LINE_LIMIT - l->line.len;
		if (l->too_long)
			l->line.len = 0;
		else if (!buffer_append(&l->line, block, n, err))
			return false;
		if (!end)
			break;
		if ((l->line.len > 0 || l->too_long) && !take_line(l, err))
			return false;
		l->line.len = 0;
		l->too_long = false;
		block = end + 1;
		len -= n + 1;
	}
	return true;
}

/* Have all of it here, before any line is taken. */
static bool fetch(const struct file *file, char *block, struct error *err)
{
	const struct reader r = file_reader(file);
	bool ok = true;

	for (uint64_t done = 0; ok && done < r.size; done += BLOCK_SIZE)
		ok = reader_read(&r, done, block, r.size - done < BLOCK_SIZE ?
				 (size_t)(r.size - done) : BLOCK_SIZE, err);
	return ok;
}

/*
 * The part that another process adds to is a new object each time: one that
 * was replaced while it was fetched is fetched anew, some times.
 */
static bool open_object(struct file *file, const char *path, char *block,
			struct error *err)
{
	char etag[S3_ETAG_SIZE] = "";
	struct error fault;

	for (unsigned i = 0; i < OBJECT_TRIES; i++) {
		fault = (struct error){ 0 };
		if (!object_open_or_file(file, path, object_spill_folder(),
					 err))
			return false;
		if (fetch(file, block, &fault))
			return true;
		if (strcmp(object_etag(file), etag) == 0)
			break;
		memcpy(etag, object_etag(file), sizeof(etag));
		file_discard(file);
	}
	*err = fault;
	return false;
}

static bool open_journal(struct file *file, const struct journal_folder *in,
			 const char *name, char *block, struct error *err)
{
	char *path;
	bool ok;

	if (!in->prefix)
		return file_open_in(file, &in->folder, name, err);
	path = file_join(in->prefix, name, err);
	ok = path && open_object(file, path, block, err);
	free(path);
	return ok;
}

bool journal_read(const struct journal_folder *in, const char *name,
		  const struct journal_taker *taker, size_t *unreadable,
		  struct error *err)
{
	struct lines l = { .taker = taker, .unreadable = unreadable };
	struct file file = { 0 };
	char *block = memory_block(BLOCK_SIZE, err);
	struct reader r;
	uint64_t done = 0;
	bool ok = block && open_journal(&file, in, name, block, err);

	r = file_reader(&file);
	while (ok && done < file.size) {
		uint64_t left = file.size - done;
		size_t n = left < BLOCK_SIZE ? (size_t)left : BLOCK_SIZE;

		ok = interrupt_check(err) &&
		     reader_read(&r, done, block, n, err) &&
		     take_block(&l, block, n, err);
		done += n;
	}
	file_discard(&file);
	buffer_free(&l.line);
	free(block);
	return ok;
}

bool journal_find_folder(struct journal_folder *f, const char *root,
			 struct error *err)
{
	struct folder above;
	struct error fault = { 0 };
	mode_t mode = 0;
	bool ok;

	*f = (struct journal_folder){ 0 };
	if (object_is_path(root)) {
		f->prefix = file_join(root, JOURNAL_FOLDER "/", err);
		return f->prefix != NULL;
	}
	if (access(root, F_OK) != 0 && errno == ENOENT)
		return true;
	ok = folder_open(&above, root, err) &&
	     folder_look(&above, JOURNAL_FOLDER, &mode, err);
	if (ok && mode != 0 &&
	    !folder_open_in(&f->folder, &above, JOURNAL_FOLDER, &fault)) {
		*err = fault;
		ok = false;
	}
	folder_close(&above);
	return ok;
}

void journal_close_folder(struct journal_folder *f)
{
	folder_close(&f->folder);
	free(f->prefix);
	*f = (struct journal_folder){ 0 };
}

static bool add_name(struct journal_names *list, const char *name,
		     struct error *err)
{
	void *grown = list->names;
	char *copy;

	if (!memory_grow(&grown, &list->capacity, list->count + 1,
			 sizeof(*list->names), err))
		return false;
	list->names = grown;
	copy = strdup(name);
	if (!copy)
		return error_set_memory(err, strlen(name) + 1);
	list->names[list->count++] = copy;
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool take_key(void *to, const char *key, const struct s3_facts *facts,
		     struct error *err)
{
	const char *name = file_base_name(key);

	(void)facts;
	return !journal_is_name(name) || add_name(to, name, err);
}

static bool list_objects(struct journal_names *list, const char *prefix,
			 struct error *err)
{
	const struct s3_taker taker = { take_key, list };
	struct object_name name;

	return (object_split(&name, prefix, err) &&
		s3_list(&name.place, true, &taker, err)) ||
	       error_in(err, prefix, NULL);
}

static bool list_folder(struct journal_names *list, const struct folder *in,
			struct error *err)
{
	DIR *names = folder_list(in, err);
	struct dirent *d;
	bool ok = names != NULL;

	while (errno = 0, ok && (d = readdir(names)) != NULL)
		if (journal_is_name(d->d_name))
			ok = add_name(list, d->d_name, err);
	if (ok && errno != 0) {
		ok = error_set_errno(err, "cannot read the folder");
		error_in(err, in->path, NULL);
	}
	if (names)
		closedir(names);
	return ok;
}

bool journal_list(struct journal_names *list, const struct journal_folder *in,
		  struct error *err)
{
	bool ok;

	*list = (struct journal_names){ 0 };
	ok = in->prefix ? list_objects(list, in->prefix, err)
			: list_folder(list, &in->folder, err);
	if (!ok)
		journal_free_names(list);
	else if (list->count > 0)
		qsort(list->names, list->count, sizeof(*list->names), by_name);
	return ok;
}

void journal_free_names(struct journal_names *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->names[i]);
	free(list->names);
	*list = (struct journal_names){ 0 };
}
