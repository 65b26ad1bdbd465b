/* there.c - members of folders and archives, and what is beside them */
#include "convert/there.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/interrupt.h"
#include "convert/load.h"
#include "formats/bundle.h"
#include "remote/object.h"

enum { SKIP_SIZE = 4096 };

/* True, with a difference. */
static bool differs(struct error *difference, const char *reason)
{
	error_set(difference, ERROR_DIFFERENT, ERROR_NO_OFFSET, "%s", reason);
	return true;
}

/* Whose fault is it?  What the bytes are wrong in is a difference. */
static bool judge(const struct error *fault, struct error *difference,
		  struct error *err)
{
	if (fault->kind == ERROR_IO || fault->kind == ERROR_MEMORY ||
	    fault->kind == ERROR_INTERRUPTED) {
		error_set(err, fault->kind, fault->offset, "%s",
			  fault->reason);
		return error_in(err, fault->path[0] ? fault->path : NULL,
				fault->member[0] ? fault->member : NULL);
	}
	error_set(difference, ERROR_DIFFERENT, fault->offset, "%s",
		  fault->reason);
	error_in(difference, NULL, fault->member[0] ? fault->member : NULL);
	return true;
}

/* ---- the bundle ---- */

static bool open_archive(struct there *t, struct error *difference,
			 struct error *err)
{
	struct error fault = { 0 };

	if (!object_open_or_file(&t->file, t->path, object_spill_folder(),
				 err))
		return false;
	t->reader = file_reader(&t->file);
	if (!zip_read_directory(&t->zip, &t->reader, &fault))
		return judge(&fault, difference, err);
	/* torch can leave CRCs out; Python, which unpacks bundles, cannot. */
	t->zip.crc_absent = false;
	return true;
}

bool there_open(struct there *t, const char *path, bool archive, bool *missing,
		struct error *difference, struct error *err)
{
	mode_t mode;
	bool ok = object_look_or_file(path, &mode, err);

	*t = (struct there){ .path = path, .archive = archive };
	*missing = ok && mode == 0;
	if (*missing) {
		differs(difference, "is not there");
	} else if (ok && archive) {
		ok = S_ISREG(mode) ? open_archive(t, difference, err)
				   : differs(difference, "is no file");
	} else if (ok && !S_ISDIR(mode)) {
		differs(difference, "is no folder");
	}
	if (ok && difference->kind == ERROR_NONE)
		return true;
	there_close(t);
	return ok || error_in(err, path, NULL);
}

void there_close(struct there *t)
{
	zip_free(&t->zip);
	file_discard(&t->file);
	*t = (struct there){ 0 };
}

/* ---- what else is in it ---- */

/* Names beside those of the members: how many, and the first. */
struct others {
	const char *first;
	size_t count;
	struct arena arena;
};

static bool add_other(struct others *o, const char *name, struct error *err)
{
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	    strcmp(name, BUNDLE_SPEC) == 0 ||
	    strcmp(name, BUNDLE_WEIGHTS) == 0)
		return true;
	o->count++;
	if (o->first && strcmp(o->first, name) < 0)
		return true;
	o->first = arena_copy(&o->arena, name, strlen(name), err);
	return o->first != NULL;
}

static bool list_folder(const char *path, struct others *o, struct error *err)
{
	DIR *folder = opendir(path);
	struct dirent *d;
	bool ok = true;

	if (!folder) {
		error_set_errno(err, "cannot read the folder");
		return error_in(err, path, NULL);
	}
	while (errno = 0, ok && (d = readdir(folder)) != NULL)
		ok = add_other(o, d->d_name, err);
	if (ok && errno != 0) {
		ok = error_set_errno(err, "cannot read the folder");
		error_in(err, path, NULL);
	}
	closedir(folder);
	return ok;
}

bool there_note_others(const struct there *t, struct notes *notes,
		       struct error *err)
{
	struct others o = { 0 };
	bool ok = t->archive || list_folder(t->path, &o, err);

	for (size_t i = 0; ok && i < t->zip.count; i++)
		ok = add_other(&o, t->zip.members[i].name, err);
	if (ok && o.count == 1)
		ok = notes_add(notes, err, "its bundle also holds \"%.400s\"",
			       o.first);
	if (ok && o.count > 1)
		ok = notes_add(notes, err, "its bundle also holds \"%.400s\" "
			       "and %zu more", o.first, o.count - 1);
	arena_free(&o.arena);
	return ok;
}

static bool sync_file(const char *folder, const char *name, struct error *err)
{
	char *path = file_join(folder, name, err);
	struct file file = { 0 };
	bool ok = path && file_open(&file, path, err) && file_sync(&file, err);

	file_discard(&file);
	free(path);
	return ok;
}

