/* notes.c - a list of remarks */
#include "convert/notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool notes_add(struct notes *notes, struct error *err, const char *fmt, ...)
{
	void *grown = notes->texts;
	char text[1024], *copy;
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (!memory_grow(&grown, &notes->capacity, notes->count + 1,
			 sizeof(*notes->texts), err))
		return false;
	notes->texts = grown;
	copy = arena_copy(&notes->arena, text, strlen(text), err);
	if (!copy)
		return false;
	notes->texts[notes->count++] = copy;
	return true;
}

void notes_free(struct notes *notes)
{
	free(notes->texts);
	arena_free(&notes->arena);
	*notes = (struct notes){ 0 };
}
