/* object.c - files that are filled from objects */
#define _DEFAULT_SOURCE	/* S_IFREG */
#include "remote/object.h"

#include <errno.h>
#include <inttypes.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/interrupt.h"
#include "base/memory.h"
#include "remote/s3_body.h"

/* What is fetched at least: the directory of most archives fits in. */
#define BLOCK_NBYTES (UINT64_C(128) << 10)
/* An object of no more is fetched at once: that takes as long as a part. */
#define SMALL_NBYTES (UINT64_C(1) << 20)
/* What is fetched ahead at most, in parts that come at the same time. */
#define AHEAD_NBYTES (4 * S3_PART_NBYTES)

struct object {
	char *path;
	struct object_name name;	/* borrows path */
	struct s3_facts facts;
	struct file *file;	/* that is filled */
	const char *folder;	/* in which that is */
	omp_lock_t lock;	/* of what follows */
	uint8_t *there;		/* [block_count]: was it fetched */
	uint64_t block_count, blocks_there;
	uint64_t next;		/* behind the block fetched last */
	uint64_t ahead;		/* bytes to fetch if that is read next */
};

bool object_is_path(const char *path)
{
	return strncmp(path, S3_SCHEME, sizeof(S3_SCHEME) - 1) == 0;
}

bool object_split(struct object_name *name, const char *path,
		  struct error *err)
{
	const char *bucket = path + sizeof(S3_SCHEME) - 1;
	size_t len = strcspn(bucket, "/");

	if (len == 0 || len >= sizeof(name->bucket)) {
		error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
			  "a bucket of %zu bytes; names of buckets have 3 to "
			  "63", len);
		return error_in(err, path, NULL);
	}
	memcpy(name->bucket, bucket, len);
	name->bucket[len] = '\0';
	name->place.bucket = name->bucket;
	name->place.key = bucket + len + (bucket[len] == '/');
	return true;
}

char *object_below(const char *path, struct error *err)
{
	size_t len = strlen(path);
	char *below = memory_array(len + 2, 1, err);

	if (!below)
		return NULL;
	memcpy(below, path, len);
	if (len == 0 || path[len - 1] != '/')
		below[len] = '/';
	return below;
}

char *object_join(struct arena *a, const char *bucket, const char *key,
		  struct error *err)
{
	size_t scheme = sizeof(S3_SCHEME) - 1, n = strlen(bucket);
	size_t key_size = strlen(key) + 1;
	char *path = arena_array(a, scheme + n + 1 + key_size, 1, err);

	if (!path)
		return NULL;
	memcpy(path, S3_SCHEME, scheme);
	memcpy(path + scheme, bucket, n);
	path[scheme + n] = '/';
	memcpy(path + scheme + n + 1, key, key_size);
	return path;
}

const char *object_spill_folder(void)
{
	const char *folder = getenv("TMPDIR");

	return folder && *folder ? folder : "/tmp";
}

/* ---- filling ---- */

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The file has the object's name: without more, S3 would seem to be full. */
static bool keep_bytes(void *to, uint64_t offset, const void *buf, size_t len,
		       struct error *err)
{
	const struct object *o = to;
	struct error fault = { 0 };

	return file_write(o->file, offset, buf, len, &fault) ||
	       error_set(err, ERROR_IO, ERROR_NO_OFFSET,
			 "what was fetched cannot be kept in %.200s: %.200s",
			 o->folder, fault.reason);
}

/* Fetch the blocks from first on until end, or one that is there. */
static bool fetch(struct object *o, uint64_t first, uint64_t end,
		  struct error *err)
{
	const struct writer to = { .write = keep_bytes, .to = o };
	uint64_t last = first, offset = first * BLOCK_NBYTES;

	while (last < end && !o->there[last])
		last++;
	if (!s3_fetch(&o->name.place, &o->facts, offset,
		      smaller(last * BLOCK_NBYTES, o->facts.nbytes) - offset,
		      &to, err))
		return false;
	for (uint64_t i = first; i < last; i++)
		o->there[i] = 1;
	o->blocks_there += last - first;
	o->next = last;
	return true;
}

/* How far to fetch for a block that is missing: twice as far each time. */
static uint64_t choose_end(struct object *o, uint64_t block, uint64_t wanted)
{
	uint64_t end;

	o->ahead = block == o->next && o->ahead > 0
			   ? smaller(o->ahead * 2, AHEAD_NBYTES)
			   : BLOCK_NBYTES;
	end = block + o->ahead / BLOCK_NBYTES;
	return smaller(end > wanted ? end : wanted, o->block_count);
}

/*
 * Whatever an answer was wrong in is no fault of the object's bytes: who reads
 * them takes ERROR_CORRUPT for an object that is broken.
 */
