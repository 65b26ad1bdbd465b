/*
 * limit.c - the least that any converter must do: move the same bytes
 *
 *	limit THREADS PLAN [OUT [zip]]
 *
 * For each line of PLAN (see corpus.py) the span of the source is read in
 * steps of 1 MiB, inflated if it is deflated, summed, and written to
 * OUT/<bundle>/weights.safetensors, beside a policy_spec.json of usual size;
 * or with "zip" deflated to OUT/<bundle>.  Of both files the SHA-256 is
 * computed, which mpt-convert puts into its journal.  Without OUT it is only
 * read and summed.  Nothing is checked, nothing is made durable, and no format
 * is known.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#ifdef HAVE_ISAL
#include <isa-l.h>
#else
#include <zlib.h>
#endif

enum { STEP = 1 << 20, SPEC_SIZE = 800, LINE_SIZE = 8192, PATH_SIZE = 8300 };

/* One line of the plan. */
struct line {
	bool deflated;
	uint64_t offset, nbytes;
	char *source, *bundle;
};

/* A thread's own. */
struct buffers {
	uint8_t *in, *out, *packed;
	uint32_t crc;
	EVP_MD_CTX *digest;
};

static bool zip;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static uint32_t sum(uint32_t crc, const uint8_t *bytes, size_t len)
{
#ifdef HAVE_ISAL
	return crc32_gzip_refl(crc, bytes, len);
#else
	return (uint32_t)crc32_z(crc, bytes, len);
#endif
}

static void begin_digest(struct buffers *b)
{
	if (EVP_DigestInit_ex(b->digest, EVP_sha256(), NULL) != 1)
		die("SHA-256");
}

/* Folded into the sum, so that it is there for something. */
static void end_digest(struct buffers *b)
{
	uint8_t bytes[EVP_MAX_MD_SIZE];
	unsigned len;

	if (EVP_DigestFinal_ex(b->digest, bytes, &len) != 1)
		die("SHA-256");
	b->crc = sum(b->crc, bytes, len);
}

static size_t read_step(int fd, uint8_t *to, uint64_t *offset, uint64_t *left)
{
	size_t want = *left < STEP ? (size_t)*left : STEP;
	ssize_t n = pread(fd, to, want, (off_t)*offset);

	if (n <= 0)
		die("read");
	*offset += (uint64_t)n;
	*left -= (uint64_t)n;
	return (size_t)n;
}

/* Each step of its own: what that costs in size is nothing. */
static size_t deflate_step(struct buffers *b, uint8_t *bytes, size_t len)
{
#ifdef HAVE_ISAL
	static _Thread_local uint8_t level_buffer[ISAL_DEF_LVL1_DEFAULT];
	static _Thread_local struct isal_zstream s;

	isal_deflate_stateless_init(&s);
	s.level = 1;
	s.level_buf = level_buffer;
	s.level_buf_size = sizeof(level_buffer);
	s.end_of_stream = 1;
	s.next_in = bytes;
	s.avail_in = (uint32_t)len;
	s.next_out = b->packed;
	s.avail_out = 2 * STEP;
	if (isal_deflate_stateless(&s) != COMP_OK)
		die("deflate");
	return s.total_out;
#else
	uLongf packed = 2 * STEP;

	if (compress2(b->packed, &packed, bytes, len, 6) != Z_OK)
		die("deflate");
	return packed;
#endif
}

static void put(struct buffers *b, int to, uint8_t *bytes, size_t len)
{
	b->crc = sum(b->crc, bytes, len);
	if (to >= 0 && EVP_DigestUpdate(b->digest, bytes, len) != 1)
		die("SHA-256");
	if (zip && len > 0) {
		len = deflate_step(b, bytes, len);
		bytes = b->packed;
	}
	if (to >= 0 && write(to, bytes, len) != (ssize_t)len)
		die("write");
}

static void copy(struct buffers *b, const struct line *l, int from, int to)
{
	uint64_t offset = l->offset, left = l->nbytes;

	while (left > 0) {
		size_t n = read_step(from, b->in, &offset, &left);

		put(b, to, b->in, n);
	}
}

