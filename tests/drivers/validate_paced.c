/* validate_paced.c - mpt-validate that waits before each large read */
#include "tests/drivers/pace.h"

enum { LARGE = 256 << 10 };	/* bytes; fewer need not wait */

ssize_t __real_pread(int fd, void *buf, size_t len, off_t offset);
ssize_t __wrap_pread(int fd, void *buf, size_t len, off_t offset);

ssize_t __wrap_pread(int fd, void *buf, size_t len, off_t offset)
{
	if (len >= LARGE)
		pace_wait();
	return __real_pread(fd, buf, len, offset);
}
