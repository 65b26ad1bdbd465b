/* interrupt.c - SIGINT and SIGTERM as a flag */
#define _DEFAULT_SOURCE	/* SIGXFSZ */
#include "base/interrupt.h"

#include <signal.h>

static volatile sig_atomic_t arrived;

static void on_signal(int number)
{
	arrived = number;
}

void interrupt_catch(void)
{
	/*
	 * SA_RESETHAND: the second signal takes its default action.  Without
	 * SA_RESTART, so that a reader who does not read holds up nobody.
	 */
	struct sigaction action = { .sa_handler = on_signal,
				    .sa_flags = (int)SA_RESETHAND };

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	/* Whoever started us may have chosen not to know how children end. */
	signal(SIGCHLD, SIG_DFL);
	/* A reader that went away is a fault of write(), not the end. */
	signal(SIGPIPE, SIG_IGN);
#ifdef SIGXFSZ
	signal(SIGXFSZ, SIG_IGN);	/* so is a limit on a file's size */
#endif
}

int interrupt_signal(void)
{
	return arrived;
}

bool interrupt_check(struct error *err)
{
	if (!arrived)
		return true;
	return error_set(err, ERROR_INTERRUPTED, ERROR_NO_OFFSET,
			 "stopped by signal %d", (int)arrived);
}
