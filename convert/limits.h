/*
 * limits.h - how much may come of a file, from its size
 *
 * A few kilobytes can ask for gigabytes: deflated constants, tensors that
 * repeat one element.  Real checkpoints at most double (tied weights), or were
 * deflated well below tenfold.
 */
#ifndef CONVERT_LIMITS_H
#define CONVERT_LIMITS_H

#include <stdint.h>

#define LIMITS_EXPANSION_DEFAULT 32

/*
 * Bytes that the tensors of a file of nbytes may take, as a bundle or inflated:
 * 64 MiB, and 'expansion' times its size.
 */
uint64_t limits_tensors(uint64_t nbytes, unsigned expansion);

/*
 * Bytes that a pickle in it may have, inflated.  Pickles are held in memory and
 * take a multiple of their length there, so that those of small files may not
 * be larger than 1 MiB.  (A name and a place for each of 7,000 tensors.)
 */
uint64_t limits_pickle(uint64_t nbytes);

#endif
