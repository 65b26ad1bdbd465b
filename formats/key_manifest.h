/*
 * key_manifest.h - the keys of a state dict as a document, to hold others to
 *
 *	{"format":"mpt-key-manifest","version":1,"keys":{
 *	"actor.bias":{"dtype":"F32","shape":[3]},
 *	"actor.weight":{"dtype":"F32","shape":[3,5]}
 *	}}
 *
 * dtype and shape are those of a safetensors header.  Printed with a line for
 * each key and in the order of the keys' bytes, so that equal keys give equal
 * texts, and two manifests can be compared line by line.
 *
 * Input is hostile, and JSON is read as formats/json.h says: strictly.  Other
 * fields than these are refused.  Time is linear in the text but for sorting.
 */
#ifndef FORMATS_KEY_MANIFEST_H
#define FORMATS_KEY_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/state_dict.h"

/* Bytes of text: some 200,000 keys. */
#define KEY_MANIFEST_LIMIT (16u << 20)
#define KEY_MANIFEST_FORMAT "mpt-key-manifest"

/*
 * Of the tensors only key, dtype, rank and shape are filled in.  A longer text
 * than KEY_MANIFEST_LIMIT is ERROR_LIMIT.  On failure *sd is empty.
 */
bool key_manifest_parse(struct state_dict *sd, const char *text, size_t len,
			struct error *err);

/* Could a text with this beginning be a manifest: is it a JSON object? */
bool key_manifest_is_start(const char *text, size_t len);

/*
 * Append the manifest of some keys.  ERROR_UNSUPPORTED for what JSON cannot
 * say to all readers alike: a NUL in a key, a size from 2^53 on.
 */
bool key_manifest_print(struct buffer *out, const struct state_dict *sd,
			struct error *err);

#endif
