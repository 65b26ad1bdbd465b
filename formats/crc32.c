/* crc32.c - ISA-L where it was found, zlib elsewhere */
#include "formats/crc32.h"

#include <zlib.h>

#ifdef HAVE_ISAL
#include <isa-l.h>
#endif

uint32_t crc32_update(uint32_t crc, const void *data, size_t len)
{
	if (len == 0)
		return crc;	/* zlib starts anew at NULL */
#ifdef HAVE_ISAL
	return crc32_gzip_refl(crc, data, len);
#else
	return (uint32_t)crc32_z(crc, data, len);
#endif
}

uint32_t crc32_of_part(uint32_t crc, uint64_t behind)
{
	return (uint32_t)crc32_combine(crc, 0, (z_off_t)behind);
}
