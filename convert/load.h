/*
 * load.h - the loaders behind checkpoint_open(), one for each era
 *
 * A loader gets a checkpoint with its file open, and fills in weights,
 * architecture, notes and copy.  It need not clean up: checkpoint_open() does.
 */
#ifndef CONVERT_LOAD_H
#define CONVERT_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "convert/checkpoint.h"
#include "formats/zip.h"

/* c->outer holds weights.safetensors at its root. */
bool load_mpt_zip(struct checkpoint *c, struct scratch *scratch,
		  struct error *err);

/* c->outer holds policy.pt at its root: what torch.save made, in a zip. */
bool load_policy_zip(struct checkpoint *c, struct scratch *scratch,
		     struct error *err);

/* 'bytes' should be what torch.save wrote, in any form, or a plain pickle. */
bool load_torch(struct checkpoint *c, const struct reader *bytes,
		struct scratch *scratch, struct error *err);

/* The same for a zip archive: c->archive was read from 'bytes'. */
bool load_torch_zip(struct checkpoint *c, const struct reader *bytes,
		    struct scratch *scratch, struct error *err);

/* c->archive was read from 'bytes' and load_is_torch_archive(). */
bool load_torch_archive(struct checkpoint *c, const struct reader *bytes,
			struct scratch *scratch, struct error *err);

/* 'bytes' starts with the magic number of a torch stream. */
bool load_torch_stream(struct checkpoint *c, const struct reader *bytes,
		       struct scratch *scratch, struct error *err);

/* 'bytes' may be a pickle that torch.save did not make. */
bool load_pickle(struct checkpoint *c, const struct reader *bytes,
		 struct scratch *scratch, struct error *err);

/* Was the archive made by torch.package, whatever is in it? */
bool load_is_package(const struct zip *zip);

/* Does the archive hold a pickle where torch.save or torch.package puts it? */
bool load_is_torch_archive(const struct zip *zip);

/*
 * The whole of a member of at most limit bytes, CRC verified; *data is
 * malloc'ed and has a NUL behind it.
 */
bool load_member(const struct zip *zip, const struct zip_member *member,
		 const struct reader *bytes, size_t limit, char **data,
		 size_t *len, struct error *err);

/* The next bytes of a stream, to a sink. */
bool load_inflated(struct zip_stream *stream, uint64_t nbytes,
		   struct sink *sink, struct error *err);

/* Put bytes into the checkpoint's unnamed temporary file; show them there. */
bool load_spill_bytes(struct checkpoint *c, const uint8_t *bytes, size_t len,
		      struct scratch *scratch, struct reader *spilled,
		      struct error *err);

/*
 * Inflate a member, so that it can be read at offsets: into the thread's
 * buffer while there is room, else into the checkpoint's unnamed temporary
 * file.  CRC verified.
 */
bool load_spill_member(struct checkpoint *c, const struct zip *zip,
		       const struct zip_member *member,
		       const struct reader *bytes, struct scratch *scratch,
		       struct reader *spilled, struct error *err);

#endif
