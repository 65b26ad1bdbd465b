/*
 * protocol.h - what mpt-convert and mpt-unpickler say to each other
 *
 * The helper greets; then one request, one answer, over the socket that is its
 * standard input; then the next request, until the socket closes.  All numbers
 * are little-endian.  "text" is a u32 byte count and that many bytes of UTF-8.
 *
 *	greeting:
 *
 *	  u64   bytes of address space it has, before it has seen any pickle
 *	  text  why it cannot serve, and then it ends; "" if it can
 *
 *	request:  u64 nbytes, then nbytes of body:
 *
 *	  u8    layout (enum unpickler_layout)
 *	  text  which state dict of several to take: the keys that lead to it,
 *	        joined by dots; "" lets the helper find the only one
 *	  ...   the pickle; for UNPICKLER_STREAM that of the object and behind
 *	        it that of the list of storage keys
 *
 *	answer:   u64 nbytes, then nbytes of body:
 *
 *	  u8    verdict (enum unpickler_verdict)
 *	  --- if it is not UNPICKLER_INDEX
 *	  text  reason
 *	  text  key or path inside the object it is about ("" if none)
 *	  --- if it is UNPICKLER_INDEX
 *	  text  kind: "module" or "state dict"
 *	  u8    1 if an architecture text follows, else 0
 *	  text  architecture (only if the byte before is 1)
 *	  u32   number of storages that tensors below lie in, then for each
 *	    text  storage key, as in the persistent id
 *	    text  storage class without its module, e.g. "FloatStorage"
 *	    u64   number of elements (bytes for UntypedStorage)
 *	    u8    1 if its bytes follow, else 0: they are in the container
 *	    u64   number of bytes, and then the bytes (only if the u8 is 1)
 *	  u32   for UNPICKLER_STREAM number of storages in the list of keys, in
 *	        its order, else 0; then for each
 *	    text  storage key
 *	    u64   number of elements
 *	    u32   bytes of one element
 *	    u32   its index among the storages above, or 2^32-1: no tensor of
 *	          the state dict lies in it
 *	  u32   number of tensors, in state_dict() order, then for each
 *	    text  key in the state dict
 *	    u32   index of its storage
 *	    text  dtype as torch names it, e.g. "float32"; "" = the storage's
 *	    u64   offset in the storage, in elements of the tensor's dtype
 *	    u32   rank
 *	    u64   sizes[rank], then u64 strides[rank], in elements
 *	    u8    flags (enum unpickler_tensor_flag)
 *	  u32   number of notes, then a text for each
 *	  u32   number of globals the pickle names, then for each
 *	    text  "module name" in order of first use
 *
 * Whoever reads an answer treats it as hostile: a helper that a checkpoint
 * has taken over must not be able to hurt its parent.
 */
#ifndef CONVERT_UNPICKLER_PROTOCOL_H
#define CONVERT_UNPICKLER_PROTOCOL_H

#include <stdint.h>

/* Longest pickle that is sent; real ones stay below 50 MiB. */
#define UNPICKLER_REQUEST_LIMIT (512u << 20)
/* Longest answer that is read. */
#define UNPICKLER_ANSWER_LIMIT (512u << 20)
/* Longest text in a greeting. */
#define UNPICKLER_GREETING_LIMIT 200
/* The argument that leaves the system call filter out. */
#define UNPICKLER_NO_SANDBOX "--no-sandbox"

enum unpickler_layout {
	UNPICKLER_ARCHIVE = 0,	/* data.pkl of a torch archive */
	UNPICKLER_STREAM = 1,	/* a torch.save file of before torch 1.6 */
	UNPICKLER_PACKAGE = 2,	/* a pickle of a torch.package archive */
	UNPICKLER_PLAIN = 3	/* made by Python's pickle module */
};

enum unpickler_verdict {
	UNPICKLER_INDEX = 0,		/* a tensor index follows */
	UNPICKLER_CORRUPT = 1,		/* not a pickle, or not a sound one */
	UNPICKLER_UNSUPPORTED = 2,	/* sound, but cannot be represented */
	UNPICKLER_NOT_A_POLICY = 3,	/* e.g. a trainer state: skip it */
	UNPICKLER_LIMIT = 4,		/* over a limit of the helper's */
	UNPICKLER_MEMORY = 5		/* no memory left of what it may have */
};

#define UNPICKLER_NO_STORAGE UINT32_MAX

enum unpickler_tensor_flag {
	UNPICKLER_CONJ = 1,
	UNPICKLER_NEG = 2
};

#endif
