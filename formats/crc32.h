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

#endif
