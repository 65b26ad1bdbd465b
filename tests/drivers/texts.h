/*
 * texts.h - many texts on one stream: 4 bytes of length, then the bytes
 *
 * Each text is handed over in a block of exactly its size, so that a
 * sanitizer sees a read past its end.
 */
#ifndef TESTS_DRIVERS_TEXTS_H
#define TESTS_DRIVERS_TEXTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static inline bool texts_each(FILE *stream,
			      void (*judge)(const char *text, size_t len))
{
	uint8_t head[4];

	while (fread(head, 1, 4, stream) == 4) {
		size_t len = (size_t)head[0] | (size_t)head[1] << 8 |
			     (size_t)head[2] << 16 | (size_t)head[3] << 24;
		char *text = malloc(len ? len : 1);

		if (!text || fread(text, 1, len, stream) != len) {
			free(text);
			return false;
		}
		judge(text, len);
		free(text);
	}
	return !ferror(stream);
}

#endif
