/* architecture_map.c - run globs and texts */
#include "convert/architecture_map.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "formats/architecture.h"

static bool add_line(struct architecture_map *map, char *line, size_t number,
		     struct error *err)
{
	char *tab = strchr(line, '\t');
	struct architecture parsed = { 0 };
	struct error fault = { 0 };
	void *grown = map->lines;
	struct map_line *added;

	if (line[0] == '\0')
		return true;
	if (!tab || tab == line)
		return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				 "line %zu is not a run glob, a tab and an "
				 "architecture", number);
	*tab = '\0';
	if (!architecture_parse(&parsed, tab + 1, strlen(tab + 1), &fault))
		return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
				 "line %zu: %.300s", number, fault.reason);
	if (!memory_grow(&grown, &map->capacity, map->count + 1,
			 sizeof(*map->lines), err)) {
		architecture_free(&parsed);
		return false;
	}
	map->lines = grown;
	added = &map->lines[map->count++];
	added->glob = line;
	added->text = parsed.text;
	added->text_len = parsed.len;
	added->number = number;
	/* Stripping may have cut the end off; make it one. */
	tab[1 + (parsed.text - (tab + 1)) + (ptrdiff_t)parsed.len] = '\0';
	architecture_free(&parsed);
	return true;
}

bool architecture_map_parse(struct architecture_map *map, char *content,
			    size_t len, struct error *err)
{
	char *line = content, *end = content + len;
	size_t number = 1;

	*map = (struct architecture_map){ .content = content };
	if (memchr(content, '\0', len)) {
		error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
			  "it holds a NUL byte");
		goto fail;
	}
	while (line < end) {
		char *stop = memchr(line, '\n', (size_t)(end - line));

		if (stop)
			*stop = '\0';
		if (!add_line(map, line, number++, err))
			goto fail;
		line = stop ? stop + 1 : end;
	}
	return true;
fail:
	architecture_map_free(map);
	return false;
}

const struct map_line *architecture_map_find(const struct architecture_map *m,
					     const char *run)
{
	for (size_t i = 0; run && i < m->count; i++)
		if (fnmatch(m->lines[i].glob, run, 0) == 0)
			return &m->lines[i];
	return NULL;
}

void architecture_map_free(struct architecture_map *map)
{
	free(map->lines);
	free(map->content);
	*map = (struct architecture_map){ 0 };
}
