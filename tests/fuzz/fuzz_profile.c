/*
 * fuzz_profile.c - files of settings of the AWS tools
 *
 * The input, up to the first NUL, is read as either of the two files, for some
 * profiles.  Demanded are: keys and values lie in the text and hold no control
 * characters, keys are in lower case and there once; a fault tells the line,
 * and nothing of what is in it; the pairs, written out, are read as the same.
 */
#include "base/memory.h"
#include "remote/profile_file.h"
#include "tests/fuzz/fuzz.h"

static void check_text(const char *text, const char *in, size_t len)
{
	REQUIRE(text >= in && text <= in + len);
	for (; *text; text++)
		REQUIRE((unsigned char)*text >= 0x20 || *text == '\t');
}

static void check_pairs(const struct profile_file *f, const char *in,
			size_t len)
{
	REQUIRE(f->found || f->count == 0);
	for (size_t i = 0; i < f->count; i++) {
		const struct profile_pair *p = &f->pairs[i];

		check_text(p->key, in, len);
		check_text(p->value, in, len);
		REQUIRE(p->key[0] && !strpbrk(p->key, "=:ABCXYZ"));
		REQUIRE(profile_file_find(f, p->key) == p->value);
	}
}

/* As a file of its own, in which nothing is left to be passed over. */
static void check_again(const struct profile_file *f)
{
	struct buffer out = { 0 };
	struct error err = { 0 };
	struct profile_file again;

	REQUIRE(buffer_print(&out, &err, "[default]\r\n"));
	for (size_t i = 0; i < f->count; i++)
		REQUIRE(buffer_print(&out, &err, "%s \t=%s\n",
				     f->pairs[i].key, f->pairs[i].value));
	REQUIRE(buffer_terminate(&out, &err));
	REQUIRE(profile_file_parse(&again, out.data, "default", true, &err));
	REQUIRE(again.found && again.count == f->count);
	for (size_t i = 0; i < f->count; i++) {
		REQUIRE(strcmp(f->pairs[i].key, again.pairs[i].key) == 0);
		REQUIRE(strcmp(f->pairs[i].value, again.pairs[i].value) == 0);
	}
	profile_file_free(&again);
	buffer_free(&out);
}

static void parse(const char *input, size_t len, const char *profile,
		  bool is_config)
{
	char *text = fuzz_copy(input, len + 1);
	struct profile_file f;
	struct error err = { 0 };

	if (profile_file_parse(&f, text, profile, is_config, &err)) {
		check_pairs(&f, text, len);
		check_again(&f);
		profile_file_free(&f);
	} else {
		fuzz_require_fault(&err);
		REQUIRE(strncmp(err.reason, "line ", 5) == 0);
		REQUIRE(!f.pairs);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *nul = len > 0 ? memchr(data, 0, len) : NULL;
	size_t n = nul ? (size_t)(nul - data) : len;
	char *text = fuzz_text(data, n);

	parse(text, n, "default", true);
	parse(text, n, "default", false);
	parse(text, n, "a b", true);
	free(text);
	return 0;
}
