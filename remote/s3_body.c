/* s3_body.c - SHA-256 and MD5 of what is sent, in one go */
#include "remote/s3_body.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

enum { BUFFER_SIZE = 256 << 10 };

static bool fail(struct error *err)
{
	return error_set(err, ERROR_UNSUPPORTED, ERROR_NO_OFFSET,
			 "libcrypto cannot compute MD5");
}

/* A signal stops requests, but for those that may linger; not their sums. */
/* Without sha256 to the MD5 only. */
static bool add_all(const struct reader *from, struct digest *sha256,
		    EVP_MD_CTX *md5, struct error *err)
{
	char *buffer = memory_array(BUFFER_SIZE, 1, err);
	bool ok = buffer != NULL;
	size_t n;

	for (uint64_t done = 0; ok && done < from->size; done += n) {
		n = from->size - done < BUFFER_SIZE
			    ? (size_t)(from->size - done) : BUFFER_SIZE;
		ok = reader_read(from, done, buffer, n, err) &&
		     (!sha256 || digest_add(sha256, buffer, n, err)) &&
		     (EVP_DigestUpdate(md5, buffer, n) == 1 || fail(err));
	}
	free(buffer);
	return ok;
}

void s3_body_print_md5(char hex[S3_MD5_HEX_SIZE],
		       const unsigned char md5[S3_MD5_NBYTES])
{
	for (size_t i = 0; i < S3_MD5_NBYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", (unsigned)md5[i]);
}

/* The MD5 of it all, and what sha256, if there is one, is to add. */
static bool sum_all(unsigned char sum[S3_MD5_NBYTES],
		    const struct reader *from, struct digest *sha256,
		    struct error *err)
{
	EVP_MD_CTX *md5 = EVP_MD_CTX_new();
	bool ok = (md5 && EVP_DigestInit_ex(md5, EVP_md5(), NULL) == 1) ||
		  fail(err);

	ok = ok && add_all(from, sha256, md5, err) &&
	     (EVP_DigestFinal_ex(md5, sum, NULL) == 1 || fail(err));
	EVP_MD_CTX_free(md5);
	return ok;
}

bool s3_body_md5_of(char hex[S3_MD5_HEX_SIZE], const struct reader *from,
		    struct error *err)
{
	unsigned char sum[S3_MD5_NBYTES];

	if (!sum_all(sum, from, NULL, err))
		return false;
	s3_body_print_md5(hex, sum);
	return true;
}

bool s3_body_sum(struct s3_body *body, struct error *err)
{
	struct digest sha256 = { 0 };
	bool ok;

	if (body->summed)
		return true;
	ok = digest_begin(&sha256, err) &&
	     sum_all(body->md5, &body->from, &sha256, err) &&
	     digest_end(&sha256, body->sha256, err);
	if (ok) {
		s3_body_print_md5(body->md5_hex, body->md5);
		EVP_EncodeBlock((unsigned char *)body->md5_base64, body->md5,
				S3_MD5_NBYTES);
	}
	body->summed = ok;
	digest_discard(&sha256);
	return ok;
}

bool s3_body_md5(unsigned char md5[S3_MD5_NBYTES], const void *data,
		 size_t len, struct error *err)
{
	return EVP_Digest(data, len, md5, NULL, EVP_md5(), NULL) == 1 ||
	       fail(err);
}
