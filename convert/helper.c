/* helper.c - a process, its limits, its socket and its death */
#define _GNU_SOURCE	/* SOCK_CLOEXEC, prlimit() */
#include "convert/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/text.h"
#include "convert/unpickler/protocol.h"

enum {
	POLL_MS = 200,		/* how soon an interrupt is noticed */
	EXIT_MS = 1000,		/* a helper without a socket ends by itself */

	/* A pickle of 50 MiB takes about 2 s of processor time. */
	CPU_FLOOR_S = 10,
	CPU_NBYTES_PER_S = 4 << 20,

	/*
	 * What a request of up to 1 MiB may take, and each byte beyond that.
	 * The scan lets through what takes 64 MiB and 96 bytes a byte by its
	 * rough count; real pickles take half of that.
	 */
	MEMORY_FLOOR = 64 << 20,
	MEMORY_FLOOR_NBYTES = 1 << 20,
	MEMORY_PER_BYTE = 128
};

/* The sanitizers reserve terabytes of address space. */
#ifdef __SANITIZE_ADDRESS__
#define LIMIT_MEMORY false
#else
#define LIMIT_MEMORY true
#endif

static const char helper_name[] = "mpt-unpickler";
static const char libexec_folder[] = "../libexec/mpt-bundle/";

/* ---- its end ---- */

/* Close the socket, wait for the end of the process, return its status. */
static int reap(struct helper *h, bool kill_it)
{
	struct timespec step = { .tv_nsec = 1000000 };
	int status = 0;

	close(h->fd);
	for (int ms = 0; !kill_it && ms < EXIT_MS; ms++) {
		pid_t ended = waitpid(h->pid, &status, WNOHANG);

		if (ended > 0 || (ended < 0 && errno != EINTR))
			goto done;	/* it is no child of ours any more */
		nanosleep(&step, NULL);
	}
	kill(h->pid, SIGKILL);
	while (waitpid(h->pid, &status, 0) < 0 && errno == EINTR)
		;
done:
	h->pid = 0;
	return status;
}

void helper_kill(struct helper *h)
{
	if (h->pid)
		reap(h, true);
}

void helper_stop(struct helper *h)
{
	if (h->pid)
		reap(h, false);
}

static bool died_of(int signal, unsigned cpu_s, struct error *err)
{
	switch (signal) {
	case SIGSYS:
		return error_set(err, ERROR_PYTHON, ERROR_NO_OFFSET,
				 "the unpickler's sandbox killed it for a "
				 "system call that no pickle needs");
	case SIGXCPU:
		return error_set(err, ERROR_PYTHON, ERROR_NO_OFFSET,
				 "the unpickler used up the %u s of processor "
				 "time that a pickle of this size may take",
				 cpu_s);
	case SIGKILL:
		return error_set(err, ERROR_PYTHON, ERROR_NO_OFFSET,
				 "the unpickler was killed (signal 9), perhaps "
				 "because the system is out of memory");
	default:
		return error_set(err, ERROR_PYTHON, ERROR_NO_OFFSET,
				 "the unpickler was ended by signal %d while "
				 "it read the pickle", signal);
	}
}

/* The socket broke: say what became of the process. */
static bool died(struct helper *h, struct error *err)
{
	int status = reap(h, false);

	if (WIFSIGNALED(status))
		return died_of(WTERMSIG(status), h->cpu_s, err);
	return error_set(err, ERROR_PYTHON, ERROR_NO_OFFSET,
			 "the unpickler ended with status %d instead of "
			 "answering%s", WEXITSTATUS(status),
			 WEXITSTATUS(status) == 127 ?
			 "; \"mpt-unpickler --version\" may say why" : "");
}

/* ---- its socket ---- */

/* It does not work, though the process may be there: that is of no use. */
static bool unreachable(struct helper *h, struct error *err)
{
	error_set_errno(err, "cannot talk to the unpickler");
	helper_kill(h);
	return false;
}

