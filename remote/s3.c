/* s3.c - requests to S3 */
#include "remote/s3.h"

static bool fault(struct error *err)
{
	return error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
			 "S3 is not reached yet");
}

bool s3_begin(const struct s3_options *options, struct error *err)
{
	(void)options;
	(void)err;
	return true;
}

void s3_end(void)
{
}

bool s3_look(struct s3_facts *facts, bool *found, const struct s3_place *place,
	     struct error *err)
{
	(void)facts;
	(void)place;
	*found = false;
	return fault(err);
}

bool s3_fetch(const struct s3_place *place, const struct s3_facts *facts,
	      uint64_t offset, uint64_t nbytes, const struct writer *to,
	      struct error *err)
{
	(void)place;
	(void)facts;
	(void)offset;
	(void)nbytes;
	(void)to;
	return fault(err);
}

bool s3_send(const struct s3_place *place, const struct reader *from,
	     bool replace, bool *taken, struct s3_facts *facts,
	     struct error *err)
{
	(void)place;
	(void)from;
	(void)replace;
	(void)facts;
	*taken = false;
	return fault(err);
}

bool s3_remove(const struct s3_place *place, struct error *err)
{
	(void)place;
	return fault(err);
}

bool s3_list(const struct s3_place *place, bool flat,
	     const struct s3_taker *taker, struct error *err)
{
	(void)place;
	(void)flat;
	(void)taker;
	return fault(err);
}
