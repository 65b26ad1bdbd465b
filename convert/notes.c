/* notes.c - a list of remarks */
#include "convert/notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

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
	copy = memory_copy(text, strlen(text), err);
	if (!copy)
		return false;
	notes->texts[notes->count++] = copy;
	return true;
}

void notes_free(struct notes *notes)
{
	for (size_t i = 0; i < notes->count; i++)
		free(notes->texts[i]);
	free(notes->texts);
	*notes = (struct notes){ 0 };
}
