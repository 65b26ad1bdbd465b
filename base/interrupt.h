/*
 * interrupt.h - has the user asked the program to stop
 *
 * SIGINT and SIGTERM set a flag that long loops look at; a second one of the
 * same kind ends the program at once.  Reading the flag is safe anywhere.
 */
#ifndef BASE_INTERRUPT_H
#define BASE_INTERRUPT_H

#include <stdbool.h>

#include "base/error.h"

/* Call once, before any thread is started. */
void interrupt_catch(void);

/* The signal that arrived, or 0. */
int interrupt_signal(void);

/* False with ERROR_INTERRUPTED if a signal has arrived. */
bool interrupt_check(struct error *err);

#endif
