/*
 * convert_paced.c - mpt-convert whose clock and whose pace a test decides
 *
 * Linked from the objects of mpt-convert, with --wrap for two functions.  The
 * variable PACE names a folder with two files: "steps", a FIFO, of which each
 * large write takes one byte, and waits for it; and "clock", which holds the
 * seconds of the monotonic clock as a double.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LARGE = 1 << 18 };

static int steps_fd, clock_fd;

static int open_in_pace(const char *name, int flags)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", getenv("PACE"), name);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		abort();
	return fd;
}

static void open_both(void)
{
	steps_fd = open_in_pace("steps", O_RDONLY);
	clock_fd = open_in_pace("clock", O_RDONLY);
}

static void prepare(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, open_both);
}

ssize_t __real_pwrite(int fd, const void *buf, size_t len, off_t offset);
int __real_clock_gettime(clockid_t id, struct timespec *t);
ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset);
int __wrap_clock_gettime(clockid_t id, struct timespec *t);

static void wait_for_step(void)
{
	char step;

	while (read(steps_fd, &step, 1) != 1)
		if (errno != EINTR)
			abort();
}

ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	prepare();
	if (len >= LARGE)
		wait_for_step();
	return __real_pwrite(fd, buf, len, offset);
}

int __wrap_clock_gettime(clockid_t id, struct timespec *t)
{
	double seconds;

	if (id != CLOCK_MONOTONIC)
		return __real_clock_gettime(id, t);
	prepare();
	if (pread(clock_fd, &seconds, sizeof(seconds), 0) != sizeof(seconds))
		abort();
	t->tv_sec = (time_t)seconds;
	t->tv_nsec = (long)((seconds - (double)t->tv_sec) * 1e9);
	return 0;
}
