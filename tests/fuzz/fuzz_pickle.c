/*
 * fuzz_pickle.c - walk over a stream of pickles, as the readers do
 *
 * A sanitizer watches the memory; beyond that the promises of the header are
 * checked: offsets inside the input, a stop at STOP, the same answer for the
 * pickle alone, none for less of it, and an allowance that holds.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "formats/pickle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_globals(const struct pickle_scan *scan)
{
	require(scan->nglobals <= PICKLE_GLOBALS_LIMIT);
	for (size_t i = 0; i < scan->nglobals; i++) {
		const struct pickle_global *g = &scan->globals[i];

		require(g->offset < scan->nbytes);
		require(text_is_utf8(g->module, g->module_len));
		require(text_is_utf8(g->name, g->name_len));
		require(strlen(g->module) == g->module_len);
		require(strlen(g->name) == g->name_len);
		require(i == 0 || g->offset > g[-1].offset);
	}
}

/* The same bytes, so many of them, in memory of their own. */
static bool scan_copy(struct pickle_scan *scan, const uint8_t *data,
		      size_t len, struct error *err)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	bool ok;

	require(copy != NULL);
	memcpy(copy, data, len);
	ok = pickle_scan(scan, copy, len, err);
	free(copy);
	return ok;
}

static void check_alone(const struct pickle_scan *scan, const uint8_t *data)
{
	size_t nbytes = (size_t)scan->nbytes;
	struct pickle_scan again;
	struct error err = { 0 };

	require(scan_copy(&again, data, nbytes, &err));
	require(again.nbytes == scan->nbytes);
	require(again.memory == scan->memory);
	require(again.nglobals == scan->nglobals);
	pickle_scan_free(&again);
	require(!scan_copy(&again, data, nbytes - 1, &err));
	require(err.kind == ERROR_TRUNCATED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	while (len > 0) {
		struct pickle_scan scan;
		struct error err = { 0 };

		if (!pickle_scan(&scan, data, len, &err)) {
			require(err.kind != ERROR_NONE && err.offset <= len);
			require(!scan.globals && scan.nbytes == 0);
			break;
		}
		require(scan.nbytes > 0 && scan.nbytes <= len);
		require(data[scan.nbytes - 1] == '.');
		require(scan.opcodes <= scan.nbytes && scan.protocol <= 5);
		check_globals(&scan);
		check_alone(&scan, data);
		data += scan.nbytes;
		len -= (size_t)scan.nbytes;
		pickle_scan_free(&scan);
	}
	return 0;
}
