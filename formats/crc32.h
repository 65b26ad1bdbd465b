/*
 * crc32.h - the CRC-32 of zip archives, by the fastest library there is
 *
 * No allocation, no globals: safe from any thread.
 */
#ifndef FORMATS_CRC32_H
#define FORMATS_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of some bytes and these len more; that of no bytes is 0. */
uint32_t crc32_update(uint32_t crc, const void *data, size_t len);

/*
 * What a part adds to the CRC of a whole, by ^ and in any order, if crc is that
 * of the part alone and 'behind' bytes of the whole follow it.
 */
uint32_t crc32_of_part(uint32_t crc, uint64_t behind);

#endif
