/* claim.c - locked files that say who is at work */
#define _GNU_SOURCE	/* F_OFD_SETLK */
#include "convert/claim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

/* Of a claim; and of a file that is to be one, but may not be locked yet. */
static const char prefix[] = "claim-", new_prefix[] = "new-claim-";

enum { NAME_SIZE = sizeof(new_prefix) - 1 + CLAIM_ID_SIZE };

static void print_name(char name[NAME_SIZE], const char *first, const char *id)
{
	snprintf(name, NAME_SIZE, "%s%s", first, id);
}

static bool fail(const struct folder *in, struct error *err, const char *what)
{
	error_set_errno(err, "%s", what);
	return error_in(err, in->path, NULL);
}

static bool lock(int fd)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_OFD_SETLK, &whole) == 0;
}

static bool choose_id(char id[CLAIM_ID_SIZE], struct error *err)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return error_set_errno(err, "cannot get a random number");
	snprintf(id, CLAIM_ID_SIZE, "%016" PRIx64, random);
	return true;
}

/*
 * Make a file, lock it, and only then give it the name of a claim: nobody can
 * find that unlocked, take it for a dead one's, and remove what this process
 * writes.  *gone if somebody tidied the file up before it had that name.
 */
static bool try_take(struct claim *claim, const struct folder *in, bool *gone,
		     struct error *err)
{
	char name[NAME_SIZE], first[NAME_SIZE];
	struct error fault = { 0 };
	bool taken = false;
	mode_t mode = 0;

	print_name(name, prefix, claim->id);
	print_name(first, new_prefix, claim->id);
	claim->fd = file_open_at(in->fd, first, O_RDWR | O_CREAT | O_EXCL |
				 O_NOFOLLOW, 0666);
	if (claim->fd < 0)
		return fail(in, err, "cannot create a file here");
	(void)lock(claim->fd);	/* where there are no locks, without */
	*gone = false;
	if (folder_rename_file(in, first, name, &taken, err))
		return true;
	*gone = taken || (folder_look(in, first, &mode, &fault) && mode == 0);
	if (*gone)
		*err = (struct error){ 0 };
	unlinkat(in->fd, first, 0);
	close(claim->fd);
	return *gone;
}

bool claim_take(struct claim *claim, const struct folder *in,
		struct error *err)
{
	bool ok, gone = false;

	do
		ok = choose_id(claim->id, err) &&
		     try_take(claim, in, &gone, err);
	while (ok && gone);
	if (!ok)
		claim->id[0] = '\0';
	return ok;
}

bool claim_release(struct claim *claim, const struct folder *in,
		   struct error *err)
{
	char name[NAME_SIZE];
	bool ok;

	if (!claim->id[0])
		return true;
	print_name(name, prefix, claim->id);
	ok = folder_remove_file(in, name, err);
	close(claim->fd);
	*claim = (struct claim){ 0 };
	return ok;
}

static bool is_dead(const struct folder *in, const char *name)
{
	int fd = file_open_at(in->fd, name,
			      O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0);
	bool dead = fd >= 0 && lock(fd);

	if (fd >= 0)
		close(fd);
	return dead;
}

static bool add_if_dead(struct dead_claims *dead, const struct folder *in,
			const struct claim *own, const char *name,
			struct error *err)
{
	const char *id = name + sizeof(prefix) - 1;
	void *grown = dead->ids;

	if (strncmp(name, new_prefix, sizeof(new_prefix) - 1) == 0 &&
	    is_dead(in, name))
		unlinkat(in->fd, name, 0);	/* it has written nothing yet */
	if (strncmp(name, prefix, sizeof(prefix) - 1) != 0 ||
	    strlen(id) != CLAIM_ID_SIZE - 1 || strcmp(id, own->id) == 0 ||
	    !is_dead(in, name))
		return true;
	if (!memory_grow(&grown, &dead->capacity, dead->count + 1,
			 sizeof(*dead->ids), err))
		return false;
	dead->ids = grown;
	memcpy(dead->ids[dead->count++], id, CLAIM_ID_SIZE);
	return true;
}

bool claim_find_dead(struct dead_claims *dead, const struct folder *in,
		     const struct claim *own, struct error *err)
{
	struct dirent *d;
	bool ok = true;
	DIR *list = folder_list(in, err);

	*dead = (struct dead_claims){ 0 };
	if (!list)
		return false;
	while (errno = 0, ok && (d = readdir(list)) != NULL)
		ok = add_if_dead(dead, in, own, d->d_name, err);
	if (ok && errno != 0)
		ok = fail(in, err, "cannot read the folder");
	closedir(list);
	return ok;
}

void claim_remove_dead(struct dead_claims *dead, const struct folder *in)
{
	char name[NAME_SIZE];

	for (size_t i = 0; i < dead->count; i++) {
		print_name(name, prefix, dead->ids[i]);
		unlinkat(in->fd, name, 0);
	}
}

void claim_free_dead(struct dead_claims *dead)
{
	free(dead->ids);
	*dead = (struct dead_claims){ 0 };
}
