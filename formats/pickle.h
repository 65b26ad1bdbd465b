/*
 * pickle.h - look through a pickle before anything unpickles it
 *
 * A pickle is a program for a small stack machine.  The scan walks over it
 * once, without recursion, and keeps only what it must know of each value: its
 * kind, how deep it is nested, what it costs to hash.  It builds nothing, looks
 * nothing up and calls nothing.  Time and memory are linear in the input (no
 * more than 32 bytes for each byte of it, twice that while arrays grow).
 *
 * What passes is sound as far as can be seen without running it, and cannot
 * make CPython's C unpickler crash or take memory or time out of proportion:
 *
 *  - only opcodes of protocols 0 to 5; none that reach outside the pickle
 *    (extension registry, out-of-band buffers); every operand in the input;
 *  - the stack and the marks balance, opcodes find the kinds they need, and
 *    one value is left at the end;
 *  - a memo index is at most a little larger than the number of opcodes so
 *    far, and is set before it is read;
 *  - what is hashed (a key, a member of a set, an argument that may end as
 *    one) is nested at most PICKLE_HASH_DEPTH_LIMIT deep: hashing a tuple
 *    recurses in C without a guard;
 *  - all that the opcodes allocate, hash and copy together stays below an
 *    allowance in proportion to the pickle: one byte can be a set of 224 bytes,
 *    and tuples that hold each other twice take 2^depth steps to hash.
 *
 * This rests on what the unpickler hands out for globals.  Calling it may hash
 * and copy its arguments, the members of a list or tuple among them, and the
 * keys if those are pairs; it may not look deeper.  It returns something new,
 * not one of its arguments that can still change, and what it returns hashes by
 * identity or as a tuple of those members would.
 *
 * What the scan cannot see is keys whose hashes collide: numbers and tuples of
 * numbers can be chosen so, and then a dict of n of them takes n^2 steps.  Give
 * the unpickler a limit of processor time in proportion to the pickle.
 *
 * The input is hostile; it must stay until the scan returns, and results
 * borrow nothing from it.  No globals: safe from any thread.
 */
#ifndef FORMATS_PICKLE_H
#define FORMATS_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"

enum {
	/*
	 * On a stack of 8 MiB CPython 3.9 to 3.13 hash tuples 100,000 levels
	 * deep, and crash at 150,000.
	 */
	PICKLE_HASH_DEPTH_LIMIT = 2000,
	/*
	 * Only a bound on what is plausible: containers nested a million deep,
	 * in whatever way, are made and freed without recursion.  A container
	 * that grows after it was put into another one is not looked up there.
	 */
	PICKLE_DEPTH_LIMIT = 50000,
	PICKLE_GLOBALS_LIMIT = 5000,
	PICKLE_GLOBAL_NAME_LIMIT = 1000		/* bytes */
};

/* A name that unpickling would look up; UTF-8, with a NUL behind it. */
struct pickle_global {
	const char *module, *name;
	size_t module_len, name_len;
	uint64_t offset;	/* of the first opcode that names it */
};

/* Zeroed is valid and empty. */
struct pickle_scan {
	uint64_t nbytes;	/* up to STOP and with it; more may follow */
	unsigned protocol;	/* as it says; else what its opcodes need */
	size_t opcodes;
	uint64_t memory;	/* bytes unpickling takes at most, roughly */

	/*
	 * In order of first use.  A name that is no literal in the pickle but
	 * the result of a call, or is written with escapes, is "?".
	 */
	struct pickle_global *globals;
	size_t nglobals, globals_capacity;
	struct arena arena;	/* the names */
};

/*
 * Scan the pickle at the start of data.  Offsets in faults count from there.
 * On failure *scan is empty.
 */
bool pickle_scan(struct pickle_scan *scan, const void *data, size_t len,
		 struct error *err);

void pickle_scan_free(struct pickle_scan *scan);

#endif