static uint64_t ms_of(clockid_t clock)
{
	struct timespec t = { 0 };

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Wait until the socket is ready, the deadline passes or the user stops us. */
static bool wait_for(struct helper *h, short events, struct error *err)
{
	for (;;) {
		struct pollfd p = { .fd = h->fd, .events = events };
		int n = poll(&p, 1, POLL_MS);

		if (n > 0)
			return true;
		if (n < 0 && errno != EINTR)
			return unreachable(h, err);
		if (!interrupt_check(err))
			break;
		if (ms_of(CLOCK_MONOTONIC) > h->deadline_ms) {
			error_set(err, ERROR_PYTHON, ERROR_NO_OFFSET,
				  "the unpickler did not answer within %u s "
				  "(--timeout)", h->timeout_s);
			break;
		}
	}
	helper_kill(h);
	return false;
}

bool helper_send(struct helper *h, const void *data, size_t len,
		 struct error *err)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n;

		if (!wait_for(h, POLLOUT, err))
			return false;
		n = send(h->fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0 && errno != EPIPE && errno != ECONNRESET)
			return unreachable(h, err);
		if (n < 0)
			return died(h, err);
		p += n;
		len -= (size_t)n;
	}
	return true;
}

bool helper_receive(struct helper *h, void *data, size_t len,
		    struct error *err)
{
	char *p = data;

	while (len > 0) {
		ssize_t n;

		if (!wait_for(h, POLLIN, err))
			return false;
		n = recv(h->fd, p, len, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0 && errno != ECONNRESET)
			return unreachable(h, err);
		if (n <= 0)
			return died(h, err);
		p += n;
		len -= (size_t)n;
	}
	return true;
}

/* ---- its beginning ---- */

/* Beside this program, as in a build folder, or where it is installed. */
static char *find_program(struct error *err)
{
	char self[PATH_MAX], *path = NULL;
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (len < 0) {
		error_set_errno(err, "cannot find the folder of this program");
		return NULL;
	}
	self[len] = '\0';
	slash = strrchr(self, '/');
	if (slash)
		slash[1] = '\0';
	path = file_join(self, helper_name, err);
	if (path && access(path, X_OK) != 0 && errno == ENOENT) {
		char *folder = file_join(self, libexec_folder, err);

		free(path);
		path = folder ? file_join(folder, helper_name, err) : NULL;
		free(folder);
	}
	return path;
}

/* Its standard input is the socket; it needs nothing else. */
static int set_streams(posix_spawn_file_actions_t *actions, int socket)
{
	int status = posix_spawn_file_actions_adddup2(actions, socket,
						      STDIN_FILENO);

	for (int fd = STDOUT_FILENO; status == 0 && fd <= STDERR_FILENO; fd++)
		status = posix_spawn_file_actions_addopen(
			actions, fd, "/dev/null", O_WRONLY, 0);
	return status;
}

static void set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	/* Its own process group: Ctrl-C is for mpt-convert, which stops it. */
	posix_spawnattr_setpgroup(attributes, 0);
	posix_spawnattr_setsigmask(attributes, &none);
	posix_spawnattr_setsigdefault(attributes, &all);
	posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP |
				 POSIX_SPAWN_SETSIGMASK |
				 POSIX_SPAWN_SETSIGDEF);
}

/* These two return an errno, as the functions that they call do. */
static int spawn_with(struct helper *h, const char *path,
		      const posix_spawn_file_actions_t *actions)
{
	char name[] = "mpt-unpickler", no_sandbox[] = UNPICKLER_NO_SANDBOX;
	char *argv[] = { name, h->no_sandbox ? no_sandbox : NULL, NULL };
	char *envp[] = { NULL };
	posix_spawnattr_t attributes;
	int status = posix_spawnattr_init(&attributes);

	if (status != 0)
		return status;
	set_attributes(&attributes);
	status = posix_spawn(&h->pid, path, actions, &attributes, argv, envp);
	if (status != 0)
		h->pid = 0;
	posix_spawnattr_destroy(&attributes);
	return status;
}

static int spawn(struct helper *h, const char *path, int socket)
{
	posix_spawn_file_actions_t actions;
	int status = posix_spawn_file_actions_init(&actions);

	if (status != 0)
		return status;
	status = set_streams(&actions, socket);
	if (status == 0)
		status = spawn_with(h, path, &actions);
	posix_spawn_file_actions_destroy(&actions);
	return status;
}

