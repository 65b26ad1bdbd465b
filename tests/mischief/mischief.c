/*
 * mischief.c - a helper that a pickle has taken over, for tests
 *
 * Linked with the real helper's objects, with read() and seccomp_load()
 * wrapped.  When a request holds "mischief:NAME", the row of that name is
 * done, after start-up and inside the sandbox, as if a pickle had found a way
 * to run code.  If the program lies in a folder named no-seccomp, the kernel
 * seems to lack it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SOCKET = 0, MARK_LEN = 9 };

ssize_t __real_read(int fd, void *buf, size_t len);
ssize_t __wrap_read(int fd, void *buf, size_t len);
int __wrap_seccomp_load(const scmp_filter_ctx filter);
int __real_seccomp_load(const scmp_filter_ctx filter);

/* ---- what it may not do: each is one system call ---- */

static void do_open(void)
{
	open("/etc/passwd", O_RDONLY);
}

static void do_create(void)
{
	open("mischief-was-here", O_WRONLY | O_CREAT, 0666);
}

static void do_unlink(void)
{
	unlink("good:v1.mpt");
}

static void do_socket(void)
{
	socket(AF_INET, SOCK_STREAM, 0);
}

static void do_connect(void)
{
	struct sockaddr any = { .sa_family = AF_INET };

	connect(SOCKET, &any, sizeof(any));
}

static void do_fork(void)
{
	fork();
}

static void do_exec(void)
{
	char path[] = "/bin/true", *argv[] = { path, NULL };

	execv(path, argv);
}

static void *nothing(void *argument)
{
	return argument;
}

static void do_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, nothing, NULL);
}

static void do_kill(void)
{
	kill(getppid(), SIGKILL);
}

static void do_ptrace(void)
{
	ptrace(PTRACE_ATTACH, 1, NULL, NULL);
}

static void do_raise_limit(void)
{
	struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_AS, &none);
}

static void do_outlive(void)
{
	prctl(PR_SET_PDEATHSIG, 0);
}

static void do_sleep(void)
{
	sleep(1);
}

static void do_execute_memory(void)
{
	mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
	     -1, 0);
}

static void do_make_executable(void)
{
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static void do_share_memory(void)
{
	mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	     -1, 0);
}

static void do_map_socket(void)
{
	mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, SOCKET, 0);
}

static void write_to(int fd, const void *bytes, size_t len)
{
	ssize_t n = write(fd, bytes, len);

	(void)n;
}

static void do_print(void)
{
	write_to(STDERR_FILENO, "mischief\n", 9);
}

static void do_read_other(void)
{
	char byte;
	ssize_t n = __real_read(STDOUT_FILENO, &byte, 1);

	(void)n;
}

/* ---- how it may fail to answer ---- */

static void do_crash(void)
{
	__builtin_trap();
}

static void do_exit(void)
{
	_exit(7);
}

static void do_loop(void)
{
	for (volatile unsigned i = 0;; i++)
		;
}

/* Touch all there is to be had, and more. */
static void do_allocate(void)
{
	for (;;) {
		size_t len = 1 << 20;
		volatile char *block = malloc(len);

		for (size_t i = 0; block && i < len; i += 4096)
			block[i] = 1;
	}
}

static void do_silence(void)
{
	char byte;

	while (__real_read(SOCKET, &byte, 1) > 0)
		;
}

/* ---- wrong answers ---- */

static void answer(const void *bytes, size_t len)
{
	uint8_t frame[8] = { (uint8_t)len, (uint8_t)(len >> 8) };

	write_to(SOCKET, frame, sizeof(frame));
	write_to(SOCKET, bytes, len);
}

#define ANSWER(s) answer((s), sizeof(s) - 1)

static void do_garbage(void)
{
	ANSWER("\xde\xad\xbe\xef garbage");
	_exit(0);
}

static void do_huge(void)
{
	write_to(SOCKET, "\xff\xff\xff\xff\xff\xff\xff\x7f", 8);
	_exit(0);
}

static void do_half(void)
{
	write_to(SOCKET, "\x64\0\0\0\0\0\0\0half", 12);
	_exit(0);
}

static void do_half_silence(void)
{
	write_to(SOCKET, "\x64\0\0\0\0\0\0\0half", 12);
	do_silence();
}

#define STATE_DICT "\0\12\0\0\0state dict\0"
#define STORAGE "\1\0\0\0\60\14\0\0\0FloatStorage"
#define SIX "\6\0\0\0\0\0\0\0"
#define NO_BYTES "\0"
#define NO_LIST "\0\0\0\0"
#define TENSOR_W "\1\0\0\0\1\0\0\0w"
#define ONE "\1\0\0\0\0\0\0\0"
#define NO_MORE "\0\0\0\0\0\0\0\0\0"