bool there_sync(const struct there *t, struct error *err)
{
	size_t len = strlen(t->path) - strlen(file_base_name(t->path));
	char *parent = len > 0 ? memory_copy(t->path, len, err)
			       : file_join(NULL, ".", err);
	bool ok = parent != NULL;

	if (t->archive)
		ok = ok && file_sync(&t->file, err);
	else
		ok = ok && sync_file(t->path, BUNDLE_SPEC, err) &&
		     sync_file(t->path, BUNDLE_WEIGHTS, err) &&
		     file_sync_folder(t->path, err);
	ok = ok && file_sync_folder(parent, err);
	free(parent);
	return ok;
}

/* ---- a member ---- */

static bool open_in_folder(struct there_member *m, struct error *difference,
			   struct error *err)
{
	char *path = file_join(m->there->path, m->name, err);
	struct stat st;
	bool ok = path != NULL;

	if (!ok)
		return false;
	if (lstat(path, &st) != 0) {
		ok = errno == ENOENT && differs(difference, "is not there");
		if (!ok) {
			error_set_errno(err, "cannot look for it");
			error_in(err, path, NULL);
		}
	} else if (!S_ISREG(st.st_mode)) {
		differs(difference, "is no regular file");
	} else {
		ok = file_open(&m->file, path, err);
	}
	if (m->file.path) {
		m->reader = file_reader(&m->file);
		m->nbytes = m->reader.size;
	}
	free(path);
	return ok;
}

/* From its first byte. */
static bool open_stream(struct there_member *m, struct error *difference,
			struct error *err)
{
	struct error fault = { 0 };

	zip_stream_close(m->stream);
	m->pos = 0;
	m->stream = zip_stream_open(&m->there->zip, m->member,
				    &m->there->reader, &fault);
	return m->stream || judge(&fault, difference, err);
}

bool there_open_member(struct there_member *m, const struct there *t,
		       const char *name, struct error *difference,
		       struct error *err)
{
	bool ok;

	*m = (struct there_member){ .name = name, .there = t };
	if (t->archive) {
		m->member = zip_find_member(&t->zip, name, strlen(name));
		m->nbytes = m->member ? m->member->usize : 0;
		ok = m->member ? open_stream(m, difference, err)
			       : differs(difference, "is not there");
	} else {
		ok = open_in_folder(m, difference, err);
	}
	if (!ok || difference->kind != ERROR_NONE)
		there_close_member(m);
	return ok;
}

bool there_spread_member(struct there_member *m, struct checkpoint *c,
			 struct scratch *scratch, struct error *difference,
			 struct error *err)
{
	struct error fault = { 0 };

	if (!m->stream)
		return true;
	zip_stream_close(m->stream);
	m->stream = NULL;
	return load_spill_member(c, &m->there->zip, m->member,
				 &m->there->reader, scratch, &m->reader,
				 &fault) ||
	       judge(&fault, difference, err);
}

static bool read_stream(struct there_member *m, void *buf, size_t len,
			struct error *difference, struct error *err)
{
	struct error fault = { 0 };

	m->pos += len;
	return zip_stream_read(m->stream, buf, len, &fault) ||
	       judge(&fault, difference, err);
}

bool there_read(struct there_member *m, uint64_t offset, void *buf,
		size_t len, struct error *difference, struct error *err)
{
	char skipped[SKIP_SIZE];

	if (!m->stream)
		return reader_read(&m->reader, offset, buf, len, err);
	if (offset < m->pos && !open_stream(m, difference, err))
		return false;
	while (m->pos < offset && difference->kind == ERROR_NONE) {
		size_t n = offset - m->pos < SKIP_SIZE ?
			   (size_t)(offset - m->pos) : SKIP_SIZE;

		if (!interrupt_check(err) ||
		    !read_stream(m, skipped, n, difference, err))
			return false;
	}
	return difference->kind != ERROR_NONE ||
	       read_stream(m, buf, len, difference, err);
}

bool there_finish_member(struct there_member *m, struct error *difference,
			 struct error *err)
{
	struct error fault = { 0 };

	if (m->stream && !zip_stream_finish(m->stream, &fault) &&
	    !judge(&fault, difference, err))
		return false;
	return file_check_unchanged(m->there->archive ? &m->there->file
						      : &m->file, err);
}

void there_close_member(struct there_member *m)
{
	zip_stream_close(m->stream);
	file_discard(&m->file);
	*m = (struct there_member){ 0 };
}
