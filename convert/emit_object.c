/* emit_object.c - a bundle as an archive on S3 */
#include "convert/emit_form.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "convert/emit_archive.h"
#include "remote/object.h"

/* It is made on this machine, without a name, and sent when it gets one. */
static bool write_object(struct written *w, struct checkpoint *c,
			 const struct safetensors_layout *layout,
			 const struct buffer *spec, struct scratch *scratch,
			 struct error *err)
{
	return file_create_unnamed(&w->spill, object_spill_folder(), err) &&
	       emit_archive_write(&w->spill, w, c, layout, spec, scratch,
				  err);
}

/* S3 answers once what it was sent is durable. */
static bool sync_object(const struct written *w, struct error *err)
{
	(void)w;
	(void)err;
	return true;
}

static bool send(struct written *w, const char *instead_of, bool *taken,
		 struct error *err)
{
	struct reader from = file_reader(&w->spill);
	struct object_name name;
	struct s3_facts facts = { 0 };

	if (!object_split(&name, w->name, err) ||
	    !s3_send(&name.place, &from, instead_of, taken, &facts, err))
		return error_in(err, w->name, NULL);
	memcpy(w->members.etag, facts.etag, sizeof(w->members.etag));
	return true;
}

static bool name_object(struct written *w, bool *renamed, struct error *err)
{
	bool taken = false;

	*renamed = send(w, NULL, &taken, err) && !taken;
	return *renamed || taken;
}

static bool compare_object(struct written *w, struct scratch *scratch,
			   enum existing *existing, struct error *err)
{
	struct file theirs = { 0 };
	bool ok = object_open_or_file(&theirs, w->name, object_spill_folder(),
				      err);

	if (ok)
		snprintf(w->compared, sizeof(w->compared), "%s",
			 object_etag(&theirs));
	ok = ok && emit_archive_compare(&w->spill, &theirs, scratch, existing,
					err);
	file_discard(&theirs);
	return ok;
}

static bool fault_changed(struct error *err)
{
	return error_set(err, ERROR_UNSAFE, ERROR_NO_OFFSET, "it was not "
			 "replaced: somebody has changed it");
}

static bool replace_object(struct written *w, struct error *err)
{
	struct file theirs = { 0 };
	bool taken = false;
	bool ok = object_open_or_file(&theirs, w->name, object_spill_folder(),
				      err) &&
		  (strcmp(object_etag(&theirs), w->compared) == 0 ||
		   fault_changed(err)) &&
		  emit_archive_check_plain(&theirs, err) &&
		  send(w, w->compared, &taken, err);

	file_discard(&theirs);
	return ok && (!taken || fault_changed(err));
}

const struct emit_form emit_object = {
	.write = write_object,
	.sync = sync_object,
	.rename = name_object,
	.compare = compare_object,
	.replace = replace_object,
};