#ifdef HAVE_ISAL
static void inflate_all(struct buffers *b, const struct line *l, int from,
			int to)
{
	static _Thread_local struct inflate_state s;
	uint64_t offset = l->offset, left = l->nbytes;

	isal_inflate_init(&s);
	do {
		s.next_out = b->out;
		s.avail_out = STEP;
		while (s.avail_out > 0 &&
		       s.block_state != ISAL_BLOCK_FINISH) {
			if (s.avail_in == 0 && left > 0) {
				s.avail_in = (uint32_t)read_step(
					from, b->in, &offset, &left);
				s.next_in = b->in;
			}
			if (isal_inflate(&s) != ISAL_DECOMP_OK)
				die("inflate");
		}
		put(b, to, b->out, STEP - s.avail_out);
	} while (s.block_state != ISAL_BLOCK_FINISH);
}
#else
static void inflate_all(struct buffers *b, const struct line *l, int from,
			int to)
{
	z_stream s = { 0 };
	uint64_t offset = l->offset, left = l->nbytes;
	int status = inflateInit2(&s, -MAX_WBITS);

	while (status == Z_OK) {
		s.next_out = b->out;
		s.avail_out = STEP;
		while (s.avail_out > 0 && status == Z_OK) {
			if (s.avail_in == 0 && left > 0) {
				s.avail_in = (unsigned)read_step(
					from, b->in, &offset, &left);
				s.next_in = b->in;
			}
			status = inflate(&s, Z_NO_FLUSH);
		}
		put(b, to, b->out, STEP - s.avail_out);
	}
	inflateEnd(&s);
	if (status != Z_STREAM_END)
		die("inflate");
}
#endif

static int create(const char *folder, const char *name)
{
	char path[PATH_SIZE];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
	if (fd < 0)
		die(path);
	return fd;
}

/* The folder OUT/<run>, and in it <bundle>, if that is one. */
static void make_bundle(char *folder, size_t size, const char *out,
			const char *bundle)
{
	int run = (int)strcspn(bundle, "/");

	snprintf(folder, size, "%s/%.*s", out, run, bundle);
	mkdir(folder, 0777);
	snprintf(folder, size, "%s/%s", out, bundle);
	if (!zip && mkdir(folder, 0777) != 0)
		die(folder);
}

static void convert(struct buffers *b, const struct line *l, const char *out)
{
	static const char spec[SPEC_SIZE];
	char folder[LINE_SIZE];
	int from = open(l->source, O_RDONLY), to = -1;

	if (from < 0)
		die(l->source);
	if (out) {
		make_bundle(folder, sizeof(folder), out, l->bundle);
		to = zip ? create(out, l->bundle)
			 : create(folder, "weights.safetensors");
		begin_digest(b);
	}
	(l->deflated ? inflate_all : copy)(b, l, from, to);
	close(from);
	if (!out)
		return;
	close(to);
	end_digest(b);
	begin_digest(b);
	if (EVP_DigestUpdate(b->digest, spec, sizeof(spec)) != 1)
		die("SHA-256");
	end_digest(b);
	if (zip)
		return;
	to = create(folder, "policy_spec.json");
	if (write(to, spec, sizeof(spec)) != sizeof(spec))
		die("write");
	close(to);
}

static struct line *read_plan(const char *path, size_t *count)
{
	char text[LINE_SIZE], source[LINE_SIZE], bundle[LINE_SIZE], method[8];
	struct line *lines = NULL;
	FILE *f = fopen(path, "r");

	if (!f)
		die(path);
	while (fgets(text, sizeof(text), f)) {
		struct line l = { 0 };

		if (sscanf(text, "%7s %" SCNu64 " %" SCNu64 " %8191[^\t]"
			   "\t%8191[^\n]", method, &l.offset, &l.nbytes,
			   source, bundle) != 5)
			die("a line of the plan");
		l.deflated = strcmp(method, "inflate") == 0;
		l.source = strdup(source);
		l.bundle = strdup(bundle);
		lines = realloc(lines, (*count + 1) * sizeof(*lines));
		if (!lines || !l.source || !l.bundle)
			die("memory");
		lines[(*count)++] = l;
	}
	fclose(f);
	return lines;
}

int main(int argc, char **argv)
{
	size_t count = 0;
	struct line *lines;
	uint32_t all = 0;

	if (argc < 3 || argc > 5 || atoi(argv[1]) < 1) {
		fputs("usage: limit THREADS PLAN [OUT [zip]]\n", stderr);
		return 2;
	}
	zip = argc == 5;
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	lines = read_plan(argv[2], &count);
	if (argc > 3 && mkdir(argv[3], 0777) != 0 && errno != EEXIST)
		die(argv[3]);
#pragma omp parallel num_threads(atoi(argv[1])) reduction(^ : all)
	{
		struct buffers b = { malloc(STEP), malloc(STEP),
				     malloc(2 * STEP), 0,
				     EVP_MD_CTX_new() };

		if (!b.in || !b.out || !b.packed || !b.digest)
			die("memory");
#pragma omp for schedule(dynamic, 1)
		for (size_t i = 0; i < count; i++)
			convert(&b, &lines[i], argc > 3 ? argv[3] : NULL);
		all ^= b.crc;
	}
	printf("%08" PRIx32 "\n", all);
	return 0;
}
