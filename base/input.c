/* input.c - read a file whole, cut it into names */
#include "base/input.h"

#include <stdio.h>
#include <string.h>

enum { INPUT_LIMIT = 1 << 30 };

bool input_read(struct buffer *out, const char *path, struct error *err)
{
	bool standard = strcmp(path, "-") == 0, ok = false;
	FILE *f = standard ? stdin : fopen(path, "re");
	char part[4096];
	size_t n;

	if (!f)
		goto fail;
	while ((n = fread(part, 1, sizeof(part), f)) > 0) {
		if (!buffer_append(out, part, n, err))
			goto done;
		if (out->len > INPUT_LIMIT) {
			error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
				  "over %d bytes", INPUT_LIMIT);
			goto done;
		}
	}
	if (ferror(f))
		goto fail;
	ok = buffer_terminate(out, err);
	goto done;
fail:
	error_set_errno(err, "cannot read");
done:
	if (f && !standard)
		fclose(f);
	return ok || error_in(err, path, NULL);
}

bool input_split(struct option_list *names, struct buffer *content, char end,
		 struct error *err)
{
	for (size_t pos = 0; pos < content->len; ) {
		char *name = content->data + pos;
		char *stop = memchr(name, end, content->len - pos);

		if (stop)
			*stop = '\0';
		if (*name && !option_list_add(names, name, err))
			return false;
		pos = stop ? (size_t)(stop - content->data) + 1
			   : content->len;
	}
	return true;
}
