/*
 * fuzz_pickle.c - walk over a stream of pickles, as the readers do
 *
 * Demanded are: offsets inside the input, a stop at STOP, the same answer for
 * the pickle alone, none for less of it, and an allowance that holds.
 */
#include "formats/pickle.h"
#include "tests/fuzz/fuzz.h"

static void check_globals(const struct pickle_scan *scan)
{
	REQUIRE(scan->nglobals <= PICKLE_GLOBALS_LIMIT);
	for (size_t i = 0; i < scan->nglobals; i++) {
		const struct pickle_global *g = &scan->globals[i];

		REQUIRE(g->offset < scan->nbytes);
		REQUIRE(g->module_len > 0 && g->name_len > 0);
		REQUIRE(text_is_utf8(g->module, g->module_len));
		REQUIRE(text_is_utf8(g->name, g->name_len));
		REQUIRE(strlen(g->module) == g->module_len);
		REQUIRE(strlen(g->name) == g->name_len);
		REQUIRE(i == 0 || g->offset > g[-1].offset);
	}
}

/* The same bytes, so many of them, in memory of their own. */
static bool scan_copy(struct pickle_scan *scan, const uint8_t *data,
		      size_t len, struct error *err)
{
	uint8_t *copy = fuzz_copy(data, len);
	bool ok = pickle_scan(scan, copy, len, err);

	free(copy);
	return ok;
}

static void check_alone(const struct pickle_scan *scan, const uint8_t *data)
{
	size_t nbytes = (size_t)scan->nbytes;
	struct pickle_scan again;
	struct error err = { 0 };

	REQUIRE(scan_copy(&again, data, nbytes, &err));
	REQUIRE(again.nbytes == scan->nbytes);
	REQUIRE(again.memory == scan->memory);
	REQUIRE(again.nglobals == scan->nglobals);
	pickle_scan_free(&again);
	REQUIRE(!scan_copy(&again, data, nbytes - 1, &err));
	REQUIRE(err.kind == ERROR_TRUNCATED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	while (len > 0) {
		struct pickle_scan scan;
		struct error err = { 0 };

		if (!pickle_scan(&scan, data, len, &err)) {
			fuzz_require_fault(&err);
			REQUIRE(err.offset <= len);
			REQUIRE(!scan.globals && scan.nbytes == 0);
			break;
		}
		REQUIRE(scan.nbytes > 0 && scan.nbytes <= len);
		REQUIRE(data[scan.nbytes - 1] == '.');
		REQUIRE(scan.opcodes <= scan.nbytes && scan.protocol <= 5);
		check_globals(&scan);
		check_alone(&scan, data);
		data += scan.nbytes;
		len -= (size_t)scan.nbytes;
		pickle_scan_free(&scan);
	}
	return 0;
}
