/* report_file.c - written beside its place, then renamed */
#include "validate/report_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

/* To the user, the temporary file and the folder are parts of the report. */
static bool fault(struct error *err, const char *path)
{
	err->path[0] = '\0';
	return error_in(err, path, NULL);
}

static bool open_folder(struct report_file *f, struct error *err)
{
	size_t len = (size_t)(f->name - f->path);
	char *folder = memory_array(len + 2, 1, err);
	bool ok;

	if (!folder)
		return false;
	memcpy(folder, len > 0 ? f->path : ".", len > 0 ? len : 1);
	ok = folder_open(&f->folder, folder, err);
	free(folder);
	return ok;
}

/* The place is free, or has a file that may go. */
static bool check_place(const struct report_file *f, struct error *err)
{
	mode_t mode;

	if (f->name[0] == '\0')
		return error_set(err, ERROR_IO, ERROR_NO_OFFSET,
				 "a folder, where a report is to be written");
	return folder_look(&f->folder, f->name, &mode, err) &&
	       (mode == 0 || S_ISREG(mode) ||
		error_set(err, ERROR_IO, ERROR_NO_OFFSET,
			  "not a regular file: a report takes the place of "
			  "nothing else"));
}

static bool create_beside(struct report_file *f, struct error *err)
{
	char name[sizeof(f->temporary)];
	mode_t mode = 0;
	unsigned tries = 0;

	/* One that was killed may have left its own, under the same number. */
	do {
		snprintf(name, sizeof(name), ".mpt-validate-%ld-%u.tmp",
			 (long)getpid(), tries++);
		if (!folder_look(&f->folder, name, &mode, err))
			return false;
	} while (mode != 0);
	if (!file_create_in(&f->file, &f->folder, name, err))
		return false;
	memcpy(f->temporary, name, sizeof(name));
	return true;
}

bool report_file_create(struct report_file *f, const char *path,
			struct error *err)
{
	*f = (struct report_file){ .path = path,
				   .name = file_base_name(path) };
	if (open_folder(f, err) && check_place(f, err) &&
	    create_beside(f, err))
		return true;
	report_file_discard(f);
	return fault(err, path);
}

bool report_file_append(struct report_file *f, const char *path,
			struct error *err)
{
	struct stat st;

	*f = (struct report_file){ .path = path, .appends = true,
				   .name = file_base_name(path) };
	if (open_folder(f, err) &&
	    append_open(&f->lines, &f->folder, f->name, err)) {
		if (fstat(f->lines.fd, &st) == 0) {
			f->nbytes = (uint64_t)st.st_size;
			return true;
		}
		error_set_errno(err, "cannot read its size");
	}
	report_file_discard(f);
	return fault(err, path);
}

bool report_file_write(struct report_file *f, const void *data, size_t len,
		       struct error *err)
{
	if (f->appends ? !append_lines(&f->lines, data, len, false, err)
		       : !file_write(&f->file, f->nbytes, data, len, err))
		return fault(err, f->path);
	f->nbytes += len;
	return true;
}

bool report_file_commit(struct report_file *f, struct error *err)
{
	const char *path = f->path;
	bool ok = f->appends || file_sync(&f->file, err);

	ok = file_close(&f->file, err) && ok;
	if (ok && !f->appends) {
		ok = folder_replace_file(&f->folder, f->temporary, f->name,
					 err);
		f->temporary[0] = ok ? '\0' : f->temporary[0];
		ok = ok && folder_sync(&f->folder, err);
	}
	report_file_discard(f);
	return ok || fault(err, path);
}

void report_file_discard(struct report_file *f)
{
	struct error ignored = { 0 };

	append_close(&f->lines);
	file_discard(&f->file);
	if (f->temporary[0] != '\0')
		folder_remove_file(&f->folder, f->temporary, &ignored);
	folder_close(&f->folder);
	*f = (struct report_file){ 0 };
}
