/* keys.c - mpt-inspect keys: the key manifest of one checkpoint */
#include "formats/key_manifest.h"
#include "inspect/verb.h"

/* A manifest is JSON, whether that was asked for or not. */
bool keys_run(const struct request *r, struct answer *a, struct error *err)
{
	struct source s = { 0 };
	bool ok = source_open(&s, r->operands.values[0], &r->source, err);

	if (ok && !s.has_weights)
		ok = error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
			       "its policy spec names no weights");
	ok = ok && key_manifest_print(&a->text, &s.header.tensors, err);
	source_close(&s);
	return ok || error_in(err, r->operands.values[0], NULL);
}
