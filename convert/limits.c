/* limits.c - products that do not overflow */
#include "convert/limits.h"

#include "convert/unpickler/protocol.h"

enum {
	TENSORS_FREE = 64 << 20,
	PICKLE_FREE = 1 << 20,	/* and the size of file it is enough for */
	PICKLE_EXPANSION = 8
};

uint64_t limits_tensors(uint64_t nbytes, unsigned expansion)
{
	uint64_t limit;

	if (__builtin_mul_overflow(nbytes, expansion, &limit) ||
	    __builtin_add_overflow(limit, TENSORS_FREE, &limit))
		return UINT64_MAX;
	return limit;
}

uint64_t limits_pickle(uint64_t nbytes)
{
	uint64_t most = UNPICKLER_REQUEST_LIMIT;

	if (nbytes <= PICKLE_FREE)
		return PICKLE_FREE;
	if (nbytes - PICKLE_FREE > (most - PICKLE_FREE) / PICKLE_EXPANSION)
		return most;
	return PICKLE_FREE + (nbytes - PICKLE_FREE) * PICKLE_EXPANSION;
}
