/*
 * load_policy_zip.c - a zip with what torch.save wrote in it, as policy.pt
 *
 * The inner file is deflated, and it is read at offsets: so it is inflated
 * first, as a whole.
 */
#include "convert/load.h"

#include <string.h>

static const char policy_name[] = "policy.pt";

bool load_policy_zip(struct checkpoint *c, struct scratch *scratch,
		     struct error *err)
{
	const struct zip_member *member = zip_find_member(
		&c->outer, policy_name, sizeof(policy_name) - 1);

	c->era = "zip with policy.pt";
	if (load_spill_member(c, &c->outer, member, &c->source, scratch,
			      &c->inner, err) &&
	    load_torch(c, &c->inner, scratch, err))
		return true;
	return error_in(err, NULL, policy_name);
}
