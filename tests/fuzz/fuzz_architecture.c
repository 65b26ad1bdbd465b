/*
 * fuzz_architecture.c - parse an architecture text, and put it together again
 *
 * Demanded are: spans that lie in the text, a column for each fault, and that
 * class and keywords, written anew from their spans, are read as the same.
 */
#include "base/memory.h"
#include "formats/architecture.h"
#include "tests/fuzz/fuzz.h"

enum { FOUND_LIMIT = 50 };

static void append(struct buffer *out, const char *text, size_t len)
{
	struct error err = { 0 };

	REQUIRE(buffer_append(out, text, len, &err));
}

static void require_inside(const struct architecture *a, const char *span,
			   size_t len)
{
	REQUIRE(len > 0 && span >= a->text);
	REQUIRE((size_t)(span - a->text) <= a->len);
	REQUIRE(len <= a->len - (size_t)(span - a->text));
}

static bool same(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && memcmp(a, b, a_len) == 0;
}

static void check_spans(const struct architecture *a)
{
	const char *end = a->class_name + a->class_name_len;

	require_inside(a, a->class_name, a->class_name_len);
	REQUIRE(a->class_name == a->text);
	for (size_t i = 0; i < a->count; i++) {
		const struct architecture_keyword *k = &a->keywords[i];

		require_inside(a, k->name, k->name_len);
		require_inside(a, k->value, k->value_len);
		REQUIRE(k->name > end && k->value > k->name + k->name_len);
		end = k->value + k->value_len;
	}
}

static void check_find(const struct architecture *a)
{
	for (size_t i = 0; i < a->count && i < FOUND_LIMIT; i++) {
		char *name = malloc(a->keywords[i].name_len + 1);

		REQUIRE(name != NULL);
		memcpy(name, a->keywords[i].name, a->keywords[i].name_len);
		name[a->keywords[i].name_len] = '\0';
		REQUIRE(architecture_find(a, name) == &a->keywords[i]);
		name[0] = '0';	/* no keyword starts with a digit */
		REQUIRE(!architecture_find(a, name));
		free(name);
	}
}

/* "class(name=value, ...)", backwards: no value leans on what it stands by. */
static void check_again(const struct architecture *a)
{
	struct architecture again;
	struct buffer out = { 0 };
	struct error err = { 0 };

	append(&out, a->class_name, a->class_name_len);
	append(&out, "(", 1);
	for (size_t i = a->count; i > 0; i--) {
		const struct architecture_keyword *k = &a->keywords[i - 1];

		append(&out, k->name, k->name_len);
		append(&out, "=", 1);
		append(&out, k->value, k->value_len);
		append(&out, ",", 1);
	}
	append(&out, ")", 1);
	if (out.len > ARCHITECTURE_LIMIT)
		goto done;
	REQUIRE(architecture_parse(&again, out.data, out.len, &err));
	REQUIRE(again.count == a->count);
	REQUIRE(same(again.class_name, again.class_name_len, a->class_name,
		     a->class_name_len));
	for (size_t i = 0; i < a->count; i++) {
		const struct architecture_keyword *x = &a->keywords[i];
		const struct architecture_keyword *y =
			&again.keywords[a->count - 1 - i];

		REQUIRE(same(x->name, x->name_len, y->name, y->name_len));
		REQUIRE(same(x->value, x->value_len, y->value, y->value_len));
	}
	architecture_free(&again);
done:
	buffer_free(&out);
}

/* "architecture: column N: ..." of the text, or no column where it is long. */
static void check_column(const struct error *err, size_t len)
{
	static const char before[] = "architecture: column ";
	size_t n = sizeof(before) - 1;
	unsigned long column;

	fuzz_require_fault(err);
	if (len > ARCHITECTURE_LIMIT)
		return;
	REQUIRE(strncmp(err->reason, before, n) == 0);
	column = strtoul(err->reason + n, NULL, 10);
	REQUIRE(column >= 1 && column <= len + 1);
}

static void check_strip(const char *text, size_t len)
{
	const char *inner = text;
	size_t inner_len = len;

	architecture_strip(&inner, &inner_len);
	REQUIRE(inner >= text && inner_len <= len);
	REQUIRE((size_t)(inner - text) <= len - inner_len);
	text = inner;
	len = inner_len;
	architecture_strip(&inner, &inner_len);
	REQUIRE(inner == text && inner_len == len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data;
	struct architecture a;
	struct error err = { 0 };

	if (text_is_utf8(text, len))
		check_strip(text, len);
	if (architecture_parse(&a, text, len, &err)) {
		check_spans(&a);
		check_find(&a);
		check_again(&a);
		architecture_free(&a);
	} else {
		check_column(&err, len);
	}
	REQUIRE(!a.keywords && !a.text && a.count == 0);
	return 0;
}
