/* remarks.c - a short list of faults that are none */
#include "remote/remarks.h"

struct error *remarks_add(struct remarks *r)
{
	struct error *e;

	if (r->count < REMARKS_MOST)
		r->count++;
	e = &r->items[r->count - 1];
	*e = (struct error){ 0 };
	return e;
}
