/*
 * load_torch_archive.c - what torch.save writes since 1.6: a zip of storages
 *
 *	<root>/data.pkl		the object, its tensors by persistent id
 *	<root>/data/<key>	the bytes of one storage
 *	<root>/version		"3"
 *	<root>/byteorder	"little" or "big" (since 2.0)
 *
 * The helper reads data.pkl and says which tensors there are; here each is
 * held against the real size of its storage, and later moved.
 */
#include "convert/load.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "convert/storages.h"
#include "convert/unpickler/protocol.h"
#include "formats/pickle.h"

enum {
	SMALL_LIMIT = 64,	/* bytes of version and of byteorder */
	KEY_LIMIT = 64,		/* bytes of a storage key */
	ROOT_LIMIT = 1024, NAME_SIZE = ROOT_LIMIT + KEY_LIMIT + 16,
	VERSION_LIMIT = 10	/* the last that torch 2.13 reads */
};

/* ---- members ---- */

/* The part of a name before its first slash, which all members share. */
static size_t root_length(const struct zip *zip)
{
	const char *name = zip->members[0].name;

	return strcspn(name, "/");
}

/* The member "<root>/<name>", or NULL. */
static const struct zip_member *find(const struct zip *zip, const char *name,
				     size_t name_len)
{
	size_t root = root_length(zip);
	char path[NAME_SIZE];

	if (root > ROOT_LIMIT || name_len > KEY_LIMIT + 8)
		return NULL;
	memcpy(path, zip->members[0].name, root);
	path[root] = '/';
	memcpy(path + root + 1, name, name_len);
	return zip_find_member(zip, path, root + 1 + name_len);
}

bool load_is_torch_archive(const struct zip *zip)
{
	return find(zip, "data.pkl", 8) != NULL;
}

/* torch's reader takes the first member's root and demands it of all. */
static bool check_roots(const struct zip *zip, struct error *err)
{
	size_t root = root_length(zip);

	for (size_t i = 1; i < zip->count; i++)
		if (strncmp(zip->members[i].name, zip->members[0].name,
			    root + 1) != 0) {
			error_set(err, ERROR_CORRUPT, zip->members[i].header,
				  "it lies outside the root \"%.*s/\" of the "
				  "first member", (int)root,
				  zip->members[0].name);
			return error_in(err, NULL, zip->members[i].name);
		}
	return true;
}

static bool check_version(const struct zip *zip, const struct reader *bytes,
			  struct error *err)
{
	const struct zip_member *member = find(zip, "version", 7);
	unsigned long version;
	char *text, *end;
	size_t len;

	if (!member)
		return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				 "a torch archive without the member "
				 "\"version\"");
	if (!load_member(zip, member, bytes, SMALL_LIMIT, &text, &len, err))
		return false;
	version = strtoul(text, &end, 10);
	if (end == text || (*end != '\n' && *end != '\0') || version < 1 ||
	    version > VERSION_LIMIT) {
		error_set(err, ERROR_UNSUPPORTED, 0,
			  "not a version from 1 to %d", VERSION_LIMIT);
		error_in(err, NULL, member->name);
	}
	free(text);
	return err->kind == ERROR_NONE;
}

static bool check_byteorder(const struct zip *zip, const struct reader *bytes,
			    struct error *err)
{
	const struct zip_member *member = find(zip, "byteorder", 9);
	char *text;
	size_t len;

	if (!member)
		return true;	/* before torch 2.0; little-endian */
	if (!load_member(zip, member, bytes, SMALL_LIMIT, &text, &len, err))
		return false;
	if (strcmp(text, "little") != 0 || len != strlen("little")) {
		error_set(err, ERROR_UNSUPPORTED, 0,
			  "a byte order other than \"little\"");
		error_in(err, NULL, member->name);
	}
	free(text);
	return err->kind == ERROR_NONE;
}

static bool check_kind(const struct zip *zip, struct error *err)
{
	if (!find(zip, "constants.pkl", 13))
		return true;
	return error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
			 "a TorchScript archive, not a checkpoint: load it "
			 "with torch.jit.load and save its state_dict()");
}

/* ---- storages ---- */

