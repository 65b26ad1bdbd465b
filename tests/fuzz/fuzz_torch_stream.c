/* fuzz_torch_stream.c - pickles and bytes behind them, and a helper's answer */
#include "tests/fuzz/torch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	torch_fuzz(data, len, load_torch);
	return 0;
}
