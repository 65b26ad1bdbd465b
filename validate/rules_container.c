/* rules_container.c - the archive or folder, what lies in it, its name */
#include "validate/rules_subject.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "remote/object.h"

/* ---- the container ---- */

bool rule_container(struct subject *s, struct error *err)
{
	const struct candidate *c = s->candidate;

	if (c->error) {
		*err = *c->error;
		return false;
	}
	if (!open_container(&s->container, c->path, c->folder, err))
		return false;
	s->container.work = s->work;
	return true;
}

/* The kind of legacy checkpoint that an archive without a spec is, or NULL. */
static const char *legacy_kind(const struct container *c)
{
	if (open_has_member(c, "modelarchitecture.txt") ||
	    open_has_member(c, "policy.pt"))
		return "a legacy .mpt checkpoint";
	for (size_t i = 0; i < c->zip.count; i++)
		if (text_ends_in(c->zip.members[i].name, "/data.pkl"))
			return "a torch checkpoint";
	return NULL;
}

static bool fault_suffix(struct error *err)
{
	return error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
			 "a bundle with the suffix .mpt, which the loader "
			 "refuses: rename it, an archive to .zip");
}

bool rule_legacy(struct subject *s, struct error *err)
{
	bool mpt = text_ends_in(s->candidate->name, ".mpt"), spec;
	const char *kind = NULL;

	if (s->container.folder)
		return !mpt || fault_suffix(err);
	spec = open_has_member(&s->container, BUNDLE_SPEC);
	if (s->candidate->doubtful && !spec)
		s->something_else = "an archive without policy_spec.json and "
				    "without an epoch in its name";
	if (!spec)
		kind = legacy_kind(&s->container);
	if (!spec && !kind && mpt)
		kind = "named like a legacy checkpoint";
	if (kind)
		return error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
				 "%s, not a bundle: convert it with "
				 "\"mpt-convert %.200s -o FOLDER\"", kind,
				 s->candidate->path);
	return !mpt || fault_suffix(err);
}

bool rule_crc(struct subject *s, struct error *err)
{
	return s->container.folder ||
	       (open_check_rest(&s->container, s->judged, err) &&
		file_check_unchanged(&s->container.file, err));
}

/* ---- what lies in it ---- */

bool rule_listing(struct subject *s, struct error *err)
{
	return listing_read(&s->listing, &s->container, err);
}

bool rule_leftover(struct subject *s, struct error *err)
{
	for (size_t i = 0; i < s->listing.count; i++) {
		const char *name = s->listing.items[i].name;
		const char *slash = strrchr(name, '/');
		struct error left = { 0 };

		if (!bundle_is_leftover(slash ? slash + 1 : name))
			continue;
		error_set(&left, ERROR_CORRUPT, ERROR_NO_OFFSET,
			  "left by a writer that was killed");
		error_in(&left, NULL, name);
		subject_add(s, s->rule->severity, &left);
	}
	(void)err;
	return true;
}

/* A policy of other code than the framework's brings that code along. */
static bool brings_code(const struct subject *s)
{
	return s->setup_script || strcmp(s->spec.class_path,
					 POLICY_SPEC_CHECKPOINT_CLASS) != 0;
}

static bool is_expected(const struct subject *s, const struct listed *item)
{
	const char *slash = strrchr(item->name, '/');

	if (S_ISDIR(item->mode))
		return true;
	if (S_ISLNK(item->mode))
		return false;
	return strcmp(item->name, BUNDLE_SPEC) == 0 ||
	       (s->data_path && strcmp(item->name, s->data_path) == 0) ||
	       (s->setup_script && strcmp(item->name, s->setup_script) == 0) ||
	       bundle_is_known_extra(item->name) ||
	       bundle_is_leftover(slash ? slash + 1 : item->name) ||
	       (brings_code(s) && text_ends_in(item->name, ".py"));
}

bool rule_extra(struct subject *s, struct error *err)
{
	struct subject_names names = { 0 };

	for (size_t i = 0; i < s->listing.count; i++)
		if (!is_expected(s, &s->listing.items[i]))
			subject_names_add(&names, s->listing.items[i].name,
					  strlen(s->listing.items[i].name));
	return names.count == 0 ||
	       error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			 "the loader does not look at %s", names.text);
}

/* Others must be able to read a file, and to enter a folder, too. */
static bool is_closed(mode_t mode)
{
	mode_t wanted = S_ISDIR(mode) ? S_IROTH | S_IXOTH : S_IROTH;

	return !S_ISLNK(mode) && (mode & wanted) != wanted;
}

bool rule_mode(struct subject *s, struct error *err)
{
	struct subject_names names = { 0 };
	struct stat st;

	/* Who may read an object is not said with it. */
	if (object_is_path(s->container.path))
		return true;
	if (stat(s->container.path, &st) != 0)
		return error_set_errno(err, "cannot look at it");
	if (is_closed(st.st_mode))
		subject_names_add(&names, s->candidate->name,
				  strlen(s->candidate->name));
	for (size_t i = 0; s->container.folder && i < s->listing.count; i++)
		if (is_closed(s->listing.items[i].mode))
			subject_names_add(&names, s->listing.items[i].name,
					  strlen(s->listing.items[i].name));
	return names.count == 0 ||
	       error_set(err, ERROR_UNSAFE, ERROR_NO_OFFSET,
			 "other users cannot read %s", names.text);
}

/* ---- its name ---- */

bool rule_name_epoch(struct subject *s, struct error *err)
{
	const struct candidate *c = s->candidate;
	struct bundle_name name;

	return bundle_parse_name(&name, c->name, c->folder, err) &&
	       (name.has_epoch ||
		error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
			  "its name has no epoch, as in \"run:v5\": :latest "
			  "will not find it"));
}

bool rule_name_dotted(struct subject *s, struct error *err)
{
	return !s->candidate->folder ||
	       !bundle_folder_hidden(s->candidate->name) ||
	       error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
			 "a folder with a dot in its name: :latest takes what "
			 "follows the dot for a suffix and will not find it; "
			 "a zip of it is found");
}

bool rule_name_run(struct subject *s, struct error *err)
{
	struct error ignored = { 0 };
	struct bundle_name name;
	const char *fault;

	if (!bundle_parse_name(&name, s->candidate->name,
			       s->candidate->folder, &ignored) ||
	    !name.has_epoch)
		return true;
	fault = bundle_run_fault(name.run, name.run_len);
	return !fault || error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
				   "%s", fault);
}
