/* weights.c - tensors in the order of their bytes, in parts for the threads */
#include "validate/weights.h"

#include <stdlib.h>

#include "base/interrupt.h"
#include "base/memory.h"

enum {
	CHUNK = 256 << 10,
	/*
	 * A part ends with the tensor that fills it.  Of a file so large that
	 * it had more than PARTS of these, parts have more bytes.
	 */
	PART_NBYTES = 4 << 20,
	PART_TENSORS = 2048,
	PARTS = 1024
};

/* Bytes from a place on: what a part reads. */
struct source {
	struct member *member;
	bool positioned;	/* read at pos, as any number of threads may */
	uint64_t pos;
};

struct scan {
	struct weights *weights;
	const struct tensor **sorted;	/* by offset */
	struct member *member;
	uint64_t data;		/* where in the member the data begins */
};

struct part {
	size_t first, end;	/* of the sorted tensors */
	struct error error;
	bool ok;
};

static bool read_on(struct source *source, void *buf, size_t len,
		    struct error *err)
{
	struct member *m = source->member;

	if (!source->positioned)
		return m->bytes.read(m->bytes.source, buf, len, err);
	if (!interrupt_check(err) ||
	    !reader_read(&m->reader, source->pos, buf, len, err))
		return error_in(err, NULL, m->name);
	source->pos += len;
	if (m->work)
		progress_moved(m->work, len);
	return true;
}

static void keep(struct weights *w, const struct tensor *t,
		 const struct tensor_stats *s)
{
	size_t i = (size_t)(t - w->header->tensors.tensors);

	w->counts[i] = (struct weights_counts){
		.nvalues = s->nvalues,
		.nan = s->nan,
		.positive_inf = s->positive_inf,
		.negative_inf = s->negative_inf,
		.zero = s->zero,
		.denormal = s->denormal,
		.odd_bool = s->odd_bool,
		.constant = s->constant,
	};
	if (w->statistics)
		w->statistics[i] = *s;
}

/* Read the bytes of some tensors, which lie one behind the other. */
static bool scan_tensors(const struct scan *scan, size_t first, size_t end,
			 struct source *source, struct error *err)
{
	uint64_t left = 0;
	char *chunk = memory_block(CHUNK, err);
	size_t have = 0, used = 0;

	if (!chunk)
		return false;
	for (size_t i = first; i < end; i++)
		left += scan->sorted[i]->nbytes;
	for (size_t i = first; i < end; i++) {
		const struct tensor *t = scan->sorted[i];
		struct tensor_stats s;
		uint64_t fed = 0;

		tensor_stats_begin(&s, t->dtype, scan->weights->statistics ?
				   TENSOR_STATS_FULL : TENSOR_STATS_SCAN);
		while (fed < t->nbytes) {
			uint64_t n = t->nbytes - fed;

			if (used == have) {
				have = left < CHUNK ? (size_t)left : CHUNK;
				used = 0;
				left -= have;
				if (!read_on(source, chunk, have, err))
					goto failed;
			}
			if (n > have - used)
				n = have - used;
			tensor_stats_add(&s, chunk + used, (size_t)n);
			used += (size_t)n;
			fed += n;
		}
		keep(scan->weights, t, &s);
	}
	free(chunk);
	return true;
failed:
	free(chunk);
	return false;
}

static void scan_part(const struct scan *scan, struct part *part)
{
	struct source source = {
		.member = scan->member,
		.positioned = true,
		.pos = scan->data + scan->sorted[part->first]->start,
	};

	part->ok = scan_tensors(scan, part->first, part->end, &source,
				&part->error);
}

/* Cut the tensors into parts; returns how many, of which parts may be NULL. */
static size_t cut(const struct scan *scan, struct part *parts)
{
	size_t count = scan->weights->header->tensors.count, made = 0;
	uint64_t wanted = scan->weights->header->data_nbytes / PARTS;

	if (wanted < PART_NBYTES)
		wanted = PART_NBYTES;
	for (size_t first = 0, end; first < count; first = end) {
		size_t limit = count - first < PART_TENSORS ?
			       count : first + PART_TENSORS;
		uint64_t nbytes = 0;

		for (end = first; end < limit && nbytes < wanted; end++)
			nbytes += scan->sorted[end]->nbytes;
		if (parts)
			parts[made] = (struct part){ .first = first,
						     .end = end };
		made++;
	}
	return made;
}

/*
 * Threads that wait for the last bundles to be judged take the tasks; without
 * such threads the loop is a loop.  The first fault in the order of the bytes
 * is the file's.
 */
static bool scan_parts(const struct scan *scan, struct error *err)
{
	size_t count = cut(scan, NULL), bad = count;
	struct part *parts = memory_array(count, sizeof(*parts), err);

	if (!parts)
		return false;
	cut(scan, parts);
	for (size_t i = 0; i < count; i++) {
#pragma omp task firstprivate(i) if (count > 1)
		scan_part(scan, &parts[i]);
	}
#pragma omp taskwait
	for (size_t i = count; i-- > 0; )
		if (!parts[i].ok)
			bad = i;
	if (bad < count) {
		*err = parts[bad].error;
		scan->member->broken = true;
	} else {
		scan->member->pos = scan->member->bytes.size;
	}
	free(parts);
	return bad == count;
}

static bool scan_data(struct weights *w, struct member *m, struct error *err)
{
	struct source source = { .member = m };
	struct scan scan = { .weights = w, .member = m, .data = m->pos };
	size_t count = w->header->tensors.count;
	bool ok;

	scan.sorted = safetensors_by_offset(w->header, err);
	if (!scan.sorted)
		return false;
	if (m->stream)
		ok = scan_tensors(&scan, 0, count, &source, err);
	else
		ok = scan_parts(&scan, err);
	free(scan.sorted);
	return ok;
}

bool weights_read(struct weights *w, struct member *m, bool statistics,
		  struct safetensors_recall *recall, struct error *err)
{
	size_t count;
	bool ok;

	*w = (struct weights){
		.header = bundle_recall_header(recall, &m->bytes, err),
	};
	if (!w->header)
		return false;
	count = w->header->tensors.count;
	w->counts = memory_array(count, sizeof(*w->counts), err);
	if (statistics)
		w->statistics = memory_array(count, sizeof(*w->statistics),
					     err);
	ok = w->counts && (w->statistics || !statistics) &&
	     scan_data(w, m, err);
	if (!ok)
		weights_free(w);
	return ok;
}

void weights_free(struct weights *w)
{
	free(w->counts);
	free(w->statistics);
	*w = (struct weights){ 0 };
}

const struct state_dict *weights_tensors(const struct weights *w)
{
	static const struct state_dict none;

	return w->header ? &w->header->tensors : &none;
}

uint64_t weights_parts(uint64_t nbytes)
{
	return nbytes / PART_NBYTES + 1;
}
