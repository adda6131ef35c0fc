/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/crypto.h"

#include <errno.h>

#include <openssl/err.h>
#include <openssl/evp.h>

/* legacy - MD5 as a checksum of what goes over a wire, HMAC-SHA1 for the
 * second version of S3's signatures. */

int
md5(const void *p, size_t len, uint8_t out[static MD5_LEN])
{
	size_t n = 0;

	if (EVP_Q_digest(NULL, "MD5", NULL, p, len, out, &n) != 1 ||
	    n != MD5_LEN) {
		ERR_clear_error();
		return -EIO;
	}
	return 0;
}

int
hmac_sha1(const void *key, size_t key_len, const void *p, size_t len,
    uint8_t out[static SHA1_LEN])
{
	size_t n = 0;

	if (!EVP_Q_mac(NULL, "HMAC", NULL, "SHA1", NULL, key, key_len, p, len,
	    out, SHA1_LEN, &n) || n != SHA1_LEN) {
		ERR_clear_error();
		return -EIO;
	}
	return 0;
}
