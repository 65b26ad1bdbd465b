/* progress_bar.c - the line, when it is drawn, and how it makes room */
#include "base/progress_bar.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum {
	TICK_MS = 100,
	LOG_EVERY_S = 30,
	LOG_COLUMNS = 200
};

static double now(const struct progress_bar *bar)
{
	return console_seconds_since(&bar->start);
}

/* In one write, so that no other output comes between. */
static void draw(struct progress_bar *bar)
{
	char line[sizeof(bar->line)];

	progress_print(&bar->progress, now(bar), (size_t)console_width(),
		       line, sizeof(line));
	if (bar->visible && strcmp(line, bar->line) == 0)
		return;
	memcpy(bar->line, line, strlen(line) + 1);
	fprintf(bar->stream, "\r%s\033[J\r", line);
	fflush(bar->stream);
	bar->visible = true;
}

static void print_line(struct progress_bar *bar)
{
	char line[LOG_COLUMNS * TEXT_COLUMN_NBYTES + 1];

	if (now(bar) - bar->shown < LOG_EVERY_S)
		return;
	bar->shown = now(bar);
	progress_print(&bar->progress, bar->shown, LOG_COLUMNS, line,
		       sizeof(line));
	fprintf(bar->stream, "%s: %s\n", bar->program, line);
	fflush(bar->stream);
}

static void *tick(void *argument)
{
	struct progress_bar *bar = argument;
	struct pollfd quit = { .fd = bar->quit[0], .events = POLLIN };

	/* Only the other end's closing makes it anything but 0. */
	while (poll(&quit, 1, TICK_MS) == 0) {
		pthread_mutex_lock(&bar->lock);
		progress_sample(&bar->progress, now(bar));
		if (bar->kind == PROGRESS_BAR)
			draw(bar);
		else
			print_line(bar);
		pthread_mutex_unlock(&bar->lock);
	}
	return NULL;
}

/* Signals are for the threads that work. */
static bool start_thread(struct progress_bar *bar)
{
	sigset_t all, old;
	int status;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	status = pthread_create(&bar->thread, NULL, tick, bar);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return status == 0;
}

void progress_bar_start(struct progress_bar *bar, const char *program,
			FILE *stream, enum console_progress kind)
{
	bar->program = program;
	bar->stream = stream;
	bar->kind = kind;
	pthread_mutex_init(&bar->lock, NULL);
	clock_gettime(CLOCK_MONOTONIC, &bar->start);
	progress_sample(&bar->progress, 0);
	bar->started = true;
	if (kind == PROGRESS_NONE || pipe(bar->quit) != 0)
		return;
	fcntl(bar->quit[0], F_SETFD, FD_CLOEXEC);
	fcntl(bar->quit[1], F_SETFD, FD_CLOEXEC);
	bar->ticking = start_thread(bar);
	if (!bar->ticking) {
		close(bar->quit[0]);
		close(bar->quit[1]);
	}
}

void progress_bar_stop(struct progress_bar *bar)
{
	if (!bar->started)
		return;
	if (bar->ticking) {
		close(bar->quit[1]);
		pthread_join(bar->thread, NULL);
		close(bar->quit[0]);
	}
	progress_bar_hide(bar);
	pthread_mutex_destroy(&bar->lock);
	bar->started = bar->ticking = false;
}

void progress_bar_begin(struct progress_bar *bar, struct progress_work *work,
			const char *path, uint64_t nbytes)
{
	progress_bar_lock(bar);
	progress_begin(&bar->progress, work, path, nbytes, now(bar));
	progress_bar_unlock(bar);
}

void progress_bar_end(struct progress_bar *bar, struct progress_work *work,
		      bool was_read)
{
	progress_bar_lock(bar);
	progress_end(&bar->progress, work, was_read);
	progress_bar_unlock(bar);
}

void progress_bar_lock(struct progress_bar *bar)
{
	pthread_mutex_lock(&bar->lock);
}

void progress_bar_hide(struct progress_bar *bar)
{
	if (!bar->visible)
		return;
	fputs("\r\033[J", bar->stream);
	fflush(bar->stream);
	bar->visible = false;
	bar->hidden = true;
}

void progress_bar_unlock(struct progress_bar *bar)
{
	if (bar->hidden) {
		bar->hidden = false;
		draw(bar);
	}
	pthread_mutex_unlock(&bar->lock);
}
