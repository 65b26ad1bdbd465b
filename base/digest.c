/*
 * digest.c - SHA-256 by libcrypto
 *
 * By its old functions: the new ones first load what they find algorithms by,
 * which takes as long as to convert a tenth of a small file.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/digest.h"

#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base/memory.h"

/* The library fails if it is not whole. */
static bool fail(struct error *err)
{
	return error_set(err, ERROR_MEMORY, ERROR_NO_OFFSET,
			 "libcrypto cannot compute SHA-256");
}

bool digest_begin(struct digest *d, struct error *err)
{
	if (!d->context)
		d->context = memory_array(1, sizeof(SHA256_CTX), err);
	return d->context && (SHA256_Init(d->context) == 1 || fail(err));
}

bool digest_add(struct digest *d, const void *data, size_t len,
		struct error *err)
{
	return SHA256_Update(d->context, data, len) == 1 || fail(err);
}

bool digest_end(struct digest *d, char hex[DIGEST_HEX_SIZE], struct error *err)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[SHA256_DIGEST_LENGTH];
	bool ok = SHA256_Final(bytes, d->context) == 1;

	for (size_t i = 0; ok && i < sizeof(bytes); i++) {
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	hex[ok ? DIGEST_HEX_SIZE - 1 : 0] = '\0';
	digest_discard(d);
	return ok || fail(err);
}

void digest_discard(struct digest *d)
{
	free(d->context);
	d->context = NULL;
}

bool digest_of(const void *data, size_t len, char hex[DIGEST_HEX_SIZE],
	       struct error *err)
{
	struct digest d = { 0 };
	bool ok = digest_begin(&d, err) && digest_add(&d, data, len, err) &&
		  digest_end(&d, hex, err);

	digest_discard(&d);
	return ok;
}

const char *digest_version(void)
{
	return OpenSSL_version(OPENSSL_VERSION);
}
