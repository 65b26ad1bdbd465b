/*
 * faults.c - the operating system says no, at the call that a test chooses
 *
 * Copies of the programs are linked with this file, and with --wrap for each
 * function named in the file 'wrapped': calls of those from our own objects,
 * and from no library, then arrive here.  zlib and cJSON take their memory
 * from here, too.
 *
 * MPT_FAULTS holds, separated by commas, what shall happen:
 *
 *	CLASS:N:NUMBER	the N-th call of this class fails with this errno
 *	CLASS:N+:NUMBER	so does every later one
 *	CLASS:N:short	the N-th call moves one byte of many
 *	CLASS:N:run	MPT_FAULT_COMMAND is run by a shell before the N-th
 *
 * When the program ends, the file MPT_FAULT_REPORT gets a line for each class
 * with the numbers of its calls and of those it happened to, and lines with
 * the function it happened to last and with what was not given back.  For
 * programs that run one thread.
 */
#define _GNU_SOURCE	/* O_TMPFILE, mkostemp */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <zlib.h>

enum class {
	MEMORY, INPUT, OPEN, SPILL, READ, WRITE, SYNC, RENAME, LINK, MKDIR,
	LOOK, FOLDER, CLOSE, CLEAN, SPAWN, LIMIT, SOCKET, TALK, WAIT, PRINT,
	CLASS_COUNT
};

static const char *const names[CLASS_COUNT] = {
	[MEMORY] = "memory", [INPUT] = "input", [OPEN] = "open",
	[SPILL] = "spill", [READ] = "read", [WRITE] = "write",
	[SYNC] = "sync", [RENAME] = "rename", [LINK] = "link",
	[MKDIR] = "mkdir",
	[LOOK] = "look", [FOLDER] = "folder", [CLOSE] = "close",
	[CLEAN] = "clean", [SPAWN] = "spawn", [LIMIT] = "limit",
	[SOCKET] = "socket", [TALK] = "talk", [WAIT] = "wait",
	[PRINT] = "print",
};

enum { SHORT = -1, RUN = -2 };

static struct fault {
	unsigned long at;	/* 0: none */
	bool later_too;
	int what;		/* an errno, SHORT or RUN */
} faults[CLASS_COUNT];

static struct {
	unsigned long calls[CLASS_COUNT], injected[CLASS_COUNT];
	const char *function;	/* the last to which it happened */
	long allocations;	/* that were not freed yet */
	int descriptors;	/* open at the start */
} state;

/* Count a call.  Returns 0 or what shall become of it. */
static int count(enum class class, const char *function)
{
	const struct fault *f = &faults[class];
	unsigned long n = ++state.calls[class];

	if (f->at == 0 || n < f->at || (n > f->at && !f->later_too))
		return 0;
	state.injected[class]++;
	state.function = function;
	if (f->what != RUN)
		return f->what;
	if (system(getenv("MPT_FAULT_COMMAND")) != 0)
		abort();
	return 0;
}

/* Count a call that fails, with errno set, or does not. */
static bool fails(enum class class, const char *function)
{
	int what = count(class, function);

	if (what > 0)
		errno = what;
	return what > 0;
}

/* Count a call that may also move less than it should. */
static bool transfer_fails(enum class class, const char *function, size_t *len)
{
	int what = count(class, function);

	if (what == SHORT && *len > 1)
		*len = 1;
	if (what > 0)
		errno = what;
	return what > 0;
}

static void *counted(void *p)
{
	state.allocations += p != NULL;
	return p;
}

/* Definitions by macro look like calls to it. */
/* clang-format off */