/* The tensor lies in storage number 7 of one. */
static void do_other_storage(void)
{
	ANSWER(STATE_DICT "\1\0\0\0" STORAGE SIX NO_BYTES NO_LIST TENSOR_W
	       "\7\0\0\0" "\0\0\0\0" ONE "\0\0\0\0" NO_MORE);
	_exit(0);
}

/* Its only element is the hundredth of six. */
static void do_past_the_end(void)
{
	ANSWER(STATE_DICT "\1\0\0\0" STORAGE SIX NO_BYTES NO_LIST TENSOR_W
	       "\0\0\0\0" "\0\0\0\0" "\x64\0\0\0\0\0\0\0" "\0\0\0\0" NO_MORE);
	_exit(0);
}

/* The storage is larger than the member that the archive has for it. */
static void do_larger_storage(void)
{
	ANSWER(STATE_DICT "\1\0\0\0" STORAGE "\0\0\0\1\0\0\0\0" NO_BYTES NO_LIST
	       TENSOR_W "\0\0\0\0" "\0\0\0\0" ONE "\0\0\0\0" NO_MORE);
	do_silence();
}

/* The storage's name leads out of the archive. */
static void do_storage_path(void)
{
	ANSWER(STATE_DICT "\1\0\0\0" "\6\0\0\0../../" "\x0c\0\0\0FloatStorage"
	       SIX NO_BYTES NO_LIST TENSOR_W "\0\0\0\0" "\0\0\0\0" ONE
	       "\0\0\0\0" NO_MORE);
	_exit(0);
}

/* A refusal, and at once the answer to a question nobody has asked yet. */
static void do_speak_twice(void)
{
	ANSWER("\1" "\5\0\0\0first" "\0\0\0\0");
	ANSWER("\1" "\6\0\0\0second" "\0\0\0\0");
	_exit(0);
}

/* A refusal, and a quiet end before anybody asks again. */
static void do_leave(void)
{
	ANSWER("\1" "\5\0\0\0first" "\0\0\0\0");
	_exit(3);
}

/* An honest answer, but only 2 MiB are left for it and for the next pickle. */
static void do_hoard(void)
{
	static void *volatile kept;
	void *spare = malloc(2 << 20);

	do
		kept = malloc(1 << 16);
	while (kept);
	free(spare);
}

static const struct row {
	const char *name;
	void (*act)(void);
	bool honest;	/* the helper goes on as if nothing were */
} rows[] = {
	{ "open", do_open, false },
	{ "create", do_create, false },
	{ "unlink", do_unlink, false },
	{ "socket", do_socket, false },
	{ "connect", do_connect, false },
	{ "fork", do_fork, false },
	{ "exec", do_exec, false },
	{ "thread", do_thread, false },
	{ "kill", do_kill, false },
	{ "ptrace", do_ptrace, false },
	{ "raise-limit", do_raise_limit, false },
	{ "outlive", do_outlive, false },
	{ "sleep", do_sleep, false },
	{ "execute-memory", do_execute_memory, false },
	{ "make-executable", do_make_executable, false },
	{ "share-memory", do_share_memory, false },
	{ "map-socket", do_map_socket, false },
	{ "print", do_print, false },
	{ "read-other", do_read_other, false },
	{ "crash", do_crash, false },
	{ "exit", do_exit, false },
	{ "loop", do_loop, false },
	{ "allocate", do_allocate, false },
	{ "silence", do_silence, false },
	{ "garbage", do_garbage, false },
	{ "huge", do_huge, false },
	{ "half", do_half, false },
	{ "half-silence", do_half_silence, false },
	{ "other-storage", do_other_storage, false },
	{ "past-the-end", do_past_the_end, false },
	{ "larger-storage", do_larger_storage, false },
	{ "storage-path", do_storage_path, false },
	{ "speak-twice", do_speak_twice, false },
	{ "leave", do_leave, false },
	{ "hoard", do_hoard, true },
};

static void act(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strlen(rows[i].name) == len &&
		    memcmp(rows[i].name, name, len) == 0) {
			rows[i].act();
			if (rows[i].honest)
				return;
			ANSWER("\1" "\x0d\0\0\0got away with" "\0\0\0\0");
			do_silence();
		}
}

ssize_t __wrap_read(int fd, void *buf, size_t len)
{
	ssize_t n = __real_read(fd, buf, len);
	const char *mark, *name;

	if (fd != SOCKET || n <= MARK_LEN)
		return n;
	mark = memmem(buf, (size_t)n, "mischief:", MARK_LEN);
	if (mark) {
		name = mark + MARK_LEN;
		act(name, strcspn(name, "."));
	}
	return n;
}

int __wrap_seccomp_load(const scmp_filter_ctx filter)
{
	char path[4096] = "";
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n > 0 && strstr(path, "/no-seccomp/"))
		return -1;
	return __real_seccomp_load(filter);
}