static bool launch(struct helper *h, struct error *err)
{
	int pair[2] = { -1, -1 };
	char *path = NULL;
	bool ok = false;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return error_set_errno(err, "cannot make a socket");
	path = find_program(err);
	if (!path)
		goto done;
	errno = spawn(h, path, pair[1]);
	if (errno != 0) {
		error_set_errno(err, "cannot start %.300s", path);
		goto done;
	}
	h->fd = pair[0];
	pair[0] = -1;
	ok = true;
done:
	free(path);
	if (pair[0] >= 0)
		close(pair[0]);
	close(pair[1]);
	return ok;
}

/* It says that it is ready and locked in, or why it is not. */
static bool read_greeting(struct helper *h, struct error *err)
{
	char text[UNPICKLER_GREETING_LIMIT], why[300];
	uint8_t head[12];
	struct cursor c = cursor_over(head, sizeof(head));
	size_t len;

	if (!helper_receive(h, head, sizeof(head), err))
		return false;
	h->address_space = cursor_u64(&c);
	len = cursor_u32(&c);
	if (len > sizeof(text)) {
		helper_kill(h);
		return error_set(err, ERROR_PYTHON, ERROR_NO_OFFSET,
				 "the unpickler greets with nonsense");
	}
	if (len == 0)
		return true;
	if (!helper_receive(h, text, len, err))
		return false;
	helper_kill(h);
	text_escape(why, sizeof(why), text, len);
	return error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
			 "the unpickler cannot serve: %s", why);
}

/* ---- its limits ---- */

static bool limit(struct helper *h, int resource, uint64_t value,
		  const char *what, struct error *err)
{
	struct rlimit old, new;

	if (prlimit(h->pid, (__rlimit_resource_t)resource, NULL, &old) == 0) {
		new = old;
		if (value < old.rlim_max)
			new.rlim_cur = (rlim_t)value;
		else
			new.rlim_cur = old.rlim_max;
		if (prlimit(h->pid, (__rlimit_resource_t)resource, &new,
			    NULL) == 0)
			return true;
	}
	error_set_errno(err, "cannot limit the unpickler's %s", what);
	helper_kill(h);
	return false;
}

static uint64_t memory_for(uint64_t nbytes)
{
	if (nbytes <= MEMORY_FLOOR_NBYTES)
		return MEMORY_FLOOR;
	return MEMORY_FLOOR + (nbytes - MEMORY_FLOOR_NBYTES) * MEMORY_PER_BYTE;
}

/* Processor time counts from the process's start, so add what is used. */
static bool set_limits(struct helper *h, uint64_t nbytes, struct error *err)
{
	clockid_t clock = CLOCK_MONOTONIC;
	uint64_t used_s;

	if (clock_getcpuclockid(h->pid, &clock) != 0)
		return died(h, err);
	used_s = ms_of(clock) / 1000;
	h->cpu_s = CPU_FLOOR_S + (unsigned)(nbytes / CPU_NBYTES_PER_S);
	return limit(h, RLIMIT_CPU, used_s + h->cpu_s + 1, "processor time",
		     err) &&
	       (!LIMIT_MEMORY ||
		limit(h, RLIMIT_AS, h->address_space + memory_for(nbytes),
		      "memory", err));
}

/*
 * Between two requests it has nothing to say.  One that died in peace, or
 * talks out of turn, must not be the fault of the next pickle.
 */
static bool is_quiet(const struct helper *h)
{
	char byte;

	return recv(h->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	       (errno == EAGAIN || errno == EINTR);
}

bool helper_begin(struct helper *h, uint64_t nbytes, struct error *err)
{
	if (h->timeout_s == 0)
		h->timeout_s = HELPER_TIMEOUT_DEFAULT_S;
	h->deadline_ms = ms_of(CLOCK_MONOTONIC) +
			 (uint64_t)h->timeout_s * 1000;
	if (h->pid && !is_quiet(h))
		helper_kill(h);
	if (!h->pid && (!launch(h, err) || !read_greeting(h, err)))
		return false;
	return set_limits(h, nbytes, err);
}
