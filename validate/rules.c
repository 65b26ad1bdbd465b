/* rules.c - the checks of one bundle, in the order of what they build on */
#include "validate/rules.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "formats/keys.h"
#include "validate/open.h"

/* What a rule can establish for those after it. */
enum {
	HAS_CONTAINER = 1,	/* container is open */
	IS_BUNDLE = 2,		/* and means to be a bundle */
	HAS_SPEC = 4,		/* spec is parsed */
	HAS_CLASS = 8,		/* the loader can take its class */
	HAS_DATA_PATH = 16,	/* data_path is clean, if there is one */
	HAS_HEADER = 32		/* header is parsed, weights are read */
};

struct subject {
	const struct candidate *candidate;
	struct progress_work *work;
	struct container container;
	struct policy_spec spec;
	char *data_path;	/* owned; NULL: the spec names no weights */
	bool statistics;
	struct weights weights;
	uint64_t nbytes;
	const char *judged[2];	/* members whose CRC needs no other look */
	const char *something_else;	/* why a doubtful one is no bundle */
};

static bool check_container(struct subject *s, struct error *err)
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

static bool check_legacy(struct subject *s, struct error *err)
{
	bool mpt = text_ends_in(s->candidate->name, ".mpt"), spec;
	const char *kind = NULL;

	if (s->container.folder)
		return true;
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
	if (mpt)
		return error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
				 "a bundle with the suffix .mpt, which the "
				 "loader refuses: rename it to .zip");
	return true;
}

/* Read policy_spec.json, whose bytes are then those of its CRC. */
static bool read_spec(struct subject *s, struct member *m, char **text,
		      size_t *len, struct error *err)
{
	if (!open_member(m, &s->container, BUNDLE_SPEC, err))
		return false;
	if (m->bytes.size > POLICY_SPEC_LIMIT)
		return error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
				 "%" PRIu64 " bytes, over the limit of %u",
				 m->bytes.size, POLICY_SPEC_LIMIT);
	*len = (size_t)m->bytes.size;
	*text = memory_array(*len, 1, err);
	return *text && m->bytes.read(m->bytes.source, *text, *len, err) &&
	       open_member_finish(m, err);
}

static bool check_spec(struct subject *s, struct error *err)
{
	struct member m = { 0 };
	char *text = NULL;
	size_t len = 0;
	bool ok = read_spec(s, &m, &text, &len, err) &&
		  policy_spec_parse(&s->spec, text, len, err);

	s->judged[0] = BUNDLE_SPEC;
	s->nbytes += len;
	open_member_close(&m);
	free(text);
	return ok || error_in(err, NULL, BUNDLE_SPEC);
}

static bool check_class(struct subject *s, struct error *err)
{
	if (s->candidate->doubtful &&
	    strcmp(s->spec.class_path, POLICY_SPEC_POINTER_CLASS) == 0)
		s->something_else = "a pointer to a legacy checkpoint";
	return bundle_check_class(&s->spec, err) ||
	       error_in(err, NULL, BUNDLE_SPEC);
}

static bool check_data_path(struct subject *s, struct error *err)
{
	if (!bundle_check_data_path(&s->spec, err))
		return error_in(err, NULL, BUNDLE_SPEC);
	return !s->spec.data_path ||
	       bundle_clean_path(&s->data_path, s->spec.data_path,
				 "data_path", err);
}

static bool check_setup_script(struct subject *s, struct error *err)
{
	const char *script = s->spec.setup_script;
	char *clean = NULL;
	bool ok;

	if (!bundle_check_setup_script(&s->spec, err))
		return error_in(err, NULL, BUNDLE_SPEC);
	if (!script || script[0] == '\0')
		return true;
	ok = bundle_clean_path(&clean, script, "setup_script", err) &&
	     open_check_member(&s->container, clean, err);
	free(clean);
	return ok;
}

static bool check_architecture(struct subject *s, struct error *err)
{
	return bundle_check_architecture(&s->spec, err) ||
	       error_in(err, NULL, BUNDLE_SPEC);
}

/*
 * The weights are read once: for their format, to their last byte, and to
 * their CRC.  A wrong CRC explains whatever is wrong with the format.
 */
static bool check_weights(struct subject *s, struct error *err)
{
	struct error format = { 0 };
	struct member m;
	bool ok;

	if (!s->data_path)
		return true;
	if (!open_member(&m, &s->container, s->data_path, err))
		return false;
	if (s->work)
		progress_want(s->work, m.bytes.size);
	ok = weights_read(&s->weights, &m, s->statistics, &format);
	s->judged[1] = s->data_path;
	s->nbytes += m.bytes.size;
	if (open_member_finish(&m, err) && !ok)
		*err = format;
	open_member_close(&m);
	return err->kind == ERROR_NONE || error_in(err, NULL, s->data_path);
}

