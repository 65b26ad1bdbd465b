/*
 * load_torch_archive.c - what torch.save writes since 1.6: a zip of storages
 *
 *	<root>/data.pkl		the object, its tensors by persistent id
 *	<root>/data/<key>	the bytes of one storage
 *	<root>/version		"3"
 *	<root>/byteorder	"little" or "big" (since 2.0)
 *
 * and what torch.package wrote for one week of the framework's history:
 *
 *	<root>/policy/model.pkl			the agent, or
 *	<root>/policy_record/data.pkl		a record with the agent in it
 *	<root>/.data/<key>.storage		the bytes of one storage
 *	<root>/.data/version			"6"
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
	NAME_LIMIT = KEY_LIMIT + 16,	/* bytes of a name below the root */
	ROOT_LIMIT = 1024, NAME_SIZE = ROOT_LIMIT + NAME_LIMIT + 2,
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
static const struct zip_member *find(const struct zip *zip, const char *name)
{
	size_t root = root_length(zip), name_len = strlen(name);
	char path[NAME_SIZE];

	if (root > ROOT_LIMIT || name_len > NAME_LIMIT)
		return NULL;
	memcpy(path, zip->members[0].name, root);
	path[root] = '/';
	memcpy(path + root + 1, name, name_len);
	return zip_find_member(zip, path, root + 1 + name_len);
}

/* What torch.save and torch.package call their members. */
static const struct kind {
	const char *era;
	enum unpickler_layout layout;
	const char *pickle;		/* the member that says which it is */
	const char *before, *after;	/* a storage key in its member's name */
	const char *version;
} kinds[] = {
	{ "torch archive", UNPICKLER_ARCHIVE, "data.pkl", "data/", "",
	  "version" },
	{ "torch package", UNPICKLER_PACKAGE, "policy/model.pkl", ".data/",
	  ".storage", ".data/version" },
	{ "torch package", UNPICKLER_PACKAGE, "policy_record/data.pkl",
	  ".data/", ".storage", ".data/version" },
};

static const struct kind *find_kind(const struct zip *zip)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (find(zip, kinds[i].pickle))
			return &kinds[i];
	return NULL;
}

bool load_is_package(const struct zip *zip)
{
	return find(zip, ".data/extern_modules");
}

bool load_is_torch_archive(const struct zip *zip)
{
	return find_kind(zip) != NULL;
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

static bool check_version(const struct zip *zip, const struct kind *kind,
			  const struct reader *bytes, struct error *err)
{
	const struct zip_member *member = find(zip, kind->version);
	unsigned long version;
	char *text, *end;
	size_t len;

	if (!member)
		return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				 "a %s without the member \"%s\"",
				 kind->era, kind->version);
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

static bool read_byteorder(const struct zip *zip, const struct reader *bytes,
			   bool *big_endian, struct error *err)
{
	const struct zip_member *member = find(zip, "byteorder");
	char *text;
	size_t len;

	*big_endian = false;
	if (!member)
		return true;	/* before torch 2.0; little-endian */
	if (!load_member(zip, member, bytes, SMALL_LIMIT, &text, &len, err))
		return false;
	if (len == 3 && memcmp(text, "big", len) == 0) {
		*big_endian = true;
	} else if (len != 6 || memcmp(text, "little", len) != 0) {
		error_set(err, ERROR_UNSUPPORTED, 0,
			  "a byte order that is neither \"little\" nor "
			  "\"big\"");
		error_in(err, NULL, member->name);
	}
	free(text);
	return err->kind == ERROR_NONE;
}

static bool check_script(const struct zip *zip, struct error *err)
{
	if (!find(zip, "constants.pkl"))
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

/* Stored bytes are read where they are; deflated ones are inflated first. */
static bool open_storage(struct checkpoint *c, const struct kind *kind,
			 const struct reader *bytes,
			 const struct pickle_storage *wanted,
			 struct storage *storage, struct scratch *scratch,
			 struct error *err)
{
	const struct zip_member *member;
	char name[NAME_LIMIT + 1], shown[80];

	text_escape(shown, sizeof(shown), wanted->key, wanted->key_len);
	if (!key_is_safe(wanted->key, wanted->key_len))
		return error_set(err, ERROR_UNSAFE, ERROR_NO_OFFSET,
				 "storage key \"%s\" is none that torch "
				 "writes", shown);
	snprintf(name, sizeof(name), "%s%s%s", kind->before, wanted->key,
		 kind->after);
	member = find(&c->archive, name);
	if (!member)
		return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
				 "its pickle uses storage \"%s\", the archive "
				 "has no member %s", shown, name);
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

static bool open_storages(struct checkpoint *c, const struct kind *kind,
			  const struct reader *bytes, bool big_endian,
			  const struct pickle_index *index,
			  struct scratch *scratch, struct error *err)
{
	c->storages = arena_array(&c->arena, index->storage_count,
				  sizeof(*c->storages), err);
	if (!c->storages)
		return false;
	for (size_t i = 0; i < index->storage_count; i++) {
		c->storages[i].big_endian = big_endian;
		if (!open_storage(c, kind, bytes, &index->storages[i],
				  &c->storages[i], scratch, err))
			return false;
	}
	return true;
}

/* ---- the pickle ---- */

/* What was scanned before need not be scanned again. */
static bool scan_pickle(const struct kind *kind, const char *pickle,
			size_t len, struct scratch *scratch, size_t *used,
			struct error *err)
{
	struct pickle_scan scan;

	*used = len;
	if (storages_are_known(kind->layout, pickle, len, scratch))
		return true;
	if (!pickle_scan(&scan, pickle, len, err))
		return false;
	*used = (size_t)scan.nbytes;
	pickle_scan_free(&scan);
	return true;
}

static bool index_pickle(struct checkpoint *c, const struct kind *kind,
			 const struct reader *bytes, struct scratch *scratch,
			 struct pickle_index *index, struct error *err)
{
	const struct zip_member *member = find(&c->archive, kind->pickle);
	char *pickle = NULL;
	size_t len, used;
	bool ok;

	if (!load_member(&c->archive, member, bytes, (size_t)c->pickle_limit,
			 &pickle, &len, err))
		return false;
	ok = scan_pickle(kind, pickle, len, scratch, &used, err) &&
	     storages_index(c, kind->layout, pickle, used, scratch, index,
			    err);
	free(pickle);
	if (!ok)
		return error_in(err, NULL, member->name);
	return used == len ||
	       notes_add(&c->notes, err, "%zu bytes follow the end of its "
			 "pickle", len - used);
}

bool load_torch_archive(struct checkpoint *c, const struct reader *bytes,
			struct scratch *scratch, struct error *err)
{
	const struct kind *kind = find_kind(&c->archive);
	struct pickle_index index = { 0 };
	bool big_endian, ok = false;

	if (!c->era)
		c->era = kind->era;
	if (!check_script(&c->archive, err) ||
	    !check_roots(&c->archive, err) ||
	    !check_version(&c->archive, kind, bytes, err) ||
	    !read_byteorder(&c->archive, bytes, &big_endian, err) ||
	    !index_pickle(c, kind, bytes, scratch, &index, err))
		goto done;
	ok = c->skip || (open_storages(c, kind, bytes, big_endian, &index,
				       scratch, err) &&
			 storages_take_index(c, &index, err));
done:
	pickle_index_free(&index);
	return ok;
}