static bool fail_reading(const struct error *fault, struct error *err)
{
	*err = *fault;
	if (fault->kind != ERROR_MEMORY && fault->kind != ERROR_INTERRUPTED)
		err->kind = ERROR_IO;
	return false;
}

static bool fill_blocks(struct object *o, uint64_t offset, size_t len,
			struct error *err)
{
	uint64_t wanted = (offset + len + BLOCK_NBYTES - 1) / BLOCK_NBYTES;
	bool ok = true;

	omp_set_lock(&o->lock);
	if (o->blocks_there == 0 && o->facts.nbytes <= SMALL_NBYTES)
		ok = fetch(o, 0, o->block_count, err);
	for (uint64_t i = offset / BLOCK_NBYTES; ok && i < wanted; i++)
		if (!o->there[i])
			ok = interrupt_check(err) &&
			     fetch(o, i, choose_end(o, i, wanted), err);
	omp_unset_lock(&o->lock);
	return ok;
}

static bool fill(void *state, uint64_t offset, size_t len, struct error *err)
{
	struct error fault = { 0 };

	return fill_blocks(state, offset, len, &fault) ||
	       fail_reading(&fault, err);
}

/* ---- checking ---- */

static bool check(void *state, struct error *err)
{
	struct object *o = state;
	const struct reader all = file_reader(o->file);
	char hex[S3_MD5_HEX_SIZE];
	struct error fault = { 0 };

	if (!o->facts.md5[0] || o->blocks_there < o->block_count)
		return true;
	if (!s3_body_md5_of(hex, &all, &fault))
		return fail_reading(&fault, err);
	return strcmp(hex, o->facts.md5) == 0 ||
	       error_set(err, ERROR_IO, ERROR_NO_OFFSET,
			 "what was fetched has the MD5 %s, and S3 has %s: it "
			 "was changed on its way", hex, o->facts.md5);
}

/* ---- open and close ---- */

static void close_object(void *state)
{
	struct object *o = state;

	omp_destroy_lock(&o->lock);
	free(o->there);
	free(o->path);
	free(o);
}

static const struct file_origin origin = { fill, check, close_object };

static struct object *make(const char *path, struct error *err)
{
	struct object *o = memory_array(1, sizeof(*o), err);

	if (!o)
		return NULL;
	omp_init_lock(&o->lock);
	o->path = strdup(path);
	if (o->path)
		return o;
	error_set_memory(err, strlen(path) + 1);
	close_object(o);
	return NULL;
}

static bool look(struct object *o, struct error *err)
{
	bool found;

	if (!object_split(&o->name, o->path, err) ||
	    !s3_look(&o->facts, &found, &o->name.place, err))
		return false;
	o->block_count = o->facts.nbytes / BLOCK_NBYTES +
			 (o->facts.nbytes % BLOCK_NBYTES > 0);
	if (!found)
		return error_set(err, ERROR_IO, ERROR_NO_OFFSET,
				 "there is no such object");
	if (o->facts.nbytes > INT64_MAX || o->block_count > SIZE_MAX)
		return error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
				 "an object of %" PRIu64 " bytes",
				 o->facts.nbytes);
	o->there = memory_array((size_t)o->block_count + 1, 1, err);
	return o->there != NULL;
}

static bool open_object(struct file *f, const char *path, const char *folder,
			struct error *err)
{
	struct object *o = make(path, err);

	*f = (struct file){ 0 };
	if (!o || !look(o, err)) {
		if (o)
			close_object(o);
		return error_in(err, path, NULL);
	}
	o->file = f;
	o->folder = folder;
	return file_create_filled(f, path, o->facts.nbytes, folder, &origin, o,
				  err) &&
	       (f->mtime = o->facts.modified, true);
}

bool object_open_or_file(struct file *f, const char *path, const char *folder,
			 struct error *err)
{
	return object_is_path(path) ? open_object(f, path, folder, err)
				    : file_open(f, path, err);
}

bool object_look_or_file(const char *path, mode_t *mode, struct error *err)
{
	struct object_name name;
	struct s3_facts facts;
	struct stat st = { 0 };
	bool found;

	*mode = 0;
	if (object_is_path(path)) {
		if (!object_split(&name, path, err) ||
		    !s3_look(&facts, &found, &name.place, err))
			return error_in(err, path, NULL);
		*mode = found ? S_IFREG : 0;
		return true;
	}
	if (lstat(path, &st) != 0 && errno != ENOENT && errno != ENOTDIR &&
	    errno != ENAMETOOLONG) {
		error_set_errno(err, "cannot look at it");
		return error_in(err, path, NULL);
	}
	*mode = st.st_mode;
	return true;
}

const char *object_etag(const struct file *f)
{
	return f->origin == &origin ? ((struct object *)f->state)->facts.etag
				    : NULL;
}
