/*
 * cpus.h - how many processors this process may use
 */
#ifndef BASE_CPUS_H
#define BASE_CPUS_H

/*
 * The least of: the affinity mask, the cgroup's CPU quota (rounded up), and
 * what Slurm gave the task (SLURM_CPUS_PER_TASK, else SLURM_CPUS_ON_NODE: not
 * every Slurm binds its tasks).  At least 1.
 */
unsigned cpus_allowed(void);

#endif
