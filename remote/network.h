/*
 * network.h - what the programs' options say of the network
 */
#ifndef REMOTE_NETWORK_H
#define REMOTE_NETWORK_H

#include <stdbool.h>

#include "base/error.h"

#define NETWORK_TIMEOUT_S 60

struct network_options {
	const char *endpoint_url;	/* --endpoint-url, or NULL */
	unsigned timeout_s;		/* --network-timeout */
};

/*
 * Once in a program, before there are threads.  Nothing is connected, looked
 * up or loaded before it is needed.
 */
bool network_begin(const struct network_options *options, struct error *err);
void network_end(void);

#endif
