/* space.c - add up what goes to each file system */
#include "convert/space.h"

#include <stdlib.h>
#include <sys/statvfs.h>

#include "base/console.h"
#include "base/memory.h"

struct need {
	unsigned long id;	/* of the file system */
	const char *root;	/* the first on it; borrowed */
	uint64_t nbytes, nfree;
};

static uint64_t size_of_bundle(const struct conversion *cv,
			       const struct job *job)
{
	uint64_t nbytes = job->source->nbytes;

	return cv->settings->format == FORMAT_ZIP ? nbytes - nbytes / 10 :
						    nbytes;
}

/* What a record says is only held against the bundle later. */
static bool is_done(const struct record *past)
{
	return past && past->bundle && past->status != STATUS_FAILED;
}

static uint64_t sum(const struct conversion *cv, const struct journal *journal)
{
	uint64_t nbytes = 0;

	for (size_t i = 0; i < cv->plan->count; i++) {
		const struct job *job = &cv->plan->jobs[i];

		if (journals_of(cv->journals, job) == journal &&
		    job->dest && !job->error && !job->source->skip &&
		    !job->same_as && !is_done(cv->history->records[i]))
			nbytes += size_of_bundle(cv, job);
	}
	return nbytes;
}

static bool compare(const struct need *need, struct error *err)
{
	char wanted[32], there[32];

	if (need->nfree >= need->nbytes)
		return true;
	error_set(err, ERROR_IO, ERROR_NO_OFFSET, "about %s are needed, and %s "
		  "are free (--no-space-check begins nevertheless)",
		  console_bytes(wanted, need->nbytes),
		  console_bytes(there, need->nfree));
	return error_in(err, need->root, NULL);
}

/*
 * Roots can share a file system.  Where nobody says how much is free, the work
 * will tell.
 */
static void add(struct need *needs, size_t *count, const char *root,
		uint64_t nbytes)
{
	struct statvfs fs;
	size_t i = 0;

	if (statvfs(root, &fs) != 0 || fs.f_blocks == 0)
		return;
	while (i < *count && needs[i].id != fs.f_fsid)
		i++;
	if (i == *count)
		needs[(*count)++] = (struct need){
			.id = fs.f_fsid, .root = root,
			.nfree = (uint64_t)fs.f_bavail * fs.f_frsize
		};
	needs[i].nbytes += nbytes;
}

bool space_check(const struct conversion *cv, struct error *err)
{
	const struct journals *js = cv->journals;
	struct need *needs = memory_array(js->count, sizeof(*needs), err);
	size_t count = 0;
	bool ok = needs != NULL;

	for (size_t i = 0; ok && i < js->count; i++)
		add(needs, &count, js->items[i].root,
		    sum(cv, &js->items[i]));
	for (size_t i = 0; ok && i < count; i++)
		ok = compare(&needs[i], err);
	free(needs);
	return ok;
}
