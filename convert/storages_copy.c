/* storages_copy.c - from storages to the output, in parts of some MiB */
#include "convert/storages.h"

#include <inttypes.h>

#include "base/interrupt.h"
#include "convert/parts.h"
#include "formats/crc32.h"

enum { PART_SIZE = 4 << 20 };	/* bytes of the output */

/* One copy.  Who does a part of it writes the storages' sums, and no more. */
struct copying {
	const struct checkpoint *c;
	const struct safetensors_layout *layout;
	struct writer to;
	struct progress_work *work;
};

/* The bytes of the output from one to below the other. */
struct span {
	uint64_t begin, end;
};

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Has what is written other bytes, or an other order, than the storage? */
static bool is_gathered(const struct tensor *t)
{
	return t->stride || t->conj || t->neg || t->big_endian;
}

/* ---- checksums ---- */

/* A storage that is copied from end to end need not be read once more. */
static void choose_summed(const struct checkpoint *c,
			  const struct safetensors_layout *layout)
{
	for (size_t i = 0; i < c->weights.count; i++) {
		const struct tensor *t = &c->weights.tensors[layout->order[i]];
		struct storage *s = &c->storages[t->storage];

		if (s->check_crc && !s->summed && !is_gathered(t) &&
		    t->start == 0 && t->nbytes == s->bytes.size)
			s->summed = t;
	}
}

/* Read a storage for its checksum alone. */
static bool sum_storage(const struct storage *s, struct scratch *scratch,
			uint32_t *sum, struct error *err)
{
	uint64_t done = 0;

	*sum = 0;
	while (done < s->bytes.size) {
		size_t n = (size_t)smaller(s->bytes.size - done,
					   SCRATCH_BUFFER_SIZE);

		if (!interrupt_check(err) ||
		    !reader_read(&s->bytes, done, scratch->buffer, n, err))
			return error_in(err, NULL, s->name);
		*sum = crc32_update(*sum, scratch->buffer, n);
		done += n;
	}
	return true;
}

static bool verify_storage(struct storage *s, struct scratch *scratch,
			   struct error *err)
{
	uint32_t sum = s->sum;

	if (!s->check_crc)
		return true;
	if (!s->summed && !sum_storage(s, scratch, &sum, err))
		return false;
	s->check_crc = false;
	if (sum == s->crc)
		return true;
	error_set(err, ERROR_CORRUPT, ERROR_NO_OFFSET,
		  "CRC-32 of its bytes is %08" PRIx32 ", the archive says %08"
		  PRIx32, sum, s->crc);
	return error_in(err, NULL, s->name);
}

static bool verify_storages(struct checkpoint *c, struct scratch *scratch,
			    struct error *err)
{
	for (size_t i = 0; i < c->weights.count; i++)
		if (!verify_storage(&c->storages[c->weights.tensors[i].storage],
				    scratch, err))
			return false;
	return true;
}

/* ---- elements ---- */

/* Of a tensor that is its storage's bytes in their order, a part. */
static bool copy_dense(const struct tensor *t, struct span part,
		       struct storage *s, struct sink *sink,
		       struct error *err)
{
	uint64_t done = part.begin;
	uint32_t crc = 0;

	while (done < part.end) {
		size_t n = (size_t)smaller(part.end - done, SIZE_MAX);
		uint8_t *room = sink_reserve(sink, &n, err);

		if (!room)
			return false;	/* a fault of the output */
		if (!interrupt_check(err) ||
		    !reader_read(&s->bytes, t->start + done, room, n, err))
			return error_in(err, NULL, s->name);
		if (s->summed == t)
			crc = crc32_update(crc, room, n);
		sink_commit(sink, n);
		done += n;
	}
	if (s->summed == t)
		s->sum ^= crc32_of_part(crc, t->nbytes - part.end);
	return true;
}

/* The first, in the layout's order, that begins at or behind a place. */
static size_t first_from(const struct safetensors_layout *layout, size_t count,
			 uint64_t place)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (layout->begin[layout->order[middle]] < place)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * Copy what lies in a span, counted behind the header.  Of a tensor whose
 * elements have to be gathered all is copied where it begins.
 */
static bool copy_span(const struct copying *job, struct span span,
		      struct sink *sink, struct gather *gather,
		      struct error *err)
{
	const struct safetensors_layout *layout = job->layout;
	const struct state_dict *sd = &job->c->weights;
	size_t i = first_from(layout, sd->count, span.begin);

	i -= i > 0;	/* that may reach into the span */
	for (; i < sd->count; i++) {
		size_t which = layout->order[i];
		const struct tensor *t = &sd->tensors[which];
		struct storage *s = &job->c->storages[t->storage];
		uint64_t begin = layout->begin[which];
		uint64_t from = begin < span.begin ? span.begin - begin : 0;
		bool gathered = is_gathered(t), ok;
		struct span part = { from, t->nbytes };

		if (begin >= span.end)
			break;
		if (from > 0 && (gathered || from >= t->nbytes))
			continue;
		part.end = smaller(t->nbytes, span.end - begin);
		ok = sink_seek(sink, layout->header.len + begin + from, err) &&
		     (gathered ? gather_tensor(gather, t, &s->bytes, sink, err)
			       : copy_dense(t, part, s, sink, err));
		if (!ok)
			return false;
	}
	return true;
}

/* Part 0 begins behind the header, the others at round offsets of the file. */
static size_t count_parts(const struct safetensors_layout *layout)
{
	return (size_t)((layout->file_nbytes - 1) / PART_SIZE -
			layout->header.len / PART_SIZE + 1);
}

static struct span part_span(const struct safetensors_layout *layout,
			     size_t index)
{
	uint64_t header = layout->header.len;
	uint64_t begin = (header / PART_SIZE + index) * PART_SIZE;
	bool last = index + 1 == count_parts(layout);

	return (struct span){
		.begin = index == 0 ? 0 : begin - header,
		.end = last ? UINT64_MAX : begin + PART_SIZE - header,
	};
}

static bool copy_part(const void *context, size_t index,
		      struct scratch *scratch, struct error *err)
{
	const struct copying *job = context;
	struct span span = part_span(job->layout, index);
	struct sink sink = sink_over(job->to, scratch->buffer,
				     SCRATCH_BUFFER_SIZE);

	sink.work = job->work;
	return sink_seek(&sink, job->layout->header.len + span.begin, err) &&
	       copy_span(job, span, &sink, &scratch->gather, err) &&
	       sink_flush(&sink, err);
}

bool storages_copy(struct checkpoint *c,
		   const struct safetensors_layout *layout, struct sink *sink,
		   struct scratch *scratch, struct error *err)
{
	struct copying job = { c, layout, sink->to, sink->work };
	bool in_parts = sink->to.any_order &&
			parts_pay(scratch, layout->file_nbytes -
						   layout->header.len);
	const struct parts parts = { copy_part, &job, count_parts(layout) };
	struct span all = { 0, UINT64_MAX };
	bool ok;

	choose_summed(c, layout);
	if (in_parts)
		ok = sink_flush(sink, err) && parts_do(&parts, scratch, err);
	else
		ok = copy_span(&job, all, sink, &scratch->gather, err);
	/* The scratch buffer is the sink's: it is free once that is flushed. */
	return ok && sink_flush(sink, err) && verify_storages(c, scratch, err);
}
