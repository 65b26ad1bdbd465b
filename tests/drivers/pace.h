/*
 * pace.h - a clock and a pace that a test decides
 *
 * For drivers that are linked from the objects of a program, with --wrap for
 * clock_gettime and for a function that moves data.  The variable PACE names a
 * folder with two files: "steps", a FIFO, of which each step takes one byte,
 * and waits for it; and "clock", which holds the seconds of the monotonic clock
 * as a double.
 */
#ifndef TESTS_DRIVERS_PACE_H
#define TESTS_DRIVERS_PACE_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static struct {
	int steps;
	const volatile double *clock;
} pace;

static int pace_open(const char *name)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", getenv("PACE"), name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		abort();
	return fd;
}

static void pace_begin(void)
{
	int fd = pace_open("clock");
	void *map = mmap(NULL, sizeof(double), PROT_READ, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		abort();
	close(fd);
	pace.clock = map;
	pace.steps = pace_open("steps");
}

static void pace_prepare(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, pace_begin);
}

static void pace_wait(void)
{
	char step;

	pace_prepare();
	while (read(pace.steps, &step, 1) != 1)
		if (errno != EINTR)
			abort();
}

int __real_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t);

int __wrap_clock_gettime(clockid_t id, struct timespec *t)
{
	double seconds;

	if (id != CLOCK_MONOTONIC)
		return __real_clock_gettime(id, t);
	pace_prepare();
	seconds = *pace.clock;
	t->tv_sec = (time_t)seconds;
	t->tv_nsec = (long)((seconds - (double)t->tv_sec) * 1e9);
	return 0;
}

#endif
