/* options.c - command lines by table */
#include "base/options.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct parse {
	const struct option_table *table;
	char *values;		/* the program's struct */
	bool *seen;		/* [table->count] */
	struct error *err;
};

bool option_list_add(struct option_list *list, const char *value,
		     struct error *err)
{
	void *grown = list->values;

	if (!memory_grow(&grown, &list->capacity, list->count + 1,
			 sizeof(*list->values), err))
		return false;
	list->values = grown;
	list->values[list->count++] = value;
	return true;
}

void option_list_free(struct option_list *list)
{
	free(list->values);
	*list = (struct option_list){ 0 };
}

static bool usage(struct parse *p, const char *before, const char *word,
		  const char *after)
{
	return error_set(p->err, ERROR_USAGE, ERROR_NO_OFFSET, "%s%s%s",
			 before, word, after);
}

static bool set_count(struct parse *p, const struct option_spec *o,
		      const char *text)
{
	unsigned long n = 0;
	const char *c = text;

	for (; *c >= '0' && *c <= '9' && n <= o->high; c++)
		n = n * 10 + (unsigned long)(*c - '0');
	if (c == text || *c || n < o->low || n > o->high)
		return error_set(p->err, ERROR_USAGE, ERROR_NO_OFFSET,
				 "--%s takes a number from %u to %u, not "
				 "\"%s\"", o->name, o->low, o->high, text);
	*(unsigned *)(void *)(p->values + o->field) = (unsigned)n;
	return true;
}

static bool set_choice(struct parse *p, const struct option_spec *o,
		       const char *text)
{
	const char *word = o->value;

	for (unsigned i = 0; ; i++) {
		size_t len = strcspn(word, "|");

		if (strlen(text) == len && strncmp(word, text, len) == 0) {
			*(unsigned *)(void *)(p->values + o->field) = i;
			return true;
		}
		if (word[len] == '\0')
			break;
		word += len + 1;
	}
	return error_set(p->err, ERROR_USAGE, ERROR_NO_OFFSET,
			 "--%s takes one of %s, not \"%s\"", o->name,
			 o->value, text);
}

static bool set(struct parse *p, const struct option_spec *o, const char *text)
{
	void *field = p->values + o->field;
	bool *seen = &p->seen[o - p->table->specs];

	if (*seen && o->type != OPTION_LIST)
		return usage(p, "--", o->name, " stands twice");
	*seen = true;
	switch (o->type) {
	case OPTION_FLAG:
		*(bool *)field = true;
		return true;
	case OPTION_COUNT:
		return set_count(p, o, text);
	case OPTION_TEXT:
		*(const char **)field = text;
		return true;
	case OPTION_LIST:
		return option_list_add(field, text, p->err);
	case OPTION_CHOICE:
		return set_choice(p, o, text);
	}
	return false;
}

/* The option of this name, or the only one that starts like it. */
static const struct option_spec *find_long(struct parse *p, const char *name,
					   size_t len)
{
	const struct option_spec *found = NULL;

	for (size_t i = 0; i < p->table->count && len > 0; i++) {
		const struct option_spec *o = &p->table->specs[i];

		if (strncmp(o->name, name, len) != 0)
			continue;
		if (o->name[len] == '\0')
			return o;
		if (found) {
			usage(p, "\"--", name,
			      "\" could be more than one option");
			return NULL;
		}
		found = o;
	}
	if (!found)
		usage(p, "unknown option \"--", name, "\"");
	return found;
}

/* --name, --name=value or --name value; *used counts the words taken. */
static bool parse_long(struct parse *p, char **argv, int left, int *used)
{
	const char *name = argv[0] + 2;
	size_t len = strcspn(name, "=");
	const struct option_spec *o = find_long(p, name, len);

	*used = 1;
	if (!o)
		return false;
	if (o->type == OPTION_FLAG)
		return name[len] ? usage(p, "--", o->name, " takes no value")
				 : set(p, o, NULL);
	if (name[len] == '=')
		return set(p, o, name + len + 1);
	if (left < 2)
		return usage(p, "--", o->name, " needs a value");
	*used = 2;
	return set(p, o, argv[1]);
}

/* -abc, -jN or -j N. */
static bool parse_short(struct parse *p, char **argv, int left, int *used)
{
	*used = 1;
	for (const char *c = argv[0] + 1; *c; c++) {
		const struct option_spec *o = NULL;
		char letter[2] = { *c, '\0' };

		for (size_t i = 0; i < p->table->count && !o; i++)
			if (p->table->specs[i].letter == *c)
				o = &p->table->specs[i];
		if (!o)
			return usage(p, "unknown option \"-", letter, "\"");
		if (o->type == OPTION_FLAG) {
			if (!set(p, o, NULL))
				return false;
			continue;
		}
		if (c[1])
			return set(p, o, c + 1);
		if (left < 2)
			return usage(p, "-", letter, " needs a value");
		*used = 2;
		return set(p, o, argv[1]);
	}
	return true;
}

bool options_parse(const struct option_table *table, void *values,
		   struct option_list *operands, int argc, char **argv,
		   struct error *err)
{
	struct parse p = { .table = table, .values = values, .err = err };
	bool ok = true, ended = false;
	int used;

	p.seen = memory_array(table->count, sizeof(*p.seen), err);
	if (!p.seen)
		return false;
	for (int i = 1; ok && i < argc; i += used) {
		const char *word = argv[i];

		used = 1;
		if (ended || word[0] != '-' || word[1] == '\0')
			ok = option_list_add(operands, word, err);
		else if (strcmp(word, "--") == 0)
			ended = true;
		else if (word[1] == '-')
			ok = parse_long(&p, argv + i, argc - i, &used);
		else
			ok = parse_short(&p, argv + i, argc - i, &used);
	}
	free(p.seen);
	return ok;
}

void options_print_help(const struct option_table *table, FILE *stream)
{
	enum { COLUMN = 27 };

	for (size_t i = 0; i < table->count; i++) {
		const struct option_spec *o = &table->specs[i];
		const char *line = o->help;
		int len;

		len = fprintf(stream, "  %c%c%s --%s%s%s",
			      o->letter ? '-' : ' ',
			      o->letter ? o->letter : ' ',
			      o->letter ? "," : " ", o->name,
			      o->value ? " " : "", o->value ? o->value : "");
		if (len >= COLUMN)
			fprintf(stream, "\n%*s", COLUMN, "");
		else
			fprintf(stream, "%*s", COLUMN - len, "");
		for (;;) {
			size_t n = strcspn(line, "\n");

			fprintf(stream, "%.*s\n", (int)n, line);
			if (line[n] == '\0')
				break;
			fprintf(stream, "%*s", COLUMN, "");
			line += n + 1;
		}
	}
}
