/* profile_file.c - parse a file of settings of the AWS tools, line by line */
#include "remote/profile_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { KEYS_MOST = 1000 };	/* of a profile */

static const char blanks[] = " \t";

struct parser {
	struct profile_file *file;
	const char *profile;
	bool is_config;
	unsigned line;
	bool in_section, wanted;
	bool has_key;		/* a line that is indented more goes on */
	size_t indent;		/* of the last line that did not go on */
};

static bool fault(const struct parser *p, const char *why, struct error *err)
{
	return error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET, "line %u: %s",
			 p->line, why);
}

/* Cut off the blanks at the end, and step over those in front. */
static char *trim(char *text)
{
	size_t len;

	text += strspn(text, blanks);
	len = strlen(text);
	while (len > 0 && strchr(blanks, text[len - 1]))
		len--;
	text[len] = '\0';
	return text;
}

static char *unquote(char *text)
{
	size_t len = strlen(text);

	if (len < 2 || (text[0] != '"' && text[0] != '\'') ||
	    text[len - 1] != text[0])
		return text;
	text[len - 1] = '\0';
	return text + 1;
}

/* ---- lines ---- */

static bool is_wanted(const struct parser *p, char *name)
{
	static const char word[] = "profile";
	size_t len = sizeof(word) - 1;

	if (!p->is_config || strcmp(name, "default") == 0)
		return strcmp(name, p->profile) == 0;
	if (strncmp(name, word, len) != 0 || !name[len] ||
	    !strchr(blanks, name[len]))
		return false;
	return strcmp(unquote(trim(name + len)), p->profile) == 0;
}

static bool parse_section(struct parser *p, char *text, struct error *err)
{
	char *end = strchr(text, ']');
	const char *behind;

	if (!end)
		return fault(p, "a section without its ]", err);
	behind = end + 1 + strspn(end + 1, blanks);
	if (*behind && *behind != '#' && *behind != ';')
		return fault(p, "something stands behind the section", err);
	*end = '\0';
	p->in_section = true;
	p->has_key = false;
	p->wanted = is_wanted(p, trim(text + 1));
	if (p->wanted && p->file->found)
		return fault(p, "the profile begins for a second time", err);
	p->file->found |= p->wanted;
	return true;
}

static bool keep(struct parser *p, const char *key, const char *value,
		 struct error *err)
{
	struct profile_file *f = p->file;
	void *grown = f->pairs;

	if (profile_file_find(f, key))
		return fault(p, "a key that the profile has already", err);
	if (f->count == KEYS_MOST)
		return error_set(err, ERROR_LIMIT, ERROR_NO_OFFSET,
				 "line %u: the profile has more than %d keys",
				 p->line, KEYS_MOST);
	if (!memory_grow(&grown, &f->capacity, f->count + 1,
			 sizeof(*f->pairs), err))
		return false;
	f->pairs = grown;
	f->pairs[f->count++] = (struct profile_pair){ key, value };
	return true;
}

static bool parse_pair(struct parser *p, char *text, struct error *err)
{
	char *mark = strpbrk(text, "=:"), *key;

	if (!p->in_section)
		return fault(p, "no section, as [default], is before it",
			     err);
	if (!mark)
		return fault(p, "neither a section nor a key = value", err);
	*mark = '\0';
	key = trim(text);
	if (!*key)
		return fault(p, "no key before the =", err);
	for (char *c = key; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	p->has_key = true;
	return !p->wanted || keep(p, key, trim(mark + 1), err);
}

/* Only what goes on behind nothing, as the settings of s3, is passed over. */
static bool go_on(const struct parser *p, struct error *err)
{
	const struct profile_file *f = p->file;

	return !p->wanted || !f->pairs[f->count - 1].value[0] ||
	       fault(p, "indented, so the value above would go on here", err);
}

static bool check_characters(const struct parser *p, const char *text,
			     struct error *err)
{
	for (; *text; text++)
		if (((unsigned char)*text < 0x20 && *text != '\t') ||
		    *text == 0x7f)
			return fault(p, "a control character", err);
	return true;
}

static bool parse_line(struct parser *p, char *line, struct error *err)
{
	size_t len = strlen(line), indent = strspn(line, blanks);
	char *text;

	p->line++;
	if (len > 0 && line[len - 1] == '\r')
		line[len - 1] = '\0';
	if (!check_characters(p, line, err))
		return false;
	text = trim(line);
	if (!*text || *text == '#' || *text == ';')
		return true;
	if (p->has_key && indent > p->indent)
		return go_on(p, err);
	p->indent = indent;
	return *text == '[' ? parse_section(p, text, err)
			    : parse_pair(p, text, err);
}

/* ---- the whole ---- */

bool profile_file_parse(struct profile_file *f, char *text,
			const char *profile, bool is_config, struct error *err)
{
	struct parser p = { .file = f, .profile = profile,
			    .is_config = is_config };
	char *next;

	*f = (struct profile_file){ 0 };
	for (char *line = text; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (!parse_line(&p, line, err)) {
			profile_file_free(f);
			return false;
		}
	}
	return true;
}

const char *profile_file_find(const struct profile_file *f, const char *key)
{
	for (size_t i = 0; i < f->count; i++)
		if (strcmp(f->pairs[i].key, key) == 0)
			return f->pairs[i].value;
	return NULL;
}

void profile_file_free(struct profile_file *f)
{
	free(f->pairs);
	*f = (struct profile_file){ 0 };
}
