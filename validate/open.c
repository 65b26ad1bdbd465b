/* open.c - folders and archives, read the same way */
#include "validate/open.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/text.h"
#include "remote/object.h"

enum { CHUNK = 256 << 10 };

/* ---- what is no bundle ---- */

static const struct look {
	const char *bytes;
	size_t len;
	const char *what;
} looks[] = {
	{ "PK\x05\x06", 4, "a zip archive without members" },
	{ "{", 1, "a text" },
};

/* Does the file end as an archive without a comment does? */
static bool ends_as_zip(const struct reader *r)
{
	struct error ignored = { 0 };
	uint8_t end[22];

	return r->size > sizeof(end) &&
	       reader_read(r, r->size - sizeof(end), end, sizeof(end),
			   &ignored) &&
	       memcmp(end, "PK\x05\x06", 4) == 0;
}

/* A legacy checkpoint that is a pickle, or is named like one. */
static bool is_legacy(const char *path, const uint8_t *head, size_t len)
{
	return len > 0 && (head[0] == 0x80 || text_ends_in(path, ".mpt"));
}

/* Say what a file is that does not start as a zip archive with members does. */
static bool fault_no_zip(const char *path, const struct reader *r,
			 const uint8_t *head, size_t len, struct error *err)
{
	const char *what = "something else";

	if (is_legacy(path, head, len))
		return error_set(err, ERROR_UNSUPPORTED, 0,
				 "%s, not a bundle: convert it with "
				 "\"mpt-convert %.200s -o FOLDER\"",
				 head[0] == 0x80 ?
				 "a pickle, perhaps a legacy checkpoint" :
				 "named like a legacy checkpoint", path);
	if (ends_as_zip(r))
		what = "a zip archive with other bytes in front of it";
	if (r->size == 0)
		what = "an empty file";
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
		if (len >= looks[i].len &&
		    memcmp(head, looks[i].bytes, looks[i].len) == 0)
			what = looks[i].what;
	/* The first 8 bytes are a header's length, and then it starts. */
	if (len == 9 && head[8] == '{' && head[7] == 0)
		what = "a safetensors file, which alone is no bundle";
	return error_set(err, ERROR_UNSUPPORTED, 0,
			 "neither a folder nor a zip archive, it is %s", what);
}

static bool open_zip(struct container *c, struct error *err)
{
	uint8_t head[9];
	size_t len = c->reader.size < sizeof(head) ? (size_t)c->reader.size :
		     sizeof(head);

	if (!reader_read(&c->reader, 0, head, len, err))
		return false;
	if (len < 4 || !zip_is_magic(head))
		return fault_no_zip(c->path, &c->reader, head, len, err);
	if (!zip_read_directory(&c->zip, &c->reader, err))
		return false;
	/* torch can leave CRCs out; Python, which unpacks bundles, cannot. */
	c->zip.crc_absent = false;
	return true;
}

bool open_container(struct container *c, const char *path, bool folder,
		    struct error *err)
{
	*c = (struct container){ .path = path, .folder = folder };
	if (folder)
		return !object_is_path(path) ||
		       error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
				 "a folder: a bundle on S3 must be a zip");
	if (!object_open_or_file(&c->file, path, object_spill_folder(), err))
		return false;
	c->reader = file_reader(&c->file);
	if (open_zip(c, err))
		return true;
	open_container_close(c);
	return false;
}

void open_container_close(struct container *c)
{
	zip_free(&c->zip);
	file_discard(&c->file);
	*c = (struct container){ 0 };
}

/* ---- members of a folder ---- */

static bool fault_missing(const char *name, struct error *err)
{
	error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
		  "missing from the bundle");
	return error_in(err, NULL, name);
}

/* path is the folder and then the name; look at each part of the name. */
static bool check_parts(const char *folder, const char *name,
			struct error *err)
{
	char *path = file_join(folder, name, err);
	size_t start;
	struct stat st = { 0 };
	bool ok = false;

	if (!path)
		return false;
	start = strlen(path) - strlen(name);
	for (char *p = path + start; ; p++) {
		char kept = *p;

		if (kept != '/' && kept != '\0')
			continue;
		*p = '\0';
		if (lstat(path, &st) != 0) {
			if (errno == ENOENT || errno == ENOTDIR)
				fault_missing(name, err);
			else
				error_set_errno(err, "cannot look at it");
			goto done;
		}
		if (S_ISLNK(st.st_mode)) {
			error_set(err, ERROR_UNSAFE, ERROR_NO_OFFSET,
				  "\"%.200s\" is a symbolic link: what it "
				  "leads to is no part of the bundle",
				  path + start);
			goto done;
		}
		*p = kept;
		if (kept == '\0')
			break;
	}
	ok = S_ISREG(st.st_mode) ||
	     error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
		       S_ISDIR(st.st_mode) ? "a folder, where a file must be" :
		       "not a regular file");
done:
	free(path);
	return ok || error_in(err, NULL, name);
}

static void count(struct member *m, size_t len)
{
	m->pos += len;
	if (m->work)
		progress_moved(m->work, len);
}

static bool read_file(void *source, void *buf, size_t len, struct error *err)
{
	struct member *m = source;

	m->broken = !interrupt_check(err) ||
		    !reader_read(&m->reader, m->pos, buf, len, err);
	count(m, len);
	return !m->broken || error_in(err, NULL, m->name);
}