static bool key_is_safe(const char *key, size_t len)
{
	if (len == 0 || len > KEY_LIMIT || (len == 1 && key[0] == '.') ||
	    (len == 2 && memcmp(key, "..", 2) == 0))
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = key[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= 'a' && c <= 'z') && !strchr("_.-", c))
			return false;
	}
	return true;
}

/* Stored bytes are read where they are; deflated ones are spilled first. */
static bool open_storage(struct checkpoint *c, const struct reader *bytes,
			 const struct pickle_storage *wanted,
			 struct storage *storage, struct scratch *scratch,
			 struct error *err)
{
	const struct zip_member *member;
	char name[KEY_LIMIT + 8] = "data/", shown[80];

	text_escape(shown, sizeof(shown), wanted->key, wanted->key_len);
	if (!key_is_safe(wanted->key, wanted->key_len))
		return error_set(err, ERROR_UNSAFE, ERROR_NO_OFFSET,
				 "storage key \"%s\" is none that torch "
				 "writes", shown);
	memcpy(name + 5, wanted->key, wanted->key_len);
	member = find(&c->archive, name, 5 + wanted->key_len);
	if (!member)
		return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				 "its pickle uses storage \"%s\", the archive "
				 "has no member data/%s", shown, shown);
	if (member->usize != wanted->nbytes) {
		error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			  "%" PRIu64 " bytes, the pickle says %" PRIu64,
			  member->usize, wanted->nbytes);
		return error_in(err, NULL, member->name);
	}
	storage->name = member->name;
	storage->crc = member->crc;
	if (member->method != ZIP_STORED)
		return load_spill_member(c, &c->archive, member, bytes,
					 scratch, &storage->bytes, err);
	storage->check_crc = !c->archive.crc_absent;
	return reader_window(&storage->bytes, bytes, member->data,
			     member->usize, err);
}

static bool open_storages(struct checkpoint *c, const struct reader *bytes,
			  const struct pickle_index *index,
			  struct scratch *scratch, struct error *err)
{
	c->storages = arena_array(&c->arena, index->storage_count,
				  sizeof(*c->storages), err);
	if (!c->storages)
		return false;
	for (size_t i = 0; i < index->storage_count; i++)
		if (!open_storage(c, bytes, &index->storages[i],
				  &c->storages[i], scratch, err))
			return false;
	return true;
}

/* ---- the pickle ---- */

static bool index_pickle(struct checkpoint *c, const struct reader *bytes,
			 struct scratch *scratch, struct error *err)
{
	const struct zip_member *member = find(&c->archive, "data.pkl", 8);
	struct pickle_scan scan = { 0 };
	struct pickle_index index = { 0 };
	char *pickle = NULL;
	size_t len;
	bool ok = false;

	if (!load_member(&c->archive, member, bytes, UNPICKLER_REQUEST_LIMIT,
			 &pickle, &len, err))
		return false;
	if (!pickle_scan(&scan, pickle, len, err) ||
	    !unpickler_index(&scratch->unpickler, pickle, len, &index, err)) {
		error_in(err, NULL, member->name);
		goto done;
	}
	free(pickle);
	pickle = NULL;
	if (scan.nbytes < len &&
	    !notes_add(&c->notes, err, "%zu bytes follow the end of its "
		       "pickle", len - (size_t)scan.nbytes))
		goto done;
	if (index.not_a_policy) {
		c->skip = arena_copy(&c->arena, index.notes[0],
				     strlen(index.notes[0]), err);
		ok = c->skip != NULL;
		goto done;
	}
	ok = open_storages(c, bytes, &index, scratch, err) &&
	     storages_take_index(c, &index, err);
done:
	free(pickle);
	pickle_scan_free(&scan);
	pickle_index_free(&index);
	return ok;
}

bool load_torch_archive(struct checkpoint *c, const struct reader *bytes,
			struct scratch *scratch, struct error *err)
{
	return check_kind(&c->archive, err) &&
	       check_roots(&c->archive, err) &&
	       check_version(&c->archive, bytes, err) &&
	       check_byteorder(&c->archive, bytes, err) &&
	       index_pickle(c, bytes, scratch, err);
}
