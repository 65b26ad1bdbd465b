/*
 * replay.c - the main() of a fuzz target that is built without libFuzzer
 *
 *	fuzz_NAME PATH...
 *
 * Each file, and each file in each folder, is an input.  Small ones are also
 * tried cut off behind each byte, and with each byte changed in four ways.
 * Prints how many inputs there were, or with which one the target gave up.
 */
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "tests/fuzz/fuzz.h"

enum { PREFIX_LIMIT = 4096, CHANGE_LIMIT = 768 };

static struct {
	const char *path, *change;	/* of the input at hand */
	size_t pos, count;
} now;

/* Not safe in a handler, but nothing else is left to be done. */
static void say_which(int number)
{
	fprintf(stderr, "with %s%s%zu\n", now.path, now.change, now.pos);
	signal(number, SIG_DFL);
	raise(number);
}

static void try_input(const char *change, size_t pos, const void *data,
		      size_t len)
{
	uint8_t *copy = fuzz_copy(data, len);

	now.change = change;
	now.pos = pos;
	now.count++;
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static void try_changes(uint8_t *data, size_t len, size_t pos)
{
	uint8_t byte = data[pos];

	data[pos] = 0;
	try_input(", 00 at ", pos, data, len);
	data[pos] = 0xff;
	try_input(", ff at ", pos, data, len);
	data[pos] = (uint8_t)((byte + 1) & 0xff);
	try_input(", one more at ", pos, data, len);
	data[pos] = byte ^ (uint8_t)(1u << pos % 8);
	try_input(", one bit at ", pos, data, len);
	data[pos] = byte;
}

static void try_variants(uint8_t *data, size_t len)
{
	try_input(", cut to ", len, data, len);
	for (size_t n = 0; n < len && len <= PREFIX_LIMIT; n++)
		try_input(", cut to ", n, data, n);
	for (size_t pos = 0; pos < len && len <= CHANGE_LIMIT; pos++)
		try_changes(data, len, pos);
}

static bool replay_file(const char *path, struct error *err)
{
	struct file file = { 0 };
	uint8_t *data = NULL;
	struct reader r;
	bool ok = false;

	if (!file_open(&file, path, err))
		return false;
	r = file_reader(&file);
	data = memory_array((size_t)file.size, 1, err);
	if (data && reader_read(&r, 0, data, (size_t)file.size, err)) {
		now.path = path;
		try_variants(data, (size_t)file.size);
		ok = true;
	}
	free(data);
	file_discard(&file);
	return ok;
}

static bool replay_folder(const char *path, struct error *err)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	bool ok = folder != NULL;

	if (!ok)
		return error_set_errno(err, "cannot list %.300s", path);
	while (ok && (entry = readdir(folder))) {
		char *inner;

		if (entry->d_name[0] == '.')
			continue;
		inner = file_join(path, entry->d_name, err);
		ok = inner && replay_file(inner, err);
		free(inner);
	}
	closedir(folder);
	return ok;
}

int main(int argc, char **argv)
{
	struct error err = { 0 };
	bool ok = true;

	signal(SIGABRT, say_which);
	for (int i = 1; ok && i < argc; i++) {
		struct stat st;
		bool folder = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode);

		ok = folder ? replay_folder(argv[i], &err)
			    : replay_file(argv[i], &err);
	}
	if (!ok) {
		error_print(stderr, argv[0], &err);
		return EXIT_FAILURE;
	}
	printf("%zu inputs\n", now.count);
	return EXIT_SUCCESS;
}
