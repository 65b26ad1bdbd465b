/*
 * s3_client.c - asks S3 for one thing, as the programs do
 *
 *	look BUCKET KEY			"SIZE ETAG MD5 SECONDS", or "none"
 *	get BUCKET KEY [FROM NBYTES]	the bytes; all are held against the MD5
 *	put BUCKET KEY FILE		"sent SIZE ETAG MD5 SECONDS", or "taken"
 *	replace BUCKET KEY FILE		the same, over what is there
 *	list BUCKET PREFIX		a line "SIZE ETAG SECONDS KEY" for each
 *	flat BUCKET PREFIX		the same, of one level
 *	remove BUCKET KEY
 *
 * Exits with 1 and one line on stderr if it cannot be done.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "remote/network.h"
#include "remote/s3.h"
#include "remote/s3_body.h"

/* As the programs' options are S3_CLIENT_TIMEOUT_S and S3_CLIENT_ENDPOINT. */
enum { TIMEOUT_S = 30 };

static void print_facts(const char *word, const struct s3_facts *f)
{
	printf("%s%" PRIu64 " %s %s %jd\n", word, f->nbytes,
	       f->etag[0] ? f->etag : "-", f->md5[0] ? f->md5 : "-",
	       (intmax_t)f->modified.tv_sec);
}

static bool look(const struct s3_place *place, char **arguments,
		 struct error *err)
{
	struct s3_facts facts;
	bool found;

	(void)arguments;
	if (!s3_look(&facts, &found, place, err))
		return false;
	if (found)
		print_facts("", &facts);
	else
		puts("none");
	return true;
}

static bool write_bytes(void *to, uint64_t offset, const void *buf, size_t len,
			struct error *err)
{
	(void)err;
	memcpy((char *)to + offset, buf, len);
	return true;
}

static bool check_md5(const struct s3_facts *facts, const void *bytes,
		      struct error *err)
{
	unsigned char md5[S3_MD5_NBYTES];
	char hex[S3_MD5_HEX_SIZE];

	if (!s3_body_md5(md5, bytes, (size_t)facts->nbytes, err))
		return false;
	s3_body_print_md5(hex, md5);
	return !facts->md5[0] || strcmp(hex, facts->md5) == 0 ||
	       error_set(err, ERROR_IO, ERROR_NO_OFFSET,
			 "the MD5 is %s, not %s", hex, facts->md5);
}

static bool get(const struct s3_place *place, char **arguments,
		struct error *err)
{
	struct writer memory = { write_bytes, NULL };
	struct s3_facts facts;
	uint64_t offset = 0, nbytes;
	bool found, ok;

	if (!s3_look(&facts, &found, place, err))
		return false;
	if (!found)
		return error_set(err, ERROR_IO, ERROR_NO_OFFSET, "none");
	nbytes = facts.nbytes;
	if (arguments[0]) {
		offset = strtoull(arguments[0], NULL, 10);
		nbytes = strtoull(arguments[1], NULL, 10);
	}
	memory.to = memory_array((size_t)facts.nbytes, 1, err);
	ok = memory.to &&
	     s3_fetch(place, &facts, offset, nbytes, &memory, err) &&
	     (arguments[0] || check_md5(&facts, memory.to, err));
	if (ok)
		fwrite((char *)memory.to + offset, 1, (size_t)nbytes, stdout);
	free(memory.to);
	return ok;
}

static bool send(const struct s3_place *place, const char *path,
		 const char *instead_of, struct error *err)
{
	struct file f = { 0 };
	struct s3_facts facts;
	struct reader from;
	bool taken, ok;

	if (!file_open(&f, path, err))
		return false;
	from = file_reader(&f);
	ok = s3_send(place, &from, instead_of, &taken, &facts, err);
	ok = file_close(&f, err) && ok;
	if (ok && taken)
		puts("taken");
	else if (ok)
		print_facts("sent ", &facts);
	return ok;
}

static bool put(const struct s3_place *place, char **arguments,
		struct error *err)
{
	return send(place, arguments[0], NULL, err);
}

static bool replace(const struct s3_place *place, char **arguments,
		    struct error *err)
{
	return send(place, arguments[0], S3_WHATEVER, err);
}

static bool print_key(void *to, const char *key, const struct s3_facts *facts,
		      struct error *err)
{
	(void)to;
	(void)err;
	printf("%" PRIu64 " %s %jd %s\n", facts->nbytes,
	       facts->etag[0] ? facts->etag : "-",
	       (intmax_t)facts->modified.tv_sec, key);
	return true;
}

static bool list(const struct s3_place *place, char **arguments,
		 struct error *err)
{
	const struct s3_taker taker = { print_key, NULL };

	(void)arguments;
	return s3_list(place, false, &taker, err);
}

static bool flat(const struct s3_place *place, char **arguments,
		 struct error *err)
{
	const struct s3_taker taker = { print_key, NULL };

	(void)arguments;
	return s3_list(place, true, &taker, err);
}

static bool remove_object(const struct s3_place *place, char **arguments,
			  struct error *err)
{
	(void)arguments;
	return s3_remove(place, err);
}

static const struct {
	const char *name;
	bool (*run)(const struct s3_place *place, char **arguments,
		    struct error *err);
} commands[] = {
	{ "look", look },
	{ "get", get },
	{ "put", put },
	{ "replace", replace },
	{ "list", list },
	{ "flat", flat },
	{ "remove", remove_object },
};

/* How many words a command needs behind its name. */
static int words_of(const char *name)
{
	return strcmp(name, "put") == 0 || strcmp(name, "replace") == 0 ? 3 : 2;
}

static bool run(int argc, char **argv, struct error *err)
{
	const struct s3_place place = { argv[2], argv[3] };

	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(commands[i].name, argv[1]) == 0 &&
		    argc - 2 >= words_of(argv[1]))
			return commands[i].run(&place, argv + 4, err);
	return error_set(err, ERROR_USAGE, ERROR_NO_OFFSET,
			 "no such command, or too few words");
}

int main(int argc, char **argv)
{
	const char *timeout = getenv("S3_CLIENT_TIMEOUT_S");
	const struct network_options options = {
		.endpoint_url = getenv("S3_CLIENT_ENDPOINT"),
		.timeout_s = timeout ? (unsigned)strtoul(timeout, NULL, 10)
				     : TIMEOUT_S,
	};
	struct error err = { 0 };
	bool ok;

	interrupt_catch();
	ok = argc >= 4 && network_begin(&options, &err) &&
	     run(argc, argv, &err);
	network_end();
	if (err.kind)
		error_print(stderr, "s3_client", &err);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
