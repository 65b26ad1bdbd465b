/* fuzz_torch_archive.c - a zip of storages, and what a helper says of it */
#include "tests/fuzz/torch.h"

static bool load(struct checkpoint *c, const struct reader *bytes,
		 struct scratch *scratch, struct error *err)
{
	return zip_read_directory(&c->archive, bytes, err) &&
	       load_torch_zip(c, bytes, scratch, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	torch_fuzz(data, len, load);
	return 0;
}
