/*
 * validate_weights.c - mpt-validate's rules over many weights, in one process
 *
 * stdin: safetensors files (see texts.h); each becomes the weights of one
 * bundle, a folder in memory if there is such a place.  stdout: for each a
 * line, "ok" or "err", and the ids of the rules that found something, each
 * with a blank before it, as often as they did.
 */
#define _DEFAULT_SOURCE	/* mkdtemp() */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "formats/bundle.h"
#include "tests/drivers/texts.h"
#include "validate/rules.h"

static const char spec[] =
	"{\"class_path\":\"my.Policy\",\"data_path\":\"w\",\"init_kwargs\":{}}";
static char root[] = "/dev/shm/validate-XXXXXX";
static char folder[sizeof(root) + 8], weights[sizeof(root) + 16];

static bool write_file(const char *path, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	bool ok = fd >= 0 && write(fd, bytes, len) == (ssize_t)len;

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool make_bundle(void)
{
	char path[sizeof(root) + 32];

	if (!mkdtemp(root)) {
		snprintf(root, sizeof(root), "/tmp/validate-XXXXXX");
		if (!mkdtemp(root))
			return false;
	}
	snprintf(folder, sizeof(folder), "%s/run:v5", root);
	snprintf(weights, sizeof(weights), "%s/w", folder);
	snprintf(path, sizeof(path), "%s/" BUNDLE_SPEC, folder);
	return chmod(root, 0755) == 0 && mkdir(folder, 0755) == 0 &&
	       write_file(path, spec, sizeof(spec) - 1);
}

static void remove_bundle(void)
{
	char path[sizeof(root) + 32];

	snprintf(path, sizeof(path), "%s/" BUNDLE_SPEC, folder);
	unlink(path);
	unlink(weights);
	rmdir(folder);
	rmdir(root);
}

static void judge(const char *text, size_t len)
{
	struct candidate candidate = { .path = folder, .name = "run:v5",
				       .folder = true };
	struct candidates candidates = { .items = &candidate, .count = 1 };
	static struct safetensors_recall headers;	/* until the end */
	struct rules_options options = { 0 };
	struct result result;

	if (!write_file(weights, text, len)) {
		printf("err not-written\n");
		return;
	}
	rules_judge(&result, &candidates, 0, &options, &headers, NULL);
	printf("%s", result.verdict == VERDICT_OK ? "ok" : "err");
	for (size_t i = 0; i < result.count; i++)
		printf(" %s", result.findings[i].rule->id);
	putchar('\n');
	rules_free_result(&result);
}

int main(void)
{
	bool ok = make_bundle() && texts_each(stdin, judge);

	remove_bundle();
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
