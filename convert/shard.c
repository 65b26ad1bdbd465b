/* shard.c - K of N, by option or from a scheduler's variables */
#include "convert/shard.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { MOST = 1000000 };

/* What a scheduler's variables say. */
struct place {
	const char *variable;	/* that told index; NULL: there are none */
	unsigned index;		/* of this process */
	unsigned low, high;	/* the indexes that run now */
	unsigned count;		/* of all indexes; 0: the variables ... */
	const char *doubt;	/* ... do not tell, and why */
};

/* Digits up to 'end'; what follows them, or NULL if there is no number. */
static const char *read_number(const char *text, char end, unsigned *value)
{
	unsigned n = 0;

	if (*text == end)
		return NULL;
	for (; *text >= '0' && *text <= '9' && n <= MOST; text++)
		n = n * 10 + (unsigned)(*text - '0');
	*value = n;
	return *text == end && n <= MOST ? text + 1 : NULL;
}

/* ---- variables ---- */

/* An empty one counts as not set. */
static bool is_set(const char *name)
{
	const char *text = getenv(name);

	return text && *text;
}

static bool read_variable(const char *name, unsigned *value,
			  struct error *err)
{
	if (!is_set(name))
		return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				 "%s is not set, but others that belong to it "
				 "are; --shard K/N names the shard", name);
	if (!read_number(getenv(name), '\0', value))
		return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				 "%s is \"%.100s\", no number up to %d; "
				 "--shard K/N names the shard", name,
				 getenv(name), MOST);
	return true;
}

/*
 * When some tasks of an array are submitted again, Slurm counts just those:
 * only an array that is whole for certain tells the number of shards.
 */
static bool read_slurm(struct place *p, struct error *err)
{
	unsigned count = 0;

	p->variable = "SLURM_ARRAY_TASK_ID";
	if (!read_variable("SLURM_ARRAY_TASK_ID", &p->index, err) ||
	    !read_variable("SLURM_ARRAY_TASK_MIN", &p->low, err) ||
	    !read_variable("SLURM_ARRAY_TASK_MAX", &p->high, err) ||
	    !read_variable("SLURM_ARRAY_TASK_COUNT", &count, err))
		return false;
	if (p->index < p->low || p->index > p->high)
		return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				 "Slurm's variables contradict each other: "
				 "task %u of an array from %u to %u", p->index,
				 p->low, p->high);
	if (count > 1 && p->low <= 1 && count == p->high - p->low + 1)
		p->count = count;
	p->doubt = "could be one of some tasks of an array that run again";
	return true;
}

static bool read_kubernetes(struct place *p, struct error *err)
{
	p->variable = "JOB_COMPLETION_INDEX";
	if (!read_variable(p->variable, &p->index, err))
		return false;
	p->low = p->high = p->index;
	p->doubt = "comes without a variable for the number of completions";
	return true;
}

static bool read_skypilot(struct place *p, struct error *err)
{
	p->variable = "SKYPILOT_NODE_RANK";
	if (!read_variable("SKYPILOT_NODE_RANK", &p->index, err) ||
	    !read_variable("SKYPILOT_NUM_NODES", &p->count, err))
		return false;
	if (p->index >= p->count)
		return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				 "SkyPilot's variables contradict each other: "
				 "node %u of %u, counted from 0", p->index,
				 p->count);
	p->high = p->count - 1;
	return true;
}

static const struct scheduler {
	const char *name;
	bool (*read)(struct place *p, struct error *err);
	const char *variables[4];
} schedulers[] = {
	{ "a Slurm array", read_slurm,
	  { "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN",
	    "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_COUNT" } },
	{ "a Kubernetes Indexed Job", read_kubernetes,
	  { "JOB_COMPLETION_INDEX" } },
	{ "SkyPilot", read_skypilot,
	  { "SKYPILOT_NODE_RANK", "SKYPILOT_NUM_NODES" } },
};

static bool is_present(const struct scheduler *s)
{
	for (size_t i = 0; i < 4 && s->variables[i]; i++)
		if (is_set(s->variables[i]))
			return true;
	return false;
}

static bool find_place(struct place *p, struct error *err)
{
	const struct scheduler *found = NULL;

	*p = (struct place){ 0 };
	for (size_t i = 0; i < sizeof(schedulers) / sizeof(*schedulers); i++) {
		if (!is_present(&schedulers[i]))
			continue;
		if (found)
			return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
					 "there are variables of both %s and "
					 "%s; --shard K/N names the shard",
					 found->name, schedulers[i].name);
		found = &schedulers[i];
	}
	return !found || found->read(p, err);
}

/* ---- K and N ---- */

static bool choose_by_place(struct shard *shard, const struct place *p,
			    struct error *err)
{
	if (!p->variable)
		return true;
	if (p->count == 0)
		return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				 "%s=%u %s: --shard auto/N says of how many "
				 "shards, --shard 0/1 takes everything",
				 p->variable, p->index, p->doubt);
	*shard = (struct shard){ p->index - p->low, p->count, p->variable };
	return true;
}

/* N is given, and the scheduler has to count like us, from 0. */
static bool choose_of(struct shard *shard, const struct place *p,
		      unsigned count, struct error *err)
{
	if (!p->variable)
		return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				 "--shard auto/%u is for Slurm arrays, "
				 "Kubernetes Indexed Jobs and SkyPilot, and no "
				 "variable of these is set", count);
	if (p->high >= count)
		return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				 "the shards of --shard auto/%u are 0 to %u, "
				 "but %s goes up to %u", count, count - 1,
				 p->variable, p->high);
	*shard = (struct shard){ p->index, count, p->variable };
	return true;
}

/* "K/N" or "auto/N". */
static bool parse(const char *text, bool *automatic, struct shard *shard,
		  struct error *err)
{
	const char *rest;

	*automatic = strncmp(text, "auto/", 5) == 0;
	rest = *automatic ? text + 5 : read_number(text, '/', &shard->index);
	if (rest && read_number(rest, '\0', &shard->count) &&
	    shard->index < shard->count)
		return true;
	return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
			 "--shard takes K/N, with K from 0 to N-1, or auto/N, "
			 "and N at most %d, not \"%.100s\"", MOST, text);
}

bool shard_choose(struct shard *shard, const char *text, struct error *err)
{
	bool automatic = true;
	struct place place;

	*shard = (struct shard){ 0, 1, NULL };
	if (text && !parse(text, &automatic, shard, err))
		return false;
	if (!automatic)
		return true;
	if (!find_place(&place, err))
		return false;
	return text ? choose_of(shard, &place, shard->count, err)
		    : choose_by_place(shard, &place, err);
}

unsigned shard_of(const char *relative, unsigned count)
{
	return (unsigned)crc32_z(0, (const Bytef *)relative,
				 strlen(relative)) % count;
}
