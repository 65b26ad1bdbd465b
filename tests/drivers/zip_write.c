/*
 * zip_write.c - writes a zip archive of members that are not there
 *
 *	zip_write FILE [CSIZE USIZE]...
 *
 * FILE becomes an archive of members "0", "1" and so on, with these sizes.
 * Their data is a hole in the file, so that the sizes can be any; it is no
 * deflate stream.
 */
#include <stdlib.h>

#include "base/file.h"
#include "base/memory.h"
#include "formats/zip_write.h"

#define HOLE_SIZE ((size_t)1 << 30)

static char *hole;	/* that many zeros, never written to */

/* Headers are written; what comes from the hole is left out. */
static bool write_headers(void *to, uint64_t offset, const void *buf,
			  size_t len, struct error *err)
{
	return buf == hole || file_write(to, offset, buf, len, err);
}

static bool write_member(struct zip_writer *w, const char *name,
			 uint64_t csize, uint64_t usize, struct error *err)
{
	if (!zip_write_deflated(w, name, 0x12345678, csize, usize, err))
		return false;
	for (uint64_t left = csize; left > 0; ) {
		size_t n = left < HOLE_SIZE ? (size_t)left : HOLE_SIZE;

		if (!zip_write_deflated_data(w, hole, n, err))
			return false;
		left -= n;
	}
	return zip_write_end_member(w, err);
}

static bool write_archive(struct zip_writer *w, struct file *file, int argc,
			  char **argv, struct error *err)
{
	static const char names[][2] = { "0", "1", "2", "3" };
	uint64_t nbytes;

	zip_write_begin(w, (struct writer){ .write = write_headers,
					   .to = file });
	for (int i = 0; i < argc / 2; i++)
		if (!write_member(w, names[i], strtoull(argv[2 * i], NULL, 0),
				  strtoull(argv[2 * i + 1], NULL, 0), err))
			return false;
	return zip_write_finish(w, &nbytes, err);
}

int main(int argc, char **argv)
{
	struct error err = { 0 };
	struct file file = { 0 };
	struct zip_writer *w = zip_write_new(&err);
	bool ok;

	hole = memory_array(HOLE_SIZE, 1, &err);
	ok = w && hole && file_create(&file, argv[1], &err) &&
	     write_archive(w, &file, argc - 2, argv + 2, &err) &&
	     file_close(&file, &err);
	if (!ok)
		error_print(stderr, "zip_write", &err);
	file_discard(&file);
	zip_write_free(w);
	free(hole);
	return !ok;
}
