/*
 * fuzz_policy_spec.c - judge a policy_spec.json as both programs do
 *
 * Demanded are: what the checks promise of a spec that passes them, paths that
 * stay inside the bundle, and that the spec written for an architecture that
 * was accepted is accepted with the same architecture.
 */
#include "formats/architecture.h"
#include "formats/bundle.h"
#include "tests/fuzz/fuzz.h"

static void check_empty(const struct policy_spec *spec)
{
	REQUIRE(!spec->document.root && !spec->class_path);
	REQUIRE(!spec->data_path && !spec->setup_script);
	REQUIRE(!spec->init_kwargs && !spec->architecture_spec);
	REQUIRE(!spec->device && !spec->checkpoint_uri && !spec->unknown);
	REQUIRE(spec->unknown_count == 0);
}

static void check_fields(const struct policy_spec *spec)
{
	REQUIRE(spec->document.root && spec->class_path);
	REQUIRE(!spec->init_kwargs ||
		json_type(spec->init_kwargs) == JSON_OBJECT);
	REQUIRE(spec->init_kwargs || !spec->architecture_spec);
	REQUIRE((spec->unknown_count > 0) == (spec->unknown != NULL));
}

/* A path with its "." parts taken off leads inside, and stays as it is. */
static void check_path(const char *path, const char *what)
{
	struct error err = { 0 };
	char *clean, *again;

	if (!bundle_clean_path(&clean, path, what, &err)) {
		fuzz_require_fault(&err);
		REQUIRE(!clean);
		return;
	}
	REQUIRE(clean[0] != '\0' && clean[0] != '/' && clean[0] != '~');
	REQUIRE(strcmp(clean, "..") != 0 && strncmp(clean, "../", 3) != 0);
	REQUIRE(!strstr(clean, "/../") && !text_ends_in(clean, "/.."));
	REQUIRE(!strstr(clean, "//") && !strstr(clean, "/./"));
	REQUIRE(bundle_clean_path(&again, clean, what, &err));
	REQUIRE(strcmp(clean, again) == 0);
	free(clean);
	free(again);
}

static void check_paths(const struct policy_spec *spec)
{
	if (spec->data_path)
		check_path(spec->data_path, "data_path");
	if (spec->setup_script)
		check_path(spec->setup_script, "setup_script");
}

/* What mpt-convert would write for this architecture. */
static void check_written(const char *architecture)
{
	struct policy_spec spec;
	struct buffer out = { 0 };
	struct error err = { 0 };

	REQUIRE(policy_spec_print(&out, architecture, strlen(architecture),
				  &err));
	REQUIRE(bundle_check_spec(&spec, out.data, out.len, &err) ||
		out.len > POLICY_SPEC_LIMIT);
	if (out.len <= POLICY_SPEC_LIMIT) {
		REQUIRE(strcmp(spec.architecture_spec, architecture) == 0);
		REQUIRE(strcmp(spec.data_path, BUNDLE_WEIGHTS) == 0);
		REQUIRE(strcmp(spec.device, "cpu") == 0);
		REQUIRE(!spec.setup_script && spec.unknown_count == 0);
	}
	policy_spec_free(&spec);
	buffer_free(&out);
}

static void check_accepted(const struct policy_spec *spec)
{
	const char *script = spec->setup_script;
	bool checkpoint = strcmp(spec->class_path,
				 POLICY_SPEC_CHECKPOINT_CLASS) == 0;
	struct architecture a;
	struct error err = { 0 };

	check_fields(spec);
	REQUIRE(spec->class_path[0] != '\0');
	REQUIRE(strcmp(spec->class_path, POLICY_SPEC_POINTER_CLASS) != 0);
	REQUIRE(!checkpoint || (spec->data_path && spec->architecture_spec));
	REQUIRE(!script || !*script || text_ends_in(script, ".py"));
	if (!spec->architecture_spec)
		return;
	REQUIRE(architecture_parse(&a, spec->architecture_spec,
				   strlen(spec->architecture_spec), &err));
	architecture_free(&a);
	check_written(spec->architecture_spec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data;
	struct policy_spec spec;
	struct error err = { 0 };
	bool parsed;

	parsed = policy_spec_parse(&spec, text, len, &err);
	if (parsed) {
		check_fields(&spec);
		check_paths(&spec);
		policy_spec_free(&spec);
	} else {
		fuzz_require_fault(&err);
	}
	check_empty(&spec);
	err = (struct error){ 0 };
	if (bundle_check_spec(&spec, text, len, &err)) {
		REQUIRE(parsed);
		check_accepted(&spec);
		policy_spec_free(&spec);
	} else {
		fuzz_require_fault(&err);
	}
	check_empty(&spec);
	return 0;
}
