/*
 * progress.h - how far a batch is, and when it will be done, as one line
 *
 * Files are counted when they are done.  The time that is left is told by
 * bytes, which also move inside a large file: whoever copies says how many,
 * without a lock.  All else is for one thread at a time.  Nothing here looks
 * at a clock or prints: the time comes as seconds from any start, and
 * base/progress_bar.h shows the line.
 */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What one thread is at.  Zeroed is valid; must not move while it is used. */
struct progress_work {
	const char *path;	/* of the file, borrowed; NULL: at nothing */
	uint64_t nbytes;	/* of the file */
	double since;
	struct progress_work *next;
	/* Bytes that were moved for this file, of how many that must be. */
	atomic_uint_least64_t moved, wanted;
};

enum { PROGRESS_SAMPLES = 30 };

struct progress_sample {
	double now, nbytes;
};

struct progress {
	const char *noun;	/* what is counted: "files" */
	size_t total, done, failed;
	uint64_t nbytes_total, nbytes_done;
	struct progress_work *oldest;	/* of those at work, and so on */
	/* One a second or fewer; the rate is that since the first of them. */
	struct progress_sample samples[PROGRESS_SAMPLES];
	size_t sample_count;
};

/* A thread takes up a file of nbytes. */
void progress_begin(struct progress *p, struct progress_work *work,
		    const char *path, uint64_t nbytes, double now);

/*
 * It is done with it.  A file that had not to be read after all takes its
 * bytes out of the whole, so that the estimate does not count on such speed.
 */
void progress_end(struct progress *p, struct progress_work *work,
		  bool was_read);

/* So many bytes are to be moved for the file, from now on.  Any thread. */
void progress_want(struct progress_work *work, uint64_t nbytes);

/* So many were.  Any thread. */
void progress_moved(struct progress_work *work, uint64_t nbytes);

/* Note how far it is, for the rate.  To be called about once a second. */
void progress_sample(struct progress *p, double now);

/*
 * The line: "12/400 files, 1 failed, 3.2/120 GB, 4:43 left, 412 MB/s, NAME",
 * of that as much as fits into so many columns.  NAME is the file that takes
 * longest by now, escaped, if it takes long; of a long name the end.  buf ends
 * in NUL, and should have TEXT_COLUMN_NBYTES for each column.
 */
void progress_print(const struct progress *p, double now, size_t columns,
		    char *buf, size_t size);

#endif
