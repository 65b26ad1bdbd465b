/* unpickle.c - start the helper, send it pickles, notice when it dies */
#define _GNU_SOURCE	/* SOCK_CLOEXEC */
#include "convert/unpickle.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/file.h"
#include "base/interrupt.h"

enum {
	/* A pickle of 50 MiB takes about 2 s; a silent helper is a dead one. */
	DEADLINE_MS = 60000,
	POLL_MS = 200,		/* how soon an interrupt is noticed */
	EXIT_MS = 1000		/* a helper without a socket ends by itself */
};

static const char helper_name[] = "mpt-unpickler";
static const char libexec_folder[] = "../libexec/mpt-bundle/";

/* Beside this program, as in a build folder, or where it is installed. */
static char *find_helper(struct error *err)
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
	if (path && access(path, X_OK) != 0) {
		char *folder = file_join(self, libexec_folder, err);

		free(path);
		path = folder ? file_join(folder, helper_name, err) : NULL;
		free(folder);
	}
	return path;
}

/* The helper's standard input is the socket; it needs nothing else. */
static bool spawn_helper(struct unpickler *u, const char *path, int socket,
			 struct error *err)
{
	char name[] = "mpt-unpickler", *argv[] = { name, NULL };
	char *envp[] = { NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int status;

	sigemptyset(&none);
	sigfillset(&all);
	if (posix_spawn_file_actions_init(&actions) != 0)
		return error_set_memory(err, sizeof(actions));
	if (posix_spawnattr_init(&attributes) != 0) {
		posix_spawn_file_actions_destroy(&actions);
		return error_set_memory(err, sizeof(attributes));
	}
	posix_spawn_file_actions_adddup2(&actions, socket, STDIN_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
					 O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
					 O_WRONLY, 0);
	/* Its own process group: Ctrl-C is for mpt-convert, which stops it. */
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP |
				 POSIX_SPAWN_SETSIGMASK |
				 POSIX_SPAWN_SETSIGDEF);
	status = posix_spawn(&u->pid, path, &actions, &attributes, argv, envp);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	if (status == 0)
		return true;
	u->pid = 0;
	errno = status;
	return error_set_errno(err, "cannot start %.300s", path);
}

static bool start(struct unpickler *u, struct error *err)
{
	int pair[2] = { -1, -1 };
	char *path = NULL;
	bool ok = false;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return error_set_errno(err, "cannot make a socket");
	path = find_helper(err);
	if (!path)
		goto done;
	if (!spawn_helper(u, path, pair[1], err))
		goto done;
	u->fd = pair[0];
	pair[0] = -1;
	ok = true;
done:
	free(path);
	if (pair[0] >= 0)
		close(pair[0]);
	close(pair[1]);
	return ok;
}

/* Close the socket, wait for the end of the helper, return its status. */
static int reap(struct unpickler *u, bool kill_it)
{
	struct timespec step = { .tv_nsec = 1000000 };
	int status = 0;

	close(u->fd);
	for (int ms = 0; !kill_it && ms < EXIT_MS; ms++) {
		if (waitpid(u->pid, &status, WNOHANG) == u->pid)
			goto done;
		nanosleep(&step, NULL);
	}
	kill(u->pid, SIGKILL);
	while (waitpid(u->pid, &status, 0) < 0 && errno == EINTR)
		;
done:
	*u = (struct unpickler){ 0 };
	return status;
}

void unpickler_stop(struct unpickler *u)
{
	if (u->pid)
		reap(u, false);
}

