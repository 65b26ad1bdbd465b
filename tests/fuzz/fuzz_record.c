/*
 * fuzz_record.c - read a line of the journal
 *
 * Demanded are: strings where the kind of record has them, a status that a
 * record can have, and digests of the right length.
 */
#include "convert/record.h"
#include "tests/fuzz/fuzz.h"

static void check_source(const struct record *r)
{
	REQUIRE(r->source && r->mtime && r->options);
	REQUIRE(r->status >= STATUS_CONVERTED && r->status <= STATUS_FAILED);
	REQUIRE(r->bundle || !r->members.weights_sha256[0]);
	if (!r->bundle)
		return;
	REQUIRE(strlen(r->members.spec_sha256) == DIGEST_HEX_SIZE - 1);
	REQUIRE(strlen(r->members.weights_sha256) == DIGEST_HEX_SIZE - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *copy = fuzz_copy(data, len);
	struct arena arena = { 0 };
	struct error err = { 0 };
	struct record record;

	if (!record_parse(&record, copy, len, &arena, &err)) {
		fuzz_require_fault(&err);
	} else {
		REQUIRE(record.time);
		if (record.kind == RECORD_SOURCE)
			check_source(&record);
	}
	arena_free(&arena);
	free(copy);
	return 0;
}
