/* cpus.c - affinity, cgroup quota and Slurm's variables */
#define _GNU_SOURCE	/* sched_getaffinity */
#include "base/cpus.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 4096 };

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

/* cgroup v2: "cpu.max" holds "QUOTA PERIOD" in microseconds, or "max ...". */
static unsigned from_cgroup(void)
{
	char line[512], path[600];
	uint64_t quota, period;
	unsigned found = MOST;
	FILE *f = fopen("/proc/self/cgroup", "re");

	if (!f)
		return MOST;
	path[0] = '\0';
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::", 3) == 0)
			snprintf(path, sizeof(path),
				 "/sys/fs/cgroup%s/cpu.max", line + 3);
	}
	fclose(f);
	f = path[0] ? fopen(path, "re") : NULL;
	if (!f)
		return MOST;
	if (fscanf(f, "%" SCNu64 " %" SCNu64, &quota, &period) == 2 &&
	    period > 0 && quota / period < MOST)
		found = (unsigned)(quota / period + (quota % period != 0));
	fclose(f);
	return found;
}

static unsigned from_variable(const char *name)
{
	const char *text = getenv(name);
	unsigned long n = text ? strtoul(text, NULL, 10) : 0;

	return n > 0 && n < MOST ? (unsigned)n : 0;
}

unsigned cpus_allowed(void)
{
	unsigned n = from_affinity(), quota = from_cgroup();
	unsigned slurm = from_variable("SLURM_CPUS_PER_TASK");

	if (slurm == 0)
		slurm = from_variable("SLURM_CPUS_ON_NODE");
	if (quota < n)
		n = quota;
	if (slurm > 0 && slurm < n)
		n = slurm;
	return n > 0 ? n : 1;
}
