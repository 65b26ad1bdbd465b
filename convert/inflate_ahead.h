/*
 * inflate_ahead.h - inflate parts of a deflate stream before they are read
 *
 * A deflate stream is read from front to back: each block may refer to the
 * 32 KiB before it.  But a block that comes later can be found, and inflated
 * with zeros for the bytes before it.  What refers to them is wrong then, and
 * so is what refers to that; in weights, whose bytes hardly ever come again,
 * that is over after some 100 KiB.
 *
 * Whoever reads the stream inflates it all the same, until it finds that this
 * is the beginning of a block indeed, and on from there, until its last 32 KiB
 * are those that were found.  As both have used up the same input since the
 * same block began, both would go on alike: so it takes over what is there, and
 * the state of that inflater.  No byte depends on whether another thread came,
 * or when.
 *
 * Two threads: one reads the stream, the other calls the idle work of a relay.
 */
#ifndef CONVERT_INFLATE_AHEAD_H
#define CONVERT_INFLATE_AHEAD_H

#include "convert/relay.h"
#include "formats/zip.h"

struct inflate_ahead;

/*
 * From now on, what is inflated ahead of this stream is read from there.  NULL
 * if there is nothing to gain: no stream, a member that is small or stored, a
 * library that cannot begin inside of a stream, or no memory.
 */
struct inflate_ahead *inflate_ahead_begin(struct zip_stream *stream);

/* What the other thread does; nothing, if there is none. */
struct relay_idle inflate_ahead_idle(struct inflate_ahead *ahead);

/*
 * The other thread does nothing more, and the stream is only to be closed.
 * NULL is ended, too.
 */
void inflate_ahead_end(struct inflate_ahead *ahead);

#endif
