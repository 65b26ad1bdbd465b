/*
 * cpus.h - how many processors this process may use
 */
#ifndef BASE_CPUS_H
#define BASE_CPUS_H

/*
 * The least of: the affinity mask, the CPU quotas of the process's cgroups, and
 * what Slurm gave the task (SLURM_CPUS_PER_TASK, else SLURM_CPUS_ON_NODE: not
 * every Slurm binds its tasks).  At least 1.
 */
unsigned cpus_allowed(void);

#define CPUS_NO_QUOTA 4096

/*
 * The quotas by themselves, rounded up: the least of each cgroup, v2 or v1,
 * that a file like /proc/self/cgroup names and of those above it, below a
 * folder like /sys/fs/cgroup.  CPUS_NO_QUOTA if none of them has one.
 */
unsigned cpus_quota(const char *groups, const char *root);

#endif
