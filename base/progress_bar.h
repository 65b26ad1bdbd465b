/*
 * progress_bar.h - show progress below the results, or as lines in a log
 *
 * The bar is the last line of a terminal, drawn ten times a second by a thread
 * of its own, so that it also moves while one file takes long.  The cursor
 * waits at its front: what is erased from there to the end of the screen is
 * all of it, even if the window became narrower and wrapped it.  In a log it is
 * a line every 30 seconds.
 *
 * Results may go to the same terminal.  Whoever prints them takes the lock and
 * hides the bar first; unlocking shows it again.  A zeroed struct is one that
 * was not started: it may be stopped, and nothing else, and stopped twice.  All
 * but start and stop may be called by any thread.
 */
#ifndef BASE_PROGRESS_BAR_H
#define BASE_PROGRESS_BAR_H

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "base/console.h"
#include "base/progress.h"
#include "base/text.h"

enum { PROGRESS_BAR_COLUMNS = 1000 };	/* at most */

struct progress_bar {
	/*
	 * Noun and totals are set before the start; what is done and failed is
	 * counted by the caller, under the lock.
	 */
	struct progress progress;

	/* The rest is for the bar. */
	const char *program;
	FILE *stream;
	enum console_progress kind;	/* not PROGRESS_AUTO */
	struct timespec start;
	double shown;		/* when the last line of a log was */
	char line[PROGRESS_BAR_COLUMNS * TEXT_COLUMN_NBYTES + 1];
	bool visible;		/* that line is, on the screen */
	bool hidden;		/* until the lock is given back */
	bool started, ticking;
	int quit[2];		/* a pipe; its end ends the thread */
	pthread_t thread;
	pthread_mutex_t lock;
};

/*
 * Begin to show progress on a stream; kind is from console_progress().  Both
 * pointers are borrowed.  If there is no thread to be had, nothing is shown.
 */
void progress_bar_start(struct progress_bar *bar, const char *program,
			FILE *stream, enum console_progress kind);

/* Erase the bar for good. */
void progress_bar_stop(struct progress_bar *bar);

/* As progress_begin() and progress_end(), with lock and clock. */
void progress_bar_begin(struct progress_bar *bar, struct progress_work *work,
			const char *path, uint64_t nbytes);
void progress_bar_end(struct progress_bar *bar, struct progress_work *work,
		      bool was_read);

void progress_bar_lock(struct progress_bar *bar);

/* With the lock: something will be printed on the terminal. */
void progress_bar_hide(struct progress_bar *bar);

void progress_bar_unlock(struct progress_bar *bar);

#endif