#define WRAP(class, type, name, params, args, failed)			\
	type __real_##name params;					\
	type __wrap_##name params;					\
	type __wrap_##name params					\
	{								\
		return fails(class, #name) ? failed : __real_##name args; \
	}

#define WRAP_MEMORY(type, name, params, args)				\
	type __real_##name params;					\
	type __wrap_##name params;					\
	type __wrap_##name params					\
	{								\
		return fails(MEMORY, #name) ? NULL :			\
		       counted(__real_##name args);			\
	}

#define WRAP_TRANSFER(class, name, params, args)			\
	ssize_t __real_##name params;					\
	ssize_t __wrap_##name params;					\
	ssize_t __wrap_##name params					\
	{								\
		return transfer_fails(class, #name, &len) ? -1 :	\
		       __real_##name args;				\
	}

WRAP_MEMORY(void *, malloc, (size_t size), (size))
WRAP_MEMORY(void *, calloc, (size_t number, size_t size), (number, size))
WRAP_MEMORY(char *, strdup, (const char *text), (text))

WRAP(INPUT, FILE *, fopen, (const char *path, const char *mode), (path, mode),
     NULL)
WRAP(SPILL, int, mkostemp, (char *path, int flags), (path, flags), -1)
WRAP_TRANSFER(READ, pread, (int fd, void *buf, size_t len, off_t at),
	      (fd, buf, len, at))
WRAP_TRANSFER(WRITE, pwrite, (int fd, const void *buf, size_t len, off_t at),
	      (fd, buf, len, at))
WRAP_TRANSFER(WRITE, write, (int fd, const void *buf, size_t len),
	      (fd, buf, len))
WRAP(WRITE, int, ftruncate, (int fd, off_t size), (fd, size), -1)
WRAP(SYNC, int, fsync, (int fd), (fd), -1)
WRAP(SYNC, int, fdatasync, (int fd), (fd), -1)
WRAP(RENAME, int, renameat,
     (int from_at, const char *from, int to_at, const char *to),
     (from_at, from, to_at, to), -1)
WRAP(RENAME, int, renameat2,
     (int from_at, const char *from, int to_at, const char *to, unsigned how),
     (from_at, from, to_at, to, how), -1)
WRAP(LINK, int, linkat,
     (int from_at, const char *from, int to_at, const char *to, int flags),
     (from_at, from, to_at, to, flags), -1)
WRAP(MKDIR, int, mkdir, (const char *path, mode_t mode), (path, mode), -1)
WRAP(MKDIR, int, mkdirat, (int at, const char *path, mode_t mode),
     (at, path, mode), -1)
WRAP(CLEAN, int, unlink, (const char *path), (path), -1)
WRAP(CLEAN, int, unlinkat, (int at, const char *path, int flags),
     (at, path, flags), -1)

WRAP(LOOK, int, stat, (const char *path, struct stat *st), (path, st), -1)
WRAP(LOOK, int, lstat, (const char *path, struct stat *st), (path, st), -1)
WRAP(LOOK, int, fstat, (int fd, struct stat *st), (fd, st), -1)
WRAP(LOOK, int, fstatat,
     (int at, const char *path, struct stat *st, int flags),
     (at, path, st, flags), -1)
WRAP(LOOK, int, access, (const char *path, int mode), (path, mode), -1)
WRAP(LOOK, ssize_t, readlink, (const char *path, char *buf, size_t size),
     (path, buf, size), -1)
WRAP(FOLDER, DIR *, opendir, (const char *path), (path), NULL)
WRAP(FOLDER, DIR *, fdopendir, (int fd), (fd), NULL)
WRAP(FOLDER, struct dirent *, readdir, (DIR *folder), (folder), NULL)

WRAP(SOCKET, int, pipe, (int ends[2]), (ends), -1)
WRAP(SOCKET, int, socketpair, (int domain, int type, int protocol, int ends[2]),
     (domain, type, protocol, ends), -1)
WRAP(TALK, int, poll, (struct pollfd *fds, nfds_t number, int ms),
     (fds, number, ms), -1)
WRAP_TRANSFER(TALK, send, (int fd, const void *buf, size_t len, int flags),
	      (fd, buf, len, flags))
WRAP_TRANSFER(TALK, recv, (int fd, void *buf, size_t len, int flags),
	      (fd, buf, len, flags))
WRAP(WAIT, pid_t, waitpid, (pid_t pid, int *status, int options),
     (pid, status, options), -1)

WRAP(LIMIT, int, prlimit,
     (pid_t pid, enum __rlimit_resource resource, const struct rlimit *new,
      struct rlimit *old),
     (pid, resource, new, old), -1)

/* These return the number. */
WRAP(SPAWN, int, posix_spawn_file_actions_init,
     (posix_spawn_file_actions_t *actions), (actions), errno)
WRAP(SPAWN, int, posix_spawn_file_actions_adddup2,
     (posix_spawn_file_actions_t *actions, int from, int to),
     (actions, from, to), errno)
WRAP(SPAWN, int, posix_spawn_file_actions_addopen,
     (posix_spawn_file_actions_t *actions, int fd, const char *path, int flags,
      mode_t mode),
     (actions, fd, path, flags, mode), errno)
WRAP(SPAWN, int, posix_spawnattr_init, (posix_spawnattr_t *attributes),
     (attributes), errno)
WRAP(SPAWN, int, posix_spawn,
     (pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
      const posix_spawnattr_t *attributes, char *const argv[],
      char *const envp[]),
     (pid, path, actions, attributes, argv, envp), errno)

/* clang-format on */

/* The same for functions that this file does not define as a whole. */
#define DECLARE(name) __typeof__(name) __real_##name, __wrap_##name

DECLARE(realloc);
DECLARE(free);
DECLARE(realpath);
DECLARE(inflateInit2_);
DECLARE(open);
DECLARE(openat);
DECLARE(close);
DECLARE(fwrite);
DECLARE(fflush);

void *__wrap_realloc(void *old, size_t size)
{
	if (fails(MEMORY, "realloc"))
		return NULL;
	return old ? __real_realloc(old, size) : counted(__real_malloc(size));
}

void __wrap_free(void *p)
{
	state.allocations -= p != NULL;
	__real_free(p);
}

char *__wrap_realpath(const char *path, char *resolved)
{
	if (fails(LOOK, "realpath"))
		return NULL;
	return counted(__real_realpath(path, resolved));
}

static void *zlib_calloc(void *unused, unsigned number, unsigned size)
{
	(void)unused;
	return __wrap_calloc(number, size);
}

static void zlib_free(void *unused, void *p)
{
	(void)unused;
	__wrap_free(p);
}

int __wrap_inflateInit2_(z_stream *z, int bits, const char *version, int size)
{
	z->zalloc = zlib_calloc;
	z->zfree = zlib_free;
	return __real_inflateInit2_(z, bits, version, size);
}

static mode_t mode_of(int flags, va_list args)
{
	bool makes = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;

	return makes ? va_arg(args, mode_t) : 0;
}

int __wrap_open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = mode_of(flags, args);
	va_end(args);
	return fails(OPEN, "open") ? -1 : __real_open(path, flags, mode);
}

int __wrap_openat(int at, const char *path, int flags, ...)
{
	bool unnamed = (flags & O_TMPFILE) == O_TMPFILE;
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = mode_of(flags, args);
	va_end(args);
	if (fails(unnamed ? SPILL : OPEN, "openat"))
		return -1;
	return __real_openat(at, path, flags, mode);
}

/* Linux closes the descriptor, whatever close() then says. */
int __wrap_close(int fd)
{
	int status = __real_close(fd);

	return fails(CLOSE, "close") ? -1 : status;
}

size_t __wrap_fwrite(const void *data, size_t size, size_t number, FILE *f)
{
	if (f == stdout && fails(PRINT, "fwrite"))
		return 0;
	return __real_fwrite(data, size, number, f);
}

int __wrap_fflush(FILE *f)
{
	return f == stdout && fails(PRINT, "fflush") ? EOF : __real_fflush(f);
}

/* ---- before and after main() ---- */

static int parse_what(const char *what)
{
	if (strcmp(what, "short") == 0)
		return SHORT;
	return strcmp(what, "run") == 0 ? RUN : atoi(what);
}

/* CLASS:N:WHAT or CLASS:N+:WHAT */
static void parse_fault(const char *text)
{
	char class[16], number[16], what[16];

	if (sscanf(text, "%15[a-z]:%15[0-9+]:%15[a-z0-9]", class, number,
		   what) != 3)
		abort();
	for (size_t i = 0; i < CLASS_COUNT; i++)
		if (strcmp(names[i], class) == 0)
			faults[i] = (struct fault){
				.at = strtoul(number, NULL, 10),
				.later_too = strchr(number, '+') != NULL,
				.what = parse_what(what),
			};
}

static int count_descriptors(void)
{
	int number = 0;

	for (int fd = 0; fd < 256; fd++)
		number += fcntl(fd, F_GETFD) != -1;
	return number;
}

__attribute__((constructor)) static void begin(void)
{
	cJSON_Hooks hooks = { __wrap_malloc, __wrap_free };
	const char *text = getenv("MPT_FAULTS");

	while (text) {
		parse_fault(text);
		text = strchr(text, ',');
		if (text)
			text++;
	}
	cJSON_InitHooks(&hooks);
	state.descriptors = count_descriptors();
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("MPT_FAULT_REPORT");
	FILE *f = path ? __real_fopen(path, "w") : NULL;

	if (!f)
		return;
	for (size_t i = 0; i < CLASS_COUNT; i++)
		fprintf(f, "%s %lu %lu\n", names[i], state.calls[i],
			state.injected[i]);
	fprintf(f, "function %s\n", state.function ? state.function : "none");
	fprintf(f, "allocations %ld\n", state.allocations);
	fprintf(f, "descriptors %d\n",
		count_descriptors() - state.descriptors - 1);
	fclose(f);
}
