/* convert_paced.c - mpt-convert that waits before each mebibyte it writes */
#include "tests/drivers/pace.h"

enum {
	STEP = 1 << 20,		/* bytes, in one write or in several */
	LARGE = 64 << 10	/* smaller writes do not count */
};

static _Thread_local size_t left;	/* of the step that was waited for */

ssize_t __real_pwrite(int fd, const void *buf, size_t len, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset);

ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	if (len >= LARGE) {
		if (left == 0) {
			pace_wait();
			left = STEP;
		}
		left -= len < left ? len : left;
	}
	return __real_pwrite(fd, buf, len, offset);
}
