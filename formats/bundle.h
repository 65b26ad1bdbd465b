/*
 * bundle.h - what a bundle is: its names, its members, when it is sound
 *
 *	<run>:v<epoch>/policy_spec.json       class, architecture, data_path
 *	<run>:v<epoch>/weights.safetensors    where data_path says
 *
 * or the same two members at the root of <run>:v<epoch>.zip.  Names and bytes
 * are hostile.  The checks here need no path: they take bytes, so that the
 * program that writes a bundle and the one that judges it use the same.
 */
#ifndef FORMATS_BUNDLE_H
#define FORMATS_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/reader.h"
#include "formats/architecture.h"
#include "formats/policy_spec.h"
#include "formats/safetensors.h"

#define BUNDLE_SPEC "policy_spec.json"
#define BUNDLE_WEIGHTS "weights.safetensors"
#define BUNDLE_ZIP_SUFFIX ".zip"

struct bundle_name {
	const char *run;	/* borrowed; the whole stem if no epoch */
	size_t run_len;
	bool has_epoch;
	uint64_t epoch;
};

/*
 * Take the name of a file or folder (without the folders above it) apart.  The
 * last suffix of a file is no part of it; a folder has no suffix.  The epoch
 * is the ASCII digits behind the last ":v", leading zeros allowed.  The only
 * fault is an epoch above 64 bits.
 */
bool bundle_parse_name(struct bundle_name *name, const char *file_name,
		       bool folder, struct error *err);

/*
 * What the framework's rules for run names say against this one, or NULL.
 * They were lifted, so a run name that breaks them is worth a note only.
 */
const char *bundle_run_fault(const char *run, size_t len);

/*
 * True if the framework cannot see the epoch of a bundle folder of this name:
 * it takes the text behind the last dot for a suffix, as in "my.run:v5".
 */
bool bundle_folder_hidden(const char *folder_name);

/* Left by a writer that was killed: ".<name>.<8 characters>.tmp" and others. */
bool bundle_is_leftover(const char *file_name);

/*
 * A file at the root of a bundle that the framework leaves there, or that its
 * own tools carry along: state of the trainer, locks, a legacy architecture.
 */
bool bundle_is_known_extra(const char *file_name);

/*
 * Is it names of Python joined by dots, as the name of a class is?  Letters
 * outside ASCII are taken for those of a name.  Without a dot it is a name that
 * the loader must know.
 */
bool bundle_is_dotted_name(const char *path);

/*
 * Check data_path or setup_script ('what'): relative, without "..", not for
 * the shell ("~"), not empty.  *clean becomes the same path without "." parts
 * and repeated slashes, malloc'ed.
 */
bool bundle_clean_path(char **clean, const char *path, const char *what,
		       struct error *err);

/*
 * What a parsed spec must say, beyond its types, as far as that can be checked
 * without the files it names: no pointer to a legacy checkpoint, and a class
 * that is no expression; paths inside the bundle; an architecture that parses,
 * and weights, where the class needs them.
 */
bool bundle_check_class(const struct policy_spec *spec, struct error *err);
bool bundle_check_data_path(const struct policy_spec *spec,
			    struct error *err);
bool bundle_check_setup_script(const struct policy_spec *spec,
			       struct error *err);

/*
 * The same for the architecture.  *a borrows from the spec, and is empty if
 * that has none and on failure.
 */
bool bundle_read_architecture(struct architecture *a,
			      const struct policy_spec *spec,
			      struct error *err);

/* Parse policy_spec.json and make all these checks; else *spec is empty. */
bool bundle_check_spec(struct policy_spec *spec, const char *text, size_t len,
		       struct error *err);

/* Bytes from first to last: of a file, or of a zip member. */
struct bundle_stream {
	bool (*read)(void *source, void *buf, size_t len, struct error *err);
	void *source;		/* borrowed */
	uint64_t size;
	uint64_t stored_nbytes;	/* what they take in an archive, else size */
};

/*
 * Read length and header of a safetensors file, strictly; what follows in the
 * stream is the data that the tensors cover.  On failure *header is empty.
 */
bool bundle_read_header(struct safetensors_header *header,
			const struct bundle_stream *stream,
			struct error *err);

/* The same by safetensors_recall_header(). */
const struct safetensors_header *
bundle_recall_header(struct safetensors_recall *recall,
		     const struct bundle_stream *stream, struct error *err);

/*
 * Read a safetensors file to its last byte: header strict, data covered
 * exactly, every byte readable.  Memory is that of the header and one fixed
 * buffer.  On failure *header is empty.
 */
bool bundle_check_weights(struct safetensors_header *header,
			  const struct bundle_stream *stream,
			  struct error *err);

/* The same two for a reader. */
bool bundle_read_header_at(struct safetensors_header *header,
			   const struct reader *r, struct error *err);
bool bundle_check_weights_at(struct safetensors_header *header,
			     const struct reader *r, struct error *err);

#endif
