/* convert_paced.c - mpt-convert that waits before each large write */
#include "tests/drivers/pace.h"

ssize_t __real_pwrite(int fd, const void *buf, size_t len, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset);

ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	pace_wait(len);
	return __real_pwrite(fd, buf, len, offset);
}
