/*
 * deflate_block.h - find where a block of a deflate stream begins
 *
 * Nothing marks that, but a block with codes of its own begins with a
 * description of them (RFC 1951, 3.2.7) that hardly any other bits are: three
 * sets of codes, each of which must use up all bits.  What is found may still
 * be none: whoever uses it has to find that out.
 *
 * Input is hostile.  No allocation, no globals: safe from any thread.
 */
#ifndef FORMATS_DEFLATE_BLOCK_H
#define FORMATS_DEFLATE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The first place in these bytes that looks like it: the number of the bit,
 * counted from the lowest of the first byte.  Last blocks and those without
 * codes of their own are not looked for, nor any in the last 600 bytes or so:
 * the whole description must be there.
 */
bool deflate_find_block(const uint8_t *data, size_t len, uint64_t *bit);

#endif
