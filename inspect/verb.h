/*
 * verb.h - what the command line of mpt-inspect says, and who answers it
 *
 * Each verb has a table of its own options, in its own file; main.c adds those
 * that it shares with others.  All tables fill the one struct request.
 */
#ifndef INSPECT_VERB_H
#define INSPECT_VERB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/options.h"
#include "inspect/answer.h"
#include "inspect/source.h"
#include "remote/network.h"

struct request {
	bool json, help;
	bool latest;		/* list */
	bool stats;		/* show */
	const char *epoch, *data_dir;	/* resolve; or NULL */
	struct source_options source;	/* show, keys, diff */
	struct network_options network;
	const char *stats_server;	/* or NULL */
	struct option_list operands;
};

#define REQUEST_FIELD(name) offsetof(struct request, name)

/*
 * Answer the request, which has as many operands as the verb takes.  False if
 * it could not be answered: then what was written so far does not count.
 */
bool list_run(const struct request *r, struct answer *a, struct error *err);
bool show_run(const struct request *r, struct answer *a, struct error *err);
bool keys_run(const struct request *r, struct answer *a, struct error *err);
bool diff_run(const struct request *r, struct answer *a, struct error *err);
bool resolve_run(const struct request *r, struct answer *a, struct error *err);

/* Verbs that are not here have no options of their own. */
extern const struct option_table list_options, show_options, resolve_options;

#endif