static bool check_crc(struct subject *s, struct error *err)
{
	return s->container.folder ||
	       (open_check_rest(&s->container, s->judged, err) &&
		file_check_unchanged(&s->container.file, err));
}

static bool check_unknown(struct subject *s, struct error *err)
{
	if (s->spec.unknown_count == 0)
		return true;
	error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
		  "%zu fields that the loader ignores, among them \"%.80s\"",
		  s->spec.unknown_count, s->spec.unknown);
	return error_in(err, NULL, BUNDLE_SPEC);
}

static bool check_has_weights(struct subject *s, struct error *err)
{
	return s->data_path ||
	       error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
			 "data_path is null: no weights are loaded");
}

/* Runs last of those that look at the header: it takes the keys apart. */
static bool check_prefix(struct subject *s, struct error *err)
{
	struct keys_report report = { 0 };
	struct error collision = { 0 };

	if (!keys_normalise(&s->weights.header.tensors, &report, &collision) &&
	    collision.kind == ERROR_MEMORY) {
		*err = collision;
		return false;
	}
	if (report.changed == 0 && collision.kind == ERROR_NONE)
		return true;
	error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
		  "keys carry a wrapper's name (%s%s%s): the loader will not "
		  "find them", report.module ? "module." : "",
		  report.module && report.wrapper ? ", " : "",
		  report.wrapper ? "_orig_mod and the like" : "");
	return error_in(err, NULL, s->data_path);
}

static bool is_leftover(const char *name, struct error *err)
{
	const char *slash = strrchr(name, '/');

	if (!bundle_is_leftover(slash ? slash + 1 : name))
		return false;
	error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
		  "left by a writer that was killed");
	error_in(err, NULL, name);
	return true;
}

static bool check_leftovers(struct subject *s, struct error *err)
{
	const struct container *c = &s->container;
	bool found = false;
	struct dirent *d;
	DIR *folder;

	for (size_t i = 0; !found && i < c->zip.count; i++)
		found = is_leftover(c->zip.members[i].name, err);
	if (!c->folder)
		return !found;
	folder = opendir(c->path);
	if (!folder)
		return error_set_errno(err, "cannot read the folder");
	while (errno = 0, !found && (d = readdir(folder)) != NULL)
		found = is_leftover(d->d_name, err);
	if (errno != 0)
		error_set_errno(err, "cannot read the folder");
	closedir(folder);
	return err->kind == ERROR_NONE;
}

static bool check_epoch(struct subject *s, struct error *err)
{
	const struct candidate *c = s->candidate;
	struct bundle_name name;

	return bundle_parse_name(&name, c->name, c->folder, err) &&
	       (name.has_epoch ||
		error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
			  "its name has no epoch, as in \"run:v5\": :latest "
			  "will not find it"));
}

static bool check_dotted(struct subject *s, struct error *err)
{
	return !s->candidate->folder ||
	       !bundle_folder_hidden(s->candidate->name) ||
	       error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
			 "a folder with a dot in its name: :latest takes what "
			 "follows the dot for a suffix and will not find it; "
			 "a zip of it is found");
}

static bool check_run(struct subject *s, struct error *err)
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