/* The socket broke: say what became of the helper. */
static bool died(struct unpickler *u, struct error *err)
{
	int status = reap(u, false);

	if (WIFSIGNALED(status))
		return error_set(err, ERROR_PYTHON, ERROR_NO_OFFSET,
				 "the unpickler was ended by signal %d while "
				 "it read the pickle", WTERMSIG(status));
	return error_set(err, ERROR_PYTHON, ERROR_NO_OFFSET,
			 "the unpickler ended with status %d instead of "
			 "answering%s", WEXITSTATUS(status),
			 WEXITSTATUS(status) == 127 ?
			 "; \"mpt-unpickler --version\" may say why" : "");
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Wait until the socket is ready, the deadline passes or the user stops us. */
static bool wait_for(struct unpickler *u, short events, uint64_t deadline,
		     struct error *err)
{
	for (;;) {
		struct pollfd p = { .fd = u->fd, .events = events };
		int n = poll(&p, 1, POLL_MS);

		if (n > 0)
			return true;
		if (n < 0 && errno != EINTR)
			return error_set_errno(err, "cannot wait for the "
					       "unpickler");
		if (!interrupt_check(err))
			break;
		if (now_ms() > deadline) {
			error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
				  "the unpickler did not answer within %d s",
				  DEADLINE_MS / 1000);
			break;
		}
	}
	reap(u, true);
	return false;
}

static bool send_all(struct unpickler *u, const void *data, size_t len,
		     uint64_t deadline, struct error *err)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n;

		if (!wait_for(u, POLLOUT, deadline, err))
			return false;
		n = send(u->fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			return died(u, err);
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static bool receive_all(struct unpickler *u, void *data, size_t len,
			uint64_t deadline, struct error *err)
{
	char *p = data;

	while (len > 0) {
		ssize_t n;

		if (!wait_for(u, POLLIN, deadline, err))
			return false;
		n = recv(u->fd, p, len, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return died(u, err);
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static void put_le(uint8_t *bytes, uint64_t value, unsigned nbytes)
{
	for (unsigned i = 0; i < nbytes; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
}

static bool send_request(struct unpickler *u,
			 const struct pickle_request *request,
			 uint64_t deadline, struct error *err)
{
	const char *path = request->state_dict_path ? request->state_dict_path
						    : "";
	size_t path_len = strlen(path);
	uint8_t head[13];

	put_le(head, 5 + (uint64_t)path_len + request->len, 8);
	put_le(head + 8, (uint64_t)request->layout, 1);
	put_le(head + 9, path_len, 4);
	return send_all(u, head, sizeof(head), deadline, err) &&
	       send_all(u, path, path_len, deadline, err) &&
	       send_all(u, request->pickle, request->len, deadline, err);
}

/* The length of the answer that is about to come, if it can be believed. */
static bool receive_length(struct unpickler *u, size_t *len,
			   uint64_t deadline, struct error *err)
{
	uint8_t frame[8];
	struct cursor c = cursor_over(frame, sizeof(frame));
	uint64_t n;

	if (!receive_all(u, frame, sizeof(frame), deadline, err))
		return false;
	n = cursor_u64(&c);
	if (n > UNPICKLER_ANSWER_LIMIT) {
		reap(u, true);
		return error_set(err, ERROR_PYTHON, ERROR_NO_OFFSET,
				 "the unpickler answers with %" PRIu64
				 " bytes, over the limit of %u", n,
				 UNPICKLER_ANSWER_LIMIT);
	}
	*len = (size_t)n;
	return true;
}

bool unpickler_index(struct unpickler *u, const struct pickle_request *request,
		     struct pickle_index *index, struct error *err)
{
	uint64_t deadline = now_ms() + DEADLINE_MS;
	uint8_t *answer;
	size_t len = 0;

	*index = (struct pickle_index){ 0 };
	if (!u->pid && !start(u, err))
		return false;
	if (!send_request(u, request, deadline, err) ||
	    !receive_length(u, &len, deadline, err))
		return false;
	answer = memory_array(len, 1, err);
	if (!answer) {
		reap(u, true);
		return false;
	}
	if (!receive_all(u, answer, len, deadline, err)) {
		free(answer);
		return false;
	}
	if (pickle_index_parse(index, answer, len, err)) {
		index->answer = answer;
		return true;
	}
	free(answer);
	if (err->kind == ERROR_PYTHON)
		reap(u, true);	/* it can no longer be believed */
	return false;
}
