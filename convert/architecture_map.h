/*
 * architecture_map.h - architecture texts for many runs, from a file
 *
 *	run glob <tab> architecture text
 *
 * one a line; empty lines are passed over.  The first line whose glob matches
 * a run is that run's.  Constant once read: safe from any thread.
 */
#ifndef CONVERT_ARCHITECTURE_MAP_H
#define CONVERT_ARCHITECTURE_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"

struct map_line {
	const char *glob;	/* borrowed from the map's content, */
	const char *text;	/* stripped and valid; both NUL-terminated */
	size_t text_len, number;	/* of the line in the file, from 1 on */
};

struct architecture_map {
	struct map_line *lines;	/* malloc'ed, [count] */
	size_t count, capacity;
	char *content;		/* owned */
};

/*
 * Take over the content of a map file (malloc'ed, len bytes and a NUL) and
 * parse it.  A line without a tab or with a text that is no architecture is
 * ERROR_USAGE with its number.
 */
bool architecture_map_parse(struct architecture_map *map, char *content,
			    size_t len, struct error *err);

/* The line for a run, or NULL; run may be NULL for "not known". */
const struct map_line *architecture_map_find(const struct architecture_map *m,
					     const char *run);

void architecture_map_free(struct architecture_map *map);

#endif
