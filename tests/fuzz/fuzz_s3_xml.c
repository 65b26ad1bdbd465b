/*
 * fuzz_s3_xml.c - what S3 answers: pages, errors, uploads, headers
 *
 * The input is taken for each of them.  Demanded are: the keys of a page are
 * UTF-8, begin with the prefix and are in order, at any level or at one; only
 * a page that is not the last has a token; what goes into requests again (an
 * ETag, a region, the id of an upload) has its form and its length; times and
 * sizes read the same however often.
 */
#include "remote/s3_answer.h"
#include "remote/s3_page.h"
#include "tests/fuzz/fuzz.h"

static void check_etag(const char *etag)
{
	size_t len = strlen(etag);

	REQUIRE(len < S3_ETAG_SIZE);
	for (size_t i = 0; i < len; i++)
		REQUIRE(etag[i] > ' ' && etag[i] < 0x7f &&
			!strchr("\"<>&\\", etag[i]));
}

static void check_item(const struct s3_page_item *item, const char *before,
		       const struct s3_page_bounds *bounds)
{
	size_t len = strlen(bounds->prefix);

	REQUIRE(text_is_utf8(item->key, strlen(item->key)));
	REQUIRE(strncmp(item->key, bounds->prefix, len) == 0);
	REQUIRE(!before || strcmp(before, item->key) < 0);
	REQUIRE(!bounds->flat || !strchr(item->key + len, '/'));
	REQUIRE(item->facts.md5[0] == '\0');
	REQUIRE(item->facts.modified.tv_sec >= 0);
	REQUIRE(item->facts.modified.tv_nsec >= 0);
	REQUIRE(item->facts.modified.tv_nsec < 1000000000);
	check_etag(item->facts.etag);
}

static void parse_page(const char *xml, size_t len, const char *prefix,
		       const char *behind, bool flat)
{
	const struct s3_page_bounds bounds = { prefix, behind, flat };
	struct s3_page page = { 0 };
	struct error err = { 0 };

	if (s3_page_parse(&page, &bounds, xml, len, &err)) {
		const char *before = behind;

		REQUIRE(err.kind == ERROR_NONE);
		REQUIRE(!page.next || page.next[0]);
		for (size_t i = 0; i < page.count; i++) {
			check_item(&page.items[i], before, &bounds);
			before = page.items[i].key;
		}
	} else {
		fuzz_require_fault(&err);
	}
	s3_page_free(&page);
	REQUIRE(!page.items && !page.arena.blocks);
}

static void parse_fault(const char *xml, size_t len)
{
	struct s3_fault fault = { 0 };

	s3_answer_read_fault(&fault, xml, len);
	REQUIRE(strlen(fault.code) < sizeof(fault.code));
	REQUIRE(strlen(fault.message) < sizeof(fault.message));
	REQUIRE(strlen(fault.region) < sizeof(fault.region));
}

static void parse_uploads(const char *xml, size_t len)
{
	char id[S3_UPLOAD_ID_SIZE], etag[S3_ETAG_SIZE];
	struct error err = { 0 };
	struct s3_fault fault;

	if (s3_answer_read_upload(id, xml, len, &err))
		REQUIRE(id[0] && strlen(id) < S3_UPLOAD_ID_SIZE - 1);
	else
		fuzz_require_fault(&err);
	err = (struct error){ 0 };
	if (s3_answer_read_complete(etag, &fault, xml, len, &err)) {
		REQUIRE(!etag[0] != !fault.code[0]);
		check_etag(etag);
	} else {
		fuzz_require_fault(&err);
	}
}

/* The values of headers, which are strings. */
static void parse_values(const char *text)
{
	struct timespec iso = { 0 }, http = { 0 };
	char etag[S3_ETAG_SIZE] = "";
	struct error err[4] = { { 0 } };
	uint64_t nbytes;

	if (s3_answer_read_etag(etag, text, &err[0]))
		check_etag(etag);
	if (s3_answer_read_iso_time(&iso, text, &err[1]))
		REQUIRE(iso.tv_sec >= 0 && iso.tv_nsec < 1000000000);
	if (s3_answer_read_http_time(&http, text, &err[2]))
		REQUIRE(http.tv_sec >= 0 && http.tv_nsec == 0);
	if (s3_answer_read_size(&nbytes, text, &err[3]))
		REQUIRE(nbytes <= UINT64_C(9999999999999999999));
	for (size_t i = 0; i < 4; i++)
		if (err[i].kind != ERROR_NONE)
			fuzz_require_fault(&err[i]);
}

/* Lines that have a NUL between them. */
static void parse_headers(char *text, size_t len)
{
	const struct http_request answer = { .headers = { text, len, len } };
	struct s3_facts facts = { 0 };
	struct error err = { 0 };

	if (!s3_answer_read_facts(&facts, &answer, &err)) {
		fuzz_require_fault(&err);
		return;
	}
	check_etag(facts.etag);
	REQUIRE(!facts.md5[0] || strcmp(facts.md5, facts.etag) == 0);
	REQUIRE(!facts.md5[0] || strlen(facts.md5) == 32);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = fuzz_text(data, len);

	parse_page(text, len, "", NULL, false);
	parse_page(text, len, "a/", "a/", true);
	parse_fault(text, len);
	parse_uploads(text, len);
	parse_values(text);
	parse_headers(text, len);
	free(text);
	return 0;
}
