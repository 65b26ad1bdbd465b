/* sandbox.c - a seccomp filter, and what a filter cannot do */
#define _GNU_SOURCE	/* close_range() */
#include "convert/unpickler/sandbox.h"

#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	FIRST_OTHER_FD = 3,
	MAP_WANTED = MAP_PRIVATE | MAP_ANONYMOUS,
	MAP_MASK = MAP_WANTED | MAP_SHARED
};

/*
 * Memory is never executable; and it is private and anonymous, so that
 * nothing is shared and RLIMIT_AS counts all of it.  These are arguments
 * number 2 and 3 of mmap(); mprotect() has the first of them.
 */
static const struct scmp_arg_cmp memory_args[] = {
	{ 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 },
	{ 3, SCMP_CMP_MASKED_EQ, MAP_MASK, MAP_WANTED },
};

static const struct rule {
	int call;
	unsigned memory_args;	/* how many of them bind it */
} rules[] = {
	{ SCMP_SYS(brk), 0 },
	{ SCMP_SYS(mmap), 2 },
	{ SCMP_SYS(mmap2), 2 },
	{ SCMP_SYS(mremap), 0 },
	{ SCMP_SYS(munmap), 0 },
	{ SCMP_SYS(mprotect), 1 },
	{ SCMP_SYS(madvise), 0 },
	{ SCMP_SYS(exit_group), 0 },
#ifdef __SANITIZE_ADDRESS__
	/* It warns of memory that is not to be had, and then exits its way. */
	{ SCMP_SYS(getpid), 0 },
	{ SCMP_SYS(write), 0 },
	{ SCMP_SYS(sigaltstack), 0 },
#endif
};

/* Old kernels have no close_range(). */
static void close_others(void)
{
	struct rlimit limit;

	if (close_range(FIRST_OTHER_FD, ~0U, 0) == 0)
		return;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		limit.rlim_cur = 0;
	for (rlim_t fd = FIRST_OTHER_FD; fd < limit.rlim_cur; fd++)
		close((int)fd);
}

const char *sandbox_prepare(void)
{
	struct rlimit none = { 0, 0 };

	close_others();
	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return "core dumps cannot be turned off";
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		return "it cannot be tied to its parent's life";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return "new privileges cannot be ruled out";
	return NULL;
}

/* What the user can do about it. */
#define WITHOUT "; --no-sandbox does without, for files from people you trust"

static bool allow(scmp_filter_ctx filter, int call, unsigned arg_count,
		  const struct scmp_arg_cmp *args)
{
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, arg_count,
				      args) == 0;
}

const char *sandbox_close(int socket)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	const struct scmp_arg_cmp fd = { 0, SCMP_CMP_EQ, (unsigned)socket, 0 };
	const char *fault = NULL;
	bool ok;

	if (!filter)
		return "no memory for a system call filter";
	ok = allow(filter, SCMP_SYS(read), 1, &fd) &&
	     allow(filter, SCMP_SYS(write), 1, &fd);
	for (size_t i = 0; ok && i < sizeof(rules) / sizeof(rules[0]); i++)
		ok = allow(filter, rules[i].call, rules[i].memory_args,
			   memory_args);
	if (!ok)
		fault = "the system call filter cannot be built" WITHOUT;
	else if (seccomp_load(filter) != 0)
		fault = "this kernel takes no system call filter (seccomp)"
			WITHOUT;
	seccomp_release(filter);
	return fault;
}

/* The first number of /proc/self/statm counts pages. */
uint64_t sandbox_address_space(void)
{
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	char text[64] = "";
	ssize_t n = -1;

	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (n <= 0)
		return 0;
	return strtoull(text, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}
