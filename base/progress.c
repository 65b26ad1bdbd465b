/* progress.c - counts, a rate, an estimate */
#include "base/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/console.h"
#include "base/text.h"

enum {
	SLOW_S = 2,		/* from then on a file is worth naming */
	NAME_COLUMNS = 12,	/* in fewer, a name says nothing */
	NAME_SIZE = 4096,	/* bytes at its end that are looked at */
	HOURS = 1000		/* estimates above say nothing */
};

void progress_begin(struct progress *p, struct progress_work *work,
		    const char *path, uint64_t nbytes, double now)
{
	struct progress_work **last = &p->oldest;

	while (*last)
		last = &(*last)->next;
	*last = work;
	work->path = path;
	work->nbytes = nbytes;
	work->since = now;
	work->next = NULL;
	atomic_store(&work->moved, 0);
	atomic_store(&work->wanted, 0);
}

void progress_end(struct progress *p, struct progress_work *work,
		  bool was_read)
{
	struct progress_work **link = &p->oldest;

	while (*link != work)
		link = &(*link)->next;
	*link = work->next;
	work->path = NULL;
	if (was_read || atomic_load(&work->moved) > 0)
		p->nbytes_done += work->nbytes;
	else
		p->nbytes_total -= work->nbytes;
}

void progress_want(struct progress_work *work, uint64_t nbytes)
{
	atomic_store_explicit(&work->wanted,
			      atomic_load(&work->moved) + nbytes,
			      memory_order_relaxed);
}

void progress_moved(struct progress_work *work, uint64_t nbytes)
{
	atomic_fetch_add_explicit(&work->moved, nbytes, memory_order_relaxed);
}

/* The part of the files' bytes that is done, in those at work by share. */
static double nbytes_done(const struct progress *p)
{
	double done = (double)p->nbytes_done;

	for (struct progress_work *w = p->oldest; w; w = w->next) {
		double moved = (double)atomic_load(&w->moved);
		double wanted = (double)atomic_load(&w->wanted);

		if (wanted > 0)
			done += (double)w->nbytes *
				(moved < wanted ? moved / wanted : 1);
	}
	return done;
}

void progress_sample(struct progress *p, double now)
{
	size_t count = p->sample_count;

	if (count > 0 && now - p->samples[count - 1].now < 1)
		return;
	if (count == PROGRESS_SAMPLES) {
		count--;
		memmove(p->samples, p->samples + 1,
			count * sizeof(p->samples[0]));
	}
	p->samples[count] = (struct progress_sample){ now, nbytes_done(p) };
	p->sample_count = count + 1;
}

/* Bytes a second; 0 if that is not known. */
static double rate(const struct progress *p, double now)
{
	const struct progress_sample *first = &p->samples[0];
	double seconds;

	if (p->sample_count == 0)
		return 0;
	seconds = now - first->now;
	return seconds >= 1 ? (nbytes_done(p) - first->nbytes) / seconds : 0;
}

/* ---- the line ---- */

struct line {
	char *buf;
	size_t size, used, columns;
};

/* Add a part, which is ASCII, if there is room. */
__attribute__((format(printf, 2, 3)))
static bool add(struct line *line, const char *fmt, ...)
{
	char part[128];
	va_list args;
	size_t len;

	va_start(args, fmt);
	vsnprintf(part, sizeof(part), fmt, args);
	va_end(args);
	len = strlen(part);
	if (len > line->columns - line->used)
		return false;
	memcpy(line->buf + line->used, part, len + 1);
	line->used += len;
	return true;
}

/* "3.2/120 GB": the unit once if it is the same. */
static bool add_bytes(struct line *line, double done, uint64_t total)
{
	char from[32], to[32];
	char *unit;

	console_bytes(from, (uint64_t)done);
	console_bytes(to, total);
	unit = strchr(from, ' ');
	if (strcmp(unit, strchr(to, ' ')) == 0)
		*unit = '\0';
	return add(line, ", %s/%s", from, to);
}

static bool add_left(struct line *line, double seconds)
{
	unsigned left;

	if (seconds >= HOURS * 3600.0)
		return add(line, ", over %d h left", HOURS);
	left = (unsigned)(seconds + 0.5);
	if (left >= 3600)
		return add(line, ", %u:%02u:%02u left", left / 3600,
			   left / 60 % 60, left % 60);
	return add(line, ", %u:%02u left", left / 60, left % 60);
}

static bool add_speed(struct line *line, const struct progress *p, double now)
{
	double speed = rate(p, now), done = nbytes_done(p);
	char amount[32];

	if (speed <= 0)
		return true;
	return add_left(line, ((double)p->nbytes_total - done) / speed) &&
	       add(line, ", %s/s", console_bytes(amount, (uint64_t)speed));
}

/* The end of a path, which says most. */
static void add_name(struct line *line, const char *path)
{
	size_t len = strlen(path), room = line->columns - line->used;
	char name[4 * NAME_SIZE + 1];
	const char *tail;
	bool cut;

	if (room < NAME_COLUMNS)
		return;
	if (len > NAME_SIZE)
		path += len - NAME_SIZE;
	len = text_escape(name, sizeof(name), path, strlen(path));
	room -= 2;
	cut = text_columns(name, len) > room;
	tail = text_tail(name, len, cut ? room - 3 : room);
	snprintf(line->buf + line->used, line->size - line->used, ", %s%s",
		 cut ? "..." : "", tail);
}

void progress_print(const struct progress *p, double now, size_t columns,
		    char *buf, size_t size)
{
	size_t most = (size - 1) / TEXT_COLUMN_NBYTES;
	struct line line = { buf, size, 0, columns < most ? columns : most };
	const struct progress_work *slow = p->oldest;

	buf[0] = '\0';
	if (!add(&line, "%zu/%zu %s", p->done, p->total, p->noun) ||
	    (p->failed > 0 && !add(&line, ", %zu failed", p->failed)) ||
	    !add_bytes(&line, nbytes_done(p), p->nbytes_total) ||
	    !add_speed(&line, p, now))
		return;
	if (slow && now - slow->since >= SLOW_S)
		add_name(&line, slow->path);
}