static bool open_file(struct member *m, const struct container *c,
		      struct error *err)
{
	char *path = file_join(c->path, m->name, err);
	bool ok = path && file_open(&m->file, path, err);

	free(path);
	if (!ok) {
		error_in(err, NULL, m->name);
		return false;
	}
	m->reader = file_reader(&m->file);
	m->bytes = (struct bundle_stream){ read_file, m, m->file.size,
					    m->file.size };
	return true;
}

/* ---- members of an archive ---- */

/* Is the name there, but below a folder?  Then that folder was zipped. */
static const struct zip_member *find_deeper(const struct zip *zip,
					    const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < zip->count; i++) {
		const struct zip_member *m = &zip->members[i];

		if (m->name_len > len + 1 &&
		    m->name[m->name_len - len - 1] == '/' &&
		    strcmp(m->name + m->name_len - len, name) == 0)
			return m;
	}
	return NULL;
}

static const struct zip_member *find_zip_member(const struct container *c,
						const char *name,
						struct error *err)
{
	size_t len = strlen(name);
	const struct zip_member *m = zip_find_member(&c->zip, name, len);

	if (m)
		return m;
	for (size_t i = 0; i < c->zip.count; i++) {
		const struct zip_member *other = &c->zip.members[i];

		if (other->name_len > len && other->name[len] == '/' &&
		    memcmp(other->name, name, len) == 0) {
			error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				  "a folder, where a file must be");
			error_in(err, NULL, name);
			return NULL;
		}
	}
	m = find_deeper(&c->zip, name);
	if (m)
		error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			  "missing from the bundle: it must be at the root, "
			  "the archive has \"%.200s\"", m->name);
	else
		fault_missing(name, err);
	error_in(err, NULL, name);
	return NULL;
}

static bool read_zip(void *source, void *buf, size_t len, struct error *err)
{
	struct member *m = source;

	m->broken = !interrupt_check(err) ||
		    !zip_stream_read(m->stream, buf, len, err);
	count(m, len);
	return !m->broken;
}

/* ---- both ---- */

bool open_check_member(const struct container *c, const char *name,
		       struct error *err)
{
	if (c->folder)
		return check_parts(c->path, name, err);
	return find_zip_member(c, name, err) != NULL;
}

bool open_has_member(const struct container *c, const char *name)
{
	return zip_find_member(&c->zip, name, strlen(name)) != NULL;
}

bool open_member(struct member *m, const struct container *c,
		 const char *name, struct error *err)
{
	const struct zip_member *found;

	*m = (struct member){ .name = name, .work = c->work };
	if (c->folder)
		return check_parts(c->path, name, err) &&
		       open_file(m, c, err);
	found = find_zip_member(c, name, err);
	if (!found)
		return false;
	m->stream = zip_stream_open(&c->zip, found, &c->reader, err);
	if (!m->stream) {
		error_in(err, NULL, name);
		return false;
	}
	m->bytes = (struct bundle_stream){ read_zip, m, found->usize,
					    found->csize };
	return true;
}

bool open_member_finish(struct member *m, struct error *err)
{
	char *chunk;
	bool ok = true;

	if (m->broken)
		return true;
	if (m->pos < m->bytes.size) {
		chunk = memory_array(CHUNK, 1, err);
		ok = chunk != NULL;
		while (ok && m->pos < m->bytes.size) {
			uint64_t left = m->bytes.size - m->pos;

			ok = m->bytes.read(m, chunk, left < CHUNK ?
					   (size_t)left : CHUNK, err);
		}
		free(chunk);
	}
	if (!ok)
		return false;
	return m->stream ? zip_stream_finish(m->stream, err)
			 : file_check_unchanged(&m->file, err);
}

void open_member_close(struct member *m)
{
	zip_stream_close(m->stream);
	file_discard(&m->file);
	*m = (struct member){ 0 };
}

static bool read_spec(struct member *m, const struct container *c, char **text,
		      size_t *len, struct error *err)
{
	if (!open_member(m, c, BUNDLE_SPEC, err))
		return false;
	if (m->bytes.size > POLICY_SPEC_LIMIT)
		return error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
				 "%" PRIu64 " bytes, over the limit of %u",
				 m->bytes.size, POLICY_SPEC_LIMIT);
	*len = (size_t)m->bytes.size;
	*text = memory_array(*len, 1, err);
	return *text && m->bytes.read(m->bytes.source, *text, *len, err) &&
	       open_member_finish(m, err);
}

bool open_read_spec(const struct container *c, char **text, size_t *len,
		    struct error *err)
{
	struct member m;
	bool ok;

	*text = NULL;
	ok = read_spec(&m, c, text, len, err);
	open_member_close(&m);
	if (ok)
		return true;
	free(*text);
	*text = NULL;
	return error_in(err, NULL, BUNDLE_SPEC);
}

static bool is_same(const char *name, const char *other)
{
	return other && strcmp(name, other) == 0;
}

bool open_check_rest(const struct container *c, const char *const without[2],
		     struct error *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < c->zip.count; i++) {
		const struct zip_member *z = &c->zip.members[i];
		struct member m;

		if (z->folder || is_same(z->name, without[0]) ||
		    is_same(z->name, without[1]))
			continue;
		ok = open_member(&m, c, z->name, err) &&
		     open_member_finish(&m, err);
		open_member_close(&m);
	}
	return ok;
}
