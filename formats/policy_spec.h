/*
 * policy_spec.h - policy_spec.json, the document that makes a folder a bundle
 *
 *	{"class_path":"metta.agent.policy.CheckpointPolicy",
 *	 "data_path":"weights.safetensors",
 *	 "init_kwargs":{"architecture_spec":"...","device":"cpu"},
 *	 "setup_script":null}
 *
 * The loader takes class_path (a string, required), data_path and setup_script
 * (a string or null), init_kwargs (an object), and ignores other fields; so
 * does the parser here, but it counts them.  It is stricter than the loader
 * where JSON is: see formats/json.h.  Input is hostile.  What the strings say
 * (paths inside the bundle, architecture) is checked in formats/bundle.
 */
#ifndef FORMATS_POLICY_SPEC_H
#define FORMATS_POLICY_SPEC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/json.h"

#define POLICY_SPEC_LIMIT (1u << 20)
#define POLICY_SPEC_CHECKPOINT_CLASS "metta.agent.policy.CheckpointPolicy"
/* The policy that loads a legacy .mpt: its specs point to a checkpoint. */
#define POLICY_SPEC_POINTER_CLASS "mettagrid.policy.mpt_policy.MptPolicy"

struct policy_spec {
	struct json_document document;	/* owns all that follows */
	const char *class_path;
	const char *data_path;		/* NULL: null or absent, no weights */
	const char *setup_script;	/* NULL: null or absent */
	const struct json_value *init_kwargs;	/* an object, or NULL: absent */
	const char *architecture_spec;	/* of init_kwargs, or NULL: absent */
	const char *device;		/* of init_kwargs; NULL: no string */
	const char *checkpoint_uri;	/* of init_kwargs; NULL: no string */
	size_t unknown_count;		/* fields the loader ignores */
	const char *unknown;		/* the first of them, or NULL */
};

/* Over POLICY_SPEC_LIMIT bytes are ERROR_LIMIT.  On failure *spec is empty. */
bool policy_spec_parse(struct policy_spec *spec, const char *text, size_t len,
		       struct error *err);

void policy_spec_free(struct policy_spec *spec);

/*
 * Append the document that the framework writes for a checkpoint with this
 * architecture text, byte for byte, without a newline at the end.
 */
bool policy_spec_print(struct buffer *out, const char *architecture,
		       size_t len, struct error *err);

/*
 * The same for another policy class, whose arguments are given as the text of
 * a JSON object.
 */
bool policy_spec_print_class(struct buffer *out, const char *class_path,
			     const char *init_kwargs, size_t len,
			     struct error *err);

#endif
