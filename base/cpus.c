/* cpus.c - affinity, cgroup quota and Slurm's variables */
#define _GNU_SOURCE	/* sched_getaffinity */
#include "base/cpus.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = CPUS_NO_QUOTA };

static unsigned from_affinity(void)
{
#ifdef CPU_COUNT
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		return (unsigned)CPU_COUNT(&set);
#endif
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	return online > 0 && online < MOST ? (unsigned)online : 1;
}

/* ---- cgroup quotas: a share of time, in microseconds of a period ---- */

/*
 * The numbers at the start of a small file.  "max" and no file are 0, and -1,
 * which is v1's "no quota", becomes more than any machine has.
 */
static uint64_t read_numbers(const char *folder, const char *name,
			     uint64_t *second)
{
	char path[PATH_MAX], line[64] = "", *rest;
	uint64_t first = 0;
	FILE *f = NULL;

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) <
	    (int)sizeof(path))
		f = fopen(path, "re");
	if (!f)
		return 0;
	if (fgets(line, sizeof(line), f))
		first = strtoull(line, &rest, 10);
	if (first > 0 && second)
		*second = strtoull(rest, NULL, 10);
	fclose(f);
	return first;
}

/* v2: "cpu.max" holds "QUOTA PERIOD"; v1 has a file for each. */
static unsigned from_group(const char *folder, bool v2)
{
	uint64_t period = 0, quota;

	if (v2) {
		quota = read_numbers(folder, "cpu.max", &period);
	} else {
		quota = read_numbers(folder, "cpu.cfs_quota_us", NULL);
		period = read_numbers(folder, "cpu.cfs_period_us", NULL);
	}
	if (quota == 0 || period == 0 || quota / period >= MOST)
		return MOST;
	return (unsigned)(quota / period + (quota % period != 0));
}

/*
 * The group itself and all above it.  In a container the mount may begin at
 * the container's own group, while the path is that of the machine: then only
 * the last step, the mount itself, finds something.
 */
static unsigned from_groups(const char *mount, const char *group, bool v2)
{
	size_t mount_len = strlen(mount);
	unsigned least = MOST;
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s%s", mount, group) >=
	    (int)sizeof(path))
		return MOST;
	for (;;) {
		unsigned n = from_group(path, v2);
		char *slash = strrchr(path + mount_len, '/');

		if (n < least)
			least = n;
		if (!slash)
			return least;
		*slash = '\0';
	}
}

/* Is "cpu" one of the words in "cpu,cpuacct"? */
static bool names_cpu(const char *controllers)
{
	while (*controllers) {
		size_t len = strcspn(controllers, ",");

		if (len == 3 && memcmp(controllers, "cpu", 3) == 0)
			return true;
		controllers += len + (controllers[len] == ',');
	}
	return false;
}

/* A line is "NUMBER:CONTROLLERS:PATH"; v2 has no controllers. */
static unsigned from_line(char *line, const char *root)
{
	char *controllers = strchr(line, ':'), *group, mount[PATH_MAX];
	bool v2;

	group = controllers ? strchr(++controllers, ':') : NULL;
	if (!group)
		return MOST;
	v2 = group == controllers;
	*group++ = '\0';
	group[strcspn(group, "\n")] = '\0';
	if (!v2 && !names_cpu(controllers))
		return MOST;
	snprintf(mount, sizeof(mount), "%s%s", root, v2 ? "" : "/cpu");
	return from_groups(mount, group, v2);
}

unsigned cpus_quota(const char *groups, const char *root)
{
	char line[PATH_MAX + 64];
	unsigned least = MOST;
	FILE *f = fopen(groups, "re");

	if (!f)
		return MOST;
	while (fgets(line, sizeof(line), f)) {
		unsigned n = from_line(line, root);

		if (n < least)
			least = n;
	}
	fclose(f);
	return least;
}

/* ---- Slurm, and all together ---- */

static unsigned from_variable(const char *name)
{
	const char *text = getenv(name);
	unsigned long n = text ? strtoul(text, NULL, 10) : 0;

	return n > 0 && n < MOST ? (unsigned)n : 0;
}

unsigned cpus_allowed(void)
{
	unsigned n = from_affinity();
	unsigned quota = cpus_quota("/proc/self/cgroup", "/sys/fs/cgroup");
	unsigned slurm = from_variable("SLURM_CPUS_PER_TASK");

	if (slurm == 0)
		slurm = from_variable("SLURM_CPUS_ON_NODE");
	if (quota < n)
		n = quota;
	if (slurm > 0 && slurm < n)
		n = slurm;
	return n > 0 ? n : 1;
}
