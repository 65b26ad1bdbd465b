/*
 * load_policy_zip.c - a zip with a torch archive in it, called policy.pt
 *
 * The inner archive is deflated as a whole, and it is read at offsets: so it
 * is inflated into an unnamed temporary file first.
 */
#include "convert/load.h"

#include <string.h>

static const char policy_name[] = "policy.pt";

bool load_policy_zip(struct checkpoint *c, struct scratch *scratch,
		     struct error *err)
{
	const struct zip_member *member = zip_find_member(
		&c->outer, policy_name, sizeof(policy_name) - 1);
	uint8_t magic[4] = { 0 };

	c->era = "zip with policy.pt";
	if (!load_spill_member(c, &c->outer, member, &c->source, scratch,
			       &c->inner, err))
		return false;
	if (c->inner.size >= sizeof(magic) &&
	    !reader_read(&c->inner, 0, magic, sizeof(magic), err))
		return false;
	if (!zip_is_magic(magic)) {
		error_set(err, ERROR_UNSUPPORTED, 0,
			  "not a zip archive made by torch.save");
		return error_in(err, NULL, policy_name);
	}
	if (!zip_read_directory(&c->archive, &c->inner, err))
		return error_in(err, NULL, policy_name);
	if (!load_is_torch_archive(&c->archive)) {
		error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
			  "a zip archive without <root>/data.pkl");
		return error_in(err, NULL, policy_name);
	}
	return load_torch_archive(c, &c->inner, scratch, err);
}
