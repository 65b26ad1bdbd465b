/* bundle_names.c - run and epoch in a name, and names that mean something */
#include "formats/bundle.h"

#include <string.h>

#include "base/text.h"

/* As Python's Path.stem: the last dot cuts, unless it is first or last. */
static size_t stem_length(const char *name)
{
	size_t len = strlen(name);
	const char *dot = strrchr(name, '.');

	if (!dot || dot == name || dot == name + len - 1)
		return len;
	return (size_t)(dot - name);
}

/* The place of the last ":v" in the first len bytes, or len. */
static size_t find_mark(const char *name, size_t len)
{
	for (size_t i = len; i >= 2; i--)
		if (name[i - 2] == ':' && name[i - 1] == 'v')
			return i - 2;
	return len;
}

bool bundle_parse_name(struct bundle_name *name, const char *file_name,
		       bool folder, struct error *err)
{
	size_t len = folder ? strlen(file_name) : stem_length(file_name);
	size_t mark = find_mark(file_name, len), i = mark + 2;
	uint64_t epoch = 0;
	bool overflow = false;

	*name = (struct bundle_name){ .run = file_name, .run_len = len };
	if (mark == 0 || i >= len)
		return true;
	for (; i < len; i++) {
		if (file_name[i] < '0' || file_name[i] > '9')
			return true;
		if (__builtin_mul_overflow(epoch, 10, &epoch) ||
		    __builtin_add_overflow(
			epoch, (uint64_t)(file_name[i] - '0'), &epoch))
			overflow = true;
	}
	if (overflow)
		return error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
				 "its name has an epoch of %zu digits, over "
				 "the limit of 2^64-1", len - mark - 2);
	name->run_len = mark;
	name->has_epoch = true;
	name->epoch = epoch;
	return true;
}

const char *bundle_run_fault(const char *run, size_t len)
{
	static const char banned[] = " /*\\:<>|?\"";
	size_t blanks = 0;

	for (size_t i = 0; i < len; i++) {
		if (run[i] == '\0' || strchr(banned, run[i]))
			return "the run name holds a blank or one of "
			       "/ * \\ : < > | ? \"";
		if (i > 0 && run[i] == '_' && run[i - 1] == '_')
			return "the run name holds \"__\"";
		blanks += run[i] >= '\t' && run[i] <= '\r';
	}
	return blanks == len ? "the run name is empty" : NULL;
}

bool bundle_folder_hidden(const char *folder_name)
{
	struct bundle_name whole, stem;
	struct error ignored = { 0 };

	return bundle_parse_name(&whole, folder_name, true, &ignored) &&
	       whole.has_epoch &&
	       bundle_parse_name(&stem, folder_name, false, &ignored) &&
	       !stem.has_epoch;
}

/* Are the 8 characters before the suffix as Python's tempfile makes them? */
static bool has_random_part(const char *name, const char *suffix)
{
	size_t len = strlen(name), n = strlen(suffix);

	if (!text_ends_in(name, suffix) || len < n + 10 ||
	    name[len - n - 9] != '.')
		return false;
	for (size_t i = len - n - 8; i < len - n; i++)
		if (!(name[i] == '_' || (name[i] >= '0' && name[i] <= '9') ||
		      (name[i] >= 'a' && name[i] <= 'z')))
			return false;
	return true;
}

bool bundle_is_leftover(const char *file_name)
{
	return (text_ends_in(file_name, ".tmp") &&
		strcmp(file_name, ".tmp") != 0) ||
	       (file_name[0] == '.' &&
		has_random_part(file_name, BUNDLE_ZIP_SUFFIX));
}

/* ".setup-<16 hex digits>.lock" and ".done" */
static bool is_setup_mark(const char *name)
{
	static const char front[] = ".setup-";
	const char *digit = name + sizeof(front) - 1;
	size_t n;

	if (strncmp(name, front, sizeof(front) - 1) != 0)
		return false;
	n = strspn(digit, "0123456789abcdef");
	return n == 16 && (strcmp(digit + n, ".lock") == 0 ||
			   strcmp(digit + n, ".done") == 0);
}

bool bundle_is_known_extra(const char *file_name)
{
	static const char *const known[] = {
		"trainer_state.pt", "modelarchitecture.txt",
		".extraction.lock", ".extraction_complete",
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i], file_name) == 0)
			return true;
	return is_setup_mark(file_name);
}
