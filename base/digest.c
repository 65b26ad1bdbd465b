/* digest.c - SHA-256 by libcrypto */
#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

enum { DIGEST_SIZE = (DIGEST_HEX_SIZE - 1) / 2 };

/* The library fails for want of memory only, or if it is not whole. */
static bool fail(struct error *err)
{
	return error_set(err, ERROR_MEMORY, ERROR_NO_OFFSET,
			 "libcrypto cannot compute SHA-256");
}

bool digest_begin(struct digest *d, struct error *err)
{
	/* Without the system's settings, which take longer than the sum. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	if (!d->context)
		d->context = EVP_MD_CTX_new();
	return (d->context &&
		EVP_DigestInit_ex(d->context, EVP_sha256(), NULL) == 1) ||
	       fail(err);
}

bool digest_add(struct digest *d, const void *data, size_t len,
		struct error *err)
{
	return EVP_DigestUpdate(d->context, data, len) == 1 || fail(err);
}

bool digest_end(struct digest *d, char hex[DIGEST_HEX_SIZE], struct error *err)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[DIGEST_SIZE];
	bool ok = EVP_DigestFinal_ex(d->context, bytes, NULL) == 1;

	for (size_t i = 0; ok && i < DIGEST_SIZE; i++) {
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	hex[ok ? DIGEST_HEX_SIZE - 1 : 0] = '\0';
	digest_discard(d);
	return ok || fail(err);
}

void digest_discard(struct digest *d)
{
	EVP_MD_CTX_free(d->context);
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
