/*
 * zip_write.h - write zip archives, of the plainest kind there is
 *
 * The bytes depend on the members alone: they stand in the order in which they
 * are written, deflated, dated 1980-01-01, with mode 0100644.  Local headers
 * hold the real sizes, so no descriptors follow the data; the only extra
 * fields are those of zip64, where a size or an offset needs them.  Every
 * reader reads them, and zip_read_directory() accepts them.
 *
 * Memory is one buffer and that of the library that deflates, whatever the
 * sizes.  A writer makes one archive after another and belongs to one thread.
 */
#ifndef FORMATS_ZIP_WRITE_H
#define FORMATS_ZIP_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/writer.h"

/* Members that an archive can have. */
enum { ZIP_WRITE_MEMBERS = 16 };

struct zip_writer;

/* NULL on error.  zip_write_free() frees; NULL is freed too. */
struct zip_writer *zip_write_new(struct error *err);

void zip_write_free(struct zip_writer *w);

/*
 * Begin an archive at offset 0 of 'out', whatever became of the one before.
 * Bytes are written in order, but for the sizes in local headers.
 */
void zip_write_begin(struct zip_writer *w, struct writer out);

/*
 * Begin a member of usize bytes, which zip_write_data() takes in pieces and
 * deflates.  name is ASCII and borrowed until the archive is finished.
 */
bool zip_write_member(struct zip_writer *w, const char *name, uint64_t usize,
		      struct error *err);

bool zip_write_data(struct zip_writer *w, const void *data, size_t len,
		    struct error *err);

/* zip_write_data() as a writer; the offsets must follow each other. */
struct writer zip_write_data_writer(struct zip_writer *w);

/*
 * Begin a member that is deflated already: zip_write_deflated_data() takes the
 * csize bytes of its stream, which the caller must know to be one of usize
 * bytes with this CRC.
 */
bool zip_write_deflated(struct zip_writer *w, const char *name, uint32_t crc,
			uint64_t csize, uint64_t usize, struct error *err);

bool zip_write_deflated_data(struct zip_writer *w, const void *data,
			     size_t len, struct error *err);

/* End the member; it must have got all its bytes. */
bool zip_write_end_member(struct zip_writer *w, struct error *err);

/* Write the directory behind the last member; *nbytes is the archive's size. */
bool zip_write_finish(struct zip_writer *w, uint64_t *nbytes,
		      struct error *err);

#endif
