/* text_file.c - read small files whole, and wipe what was read */
#include "remote/text_file.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

static bool read_all(struct text_file *f, const struct file *file,
		     size_t most, struct error *err)
{
	struct reader r = file_reader(file);

	if (file->size > most)
		return error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
				 "%" PRIu64 " bytes, over the limit of %zu",
				 file->size, most);
	f->len = (size_t)file->size;
	f->text = memory_array(f->len + 1, 1, err);
	return f->text && reader_read(&r, 0, f->text, f->len, err);
}

static bool fail(struct text_file *f, const char *path, struct error *err)
{
	text_file_free(f);
	return error_in(err, path, NULL);
}

bool text_file_read(struct text_file *f, const char *path, size_t most,
		    struct error *err)
{
	struct file file = { 0 };
	bool ok = file_open(&file, path, err) &&
		  read_all(f, &file, most, err);

	file_discard(&file);
	if (ok && strlen(f->text) < f->len)
		ok = error_set(err, ERROR_CORRUPT, strlen(f->text),
			       "a NUL in what should be text");
	return ok || fail(f, path, err);
}

bool text_file_read_token(struct text_file *f, const char *path, size_t most,
			  struct error *err)
{
	if (!text_file_read(f, path, most, err))
		return false;
	while (f->len > 0 && strchr(" \t\r\n", f->text[f->len - 1]))
		f->text[--f->len] = '\0';
	if (f->len > 0)
		return true;
	error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
		  "a file for a token, but there is none in it");
	return fail(f, path, err);
}

void text_file_free(struct text_file *f)
{
	if (f->text)
		OPENSSL_cleanse(f->text, f->len);
	free(f->text);
	*f = (struct text_file){ 0 };
}