static const struct rule rules[] = {
	{ "container", SEVERITY_ERROR, 0, HAS_CONTAINER, check_container,
	  "A bundle is a folder, or a zip archive that all readers read "
	  "alike." },
	{ "legacy", SEVERITY_ERROR, HAS_CONTAINER, IS_BUNDLE, check_legacy,
	  "A legacy checkpoint is no bundle, and a bundle is not named .mpt." },
	{ "spec", SEVERITY_ERROR, IS_BUNDLE, HAS_SPEC, check_spec,
	  "policy_spec.json is strict JSON with the loader's fields and "
	  "types." },
	{ "spec-class", SEVERITY_ERROR, HAS_SPEC, HAS_CLASS, check_class,
	  "class_path names a policy, not a pointer to a legacy checkpoint." },
	{ "spec-data-path", SEVERITY_ERROR, HAS_SPEC, HAS_DATA_PATH,
	  check_data_path,
	  "data_path is a path inside the bundle; a checkpoint has one." },
	{ "spec-setup-script", SEVERITY_ERROR, HAS_SPEC, 0,
	  check_setup_script,
	  "setup_script, if there is one, is a .py file of the bundle." },
	{ "spec-architecture", SEVERITY_ERROR, HAS_SPEC, 0,
	  check_architecture,
	  "architecture_spec reads dotted.Class(key=literal, ...)." },
	{ "weights", SEVERITY_ERROR, HAS_DATA_PATH, HAS_HEADER, check_weights,
	  "The file at data_path is safetensors, sound to its last byte." },
	{ "crc", SEVERITY_ERROR, HAS_CONTAINER, 0, check_crc,
	  "Every member of an archive has the size and CRC it declares." },
	{ "spec-unknown", SEVERITY_NOTE, HAS_SPEC, 0, check_unknown,
	  "policy_spec.json has no fields that the loader ignores." },
	{ "weights-none", SEVERITY_NOTE, HAS_CLASS | HAS_HEADER, 0,
	  check_has_weights,
	  "The bundle has weights." },
	{ "keys-prefix", SEVERITY_NOTE, HAS_HEADER, 0, check_prefix,
	  "No key carries the name of a wrapper, such as module." },
	{ "leftover", SEVERITY_NOTE, IS_BUNDLE, 0, check_leftovers,
	  "No temporary file of a killed writer lies in the bundle." },
	{ "name-epoch", SEVERITY_NOTE, IS_BUNDLE, 0, check_epoch,
	  "The name is <run>:v<epoch>." },
	{ "name-dotted", SEVERITY_NOTE, IS_BUNDLE, 0, check_dotted,
	  "The name of a bundle folder has no dot." },
	{ "name-run", SEVERITY_NOTE, IS_BUNDLE, 0, check_run,
	  "The run's name is one the framework used to allow." },
};

struct rule_list rules_all(void)
{
	return (struct rule_list){ rules, sizeof(rules) / sizeof(rules[0]) };
}

static bool add_finding(struct result *result, const struct rule *rule,
			const struct error *error)
{
	void *grown = result->findings;
	struct error no_memory = { 0 };
	struct finding *f;

	if (!memory_grow(&grown, &result->capacity, result->count + 1,
			 sizeof(*f), &no_memory))
		return false;
	result->findings = grown;
	f = &result->findings[result->count++];
	*f = (struct finding){
		.rule = rule,
		.kind = error->kind,
		.offset = error->offset,
		.member = error->member[0] ? strdup(error->member) : NULL,
		.reason = strdup(error->reason),
	};
	if (rules_is_error(f))
		result->verdict = VERDICT_BAD;
	return f->reason && (f->member || !error->member[0]);
}

static void skip(struct result *result, const char *reason)
{
	rules_free_result(result);
	result->verdict = VERDICT_SKIPPED;
	result->skip = reason;
}

static void judge(struct result *result, struct subject *s)
{
	unsigned has = 0;

	result->verdict = VERDICT_OK;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct rule *rule = &rules[i];
		struct error error = { 0 };

		if ((rule->needs & ~has) != 0)
			continue;
		if (rule->check(s, &error)) {
			has |= rule->gives;
		} else if (error.kind == ERROR_INTERRUPTED) {
			rules_free_result(result);
			return;
		} else if (!add_finding(result, rule, &error)) {
			rules_free_result(result);
			result->verdict = VERDICT_BAD;
			return;
		}
		if (s->something_else) {
			skip(result, s->something_else);
			return;
		}
	}
	result->tensor_count = s->weights.header.tensors.count;
	result->nbytes = s->nbytes;
	if (s->statistics) {
		result->weights = s->weights;
		s->weights = (struct weights){ 0 };
	}
}

void rules_judge(struct result *result, const struct candidate *candidate,
		 bool statistics, struct progress_work *work)
{
	struct subject s = { .candidate = candidate, .work = work,
			     .statistics = statistics };

	*result = (struct result){ 0 };
	if (candidate->skip) {
		skip(result, candidate->skip);
		return;
	}
	judge(result, &s);
	weights_free(&s.weights);
	free(s.data_path);
	policy_spec_free(&s.spec);
	open_container_close(&s.container);
}

bool rules_is_error(const struct finding *finding)
{
	return finding->rule->severity == SEVERITY_ERROR ||
	       finding->kind == ERROR_IO || finding->kind == ERROR_MEMORY;
}

struct error rules_error(const struct finding *finding)
{
	struct error error = { 0 };

	error_set(&error, finding->kind, finding->offset, "%s",
		  finding->reason);
	error_in(&error, NULL, finding->member);
	return error;
}

void rules_free_result(struct result *result)
{
	for (size_t i = 0; i < result->count; i++) {
		free(result->findings[i].member);
		free(result->findings[i].reason);
	}
	free(result->findings);
	weights_free(&result->weights);
	*result = (struct result){ 0 };
}
