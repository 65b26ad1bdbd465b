/* console.c - what terminals can, and how people read numbers */
#define _DEFAULT_SOURCE	/* struct winsize */
#include "base/console.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool is_dumb(void)
{
	const char *term = getenv("TERM");

	return !term || strcmp(term, "dumb") == 0;
}

bool console_want_color(unsigned choice)
{
	const char *no = getenv("NO_COLOR");

	if (choice != COLOR_AUTO)
		return choice == COLOR_ALWAYS;
	return !(no && *no) && !is_dumb() && isatty(STDOUT_FILENO);
}

enum console_progress console_progress(unsigned choice, bool quiet)
{
	if (choice != PROGRESS_AUTO)
		return (enum console_progress)choice;
	if (!is_dumb() && isatty(STDERR_FILENO))
		return PROGRESS_BAR;
	return quiet ? PROGRESS_NONE : PROGRESS_PLAIN;
}

int console_width(void)
{
	struct winsize size = { 0 };

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1)
		return size.ws_col - 1;
	return 79;
}

double console_seconds_since(const struct timespec *then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - then->tv_sec) +
	       (double)(now.tv_nsec - then->tv_nsec) / 1e9;
}

const char *console_bytes(char buf[32], uint64_t nbytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double value = (double)nbytes;
	size_t unit = 0;

	while (value >= 999.5 && unit < 4) {
		value /= 1000;
		unit++;
	}
	snprintf(buf, 32, value < 99.95 && unit > 0 ? "%.1f %s" : "%.0f %s",
		 value, units[unit]);
	return buf;
}
