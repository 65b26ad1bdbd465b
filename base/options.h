/*
 * options.h - one table parses the command line and prints the help
 *
 * A program describes its options as an array of struct option_spec; fields
 * of the program's own struct receive the values.  Parsing fills 'struct
 * error' with kind ERROR_USAGE and never prints or exits.  Lists and strings
 * borrow from argv, apart from the lists' arrays.  Call it from one thread.
 */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

enum option_type {
	OPTION_FLAG,	/* bool: true once given */
	OPTION_COUNT,	/* unsigned: a number from low to high */
	OPTION_TEXT,	/* const char * */
	OPTION_LIST,	/* struct option_list: may be given again and again */
	OPTION_CHOICE	/* unsigned: index into the words of choices */
};

struct option_list {
	const char **values;
	size_t count, capacity;
};

struct option_spec {
	const char *name;	/* long, without dashes */
	char letter;		/* short, or 0 */
	enum option_type type;
	size_t field;		/* offsetof in the program's struct */
	unsigned low, high;	/* bounds of a number */
	const char *value;	/* how help names the value; for a choice its
				   words, separated by '|' */
	const char *help;	/* one line, or several with \n between */
};

struct option_table {
	const struct option_spec *specs;
	size_t count;
};

/*
 * Parse argv into *values, which the caller has filled with defaults.  Words
 * that are no options go to *operands.  "--" ends the options; an option that
 * is no list may stand only once; long names may be cut short while they
 * stay unique.
 */
bool options_parse(const struct option_table *table, void *values,
		   struct option_list *operands, int argc, char **argv,
		   struct error *err);

/* Print a line for each option, in the order of the table. */
void options_print_help(const struct option_table *table, FILE *stream);

bool option_list_add(struct option_list *list, const char *value,
		     struct error *err);

void option_list_free(struct option_list *list);

#endif
