/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CRYPTO_CRYPTO_H
#define CRYPTO_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * crypto - the few primitives, all of them OpenSSL's (EVP only), in the forms
 * this project uses.  Any thread may call; contexts are kept per thread and
 * reused.  Results: 0 or -EBADMSG (does not verify), -EIO (the library
 * failed: no randomness, out of memory), -ENOMEM.
 */

/* Call once before anything else; -EIO if a primitive is missing. */
int crypto_init(void);

/* Fill with random bytes.  Never returns without them: a machine that cannot
 * give any aborts the process rather than writing a weak key. */
void crypto_random(void *out, size_t len);
uint64_t crypto_random_u64(void);
/* Equal, in time that depends on len only. */
bool crypto_equal(const void *a, const void *b, size_t len);
void crypto_wipe(void *p, size_t len);
/* Locked, not dumped, wiped on free; NULL if out of memory. */
void *crypto_secret_alloc(size_t len);
void crypto_secret_free(void *p);

/* ---- hashes ---- */
#define SHA256_LEN 32
void sha256(const void *p, size_t len, uint8_t out[static SHA256_LEN]);
struct sha256;			/* streaming */
struct sha256 *sha256_new(void);
void sha256_add(struct sha256 *h, const void *p, size_t len);
/* Gives the hash and frees h. */
void sha256_end(struct sha256 *h, uint8_t out[static SHA256_LEN]);
void hmac_sha256(const uint8_t *key, size_t key_len, const void *p,
    size_t len, uint8_t out[static SHA256_LEN]);
/* RFC 5869.  info is a label of a closed list (see the callers). */
int hkdf_sha256(const void *ikm, size_t ikm_len, const void *salt,
    size_t salt_len, const void *info, size_t info_len, uint8_t *out,
    size_t out_len);
/* RFC 7914.  -ERANGE outside 2^14 <= n <= 2^20 (a power of two), r == 8,
 * p == 1: bounds are checked before anything is computed. */
int scrypt_kdf(const void *pass, size_t pass_len, const void *salt,
    size_t salt_len, uint64_t n, uint32_t r, uint32_t p, uint8_t *out,
    size_t out_len);

/* ---- what old protocols of stores want; nothing of ours rests on them.
 * -EIO where the library does not have them (FIPS) ---- */
#define MD5_LEN 16
#define SHA1_LEN 20
int md5(const void *p, size_t len, uint8_t out[static MD5_LEN]);
int hmac_sha1(const void *key, size_t key_len, const void *p, size_t len,
    uint8_t out[static SHA1_LEN]);

/* ---- keyed hash for look-ups (128 bits; AES-CMAC or SipHash) ---- */
struct prf;
int prf_new(const uint8_t key[static 32], struct prf **ret);
void prf_eval(const struct prf *f, uint64_t a, const void *p, size_t len,
    uint8_t out[static 16]);
void prf_free(struct prf *f);

/* ---- XAES-256-GCM (C2SP), 24-byte nonces ---- */
#define AEAD_KEY_LEN 32
#define AEAD_NONCE_LEN 24
#define AEAD_TAG_LEN 16
#define AEAD_OVERHEAD (AEAD_NONCE_LEN + AEAD_TAG_LEN)
struct aead;
int aead_new(const uint8_t key[static AEAD_KEY_LEN], struct aead **ret);
void aead_free(struct aead *a);
/* in and out may be the same or must not overlap. */
int aead_seal(const struct aead *a, const uint8_t nonce[static 24],
    const void *aad, size_t aad_len, const void *in, size_t len, void *out,
    uint8_t tag[static 16]);
/* On -EBADMSG out is wiped. */
int aead_open(const struct aead *a, const uint8_t nonce[static 24],
    const void *aad, size_t aad_len, const void *in, size_t len,
    const uint8_t tag[static 16], void *out);
/*
 * A sealed message in parts of AEAD_PART bytes, so that a few bytes of a long
 * one can be had for less than all of it.  Sums are GMAC (SP 800-38D) of the
 * parts' ciphertext under a key that is made from the message's nonce as
 * XAES-256-GCM makes the message's own, with another label; they are of use
 * to who has the key only, and bound to the message and the place in it.
 */
#define AEAD_PART 4096
#define AEAD_PARTS(len) (((len) + AEAD_PART - 1) / AEAD_PART)
#define AEAD_PARTS_MAX 32	/* opened in one call */
/* One for each part. */
int aead_part_sums(const struct aead *a, const uint8_t nonce[static 24],
    const uint8_t *in, size_t len, uint8_t (*sums)[16]);
/* len bytes from the beginning of part n on; the last part may be cut short
 * only where the message ends.  -EBADMSG: not what the sums are of; out is
 * wiped. */
int aead_part_open(const struct aead *a, const uint8_t nonce[static 24],
    size_t n, const uint8_t *in, size_t len, const uint8_t (*sums)[16],
    uint8_t *out);
/* nonce | ciphertext | tag with a fresh random nonce: len + AEAD_OVERHEAD. */
int aead_seal_box(const struct aead *a, const void *aad, size_t aad_len,
    const void *in, size_t len, uint8_t *out);
/* box_len is that of the box; out has box_len - AEAD_OVERHEAD bytes. */
int aead_open_box(const struct aead *a, const void *aad, size_t aad_len,
    const uint8_t *box, size_t box_len, void *out);

/* ---- Ed25519 (RFC 8032), X25519 (RFC 7748) ---- */
int sign_public(const uint8_t seed[static 32], uint8_t pub[static 32]);
/* Signs label | 0x00 | p: the label keeps purposes apart. */
int sign_make(const uint8_t seed[static 32], const char *label,
    const void *p, size_t len, uint8_t sig[static 64]);
int sign_check(const uint8_t pub[static 32], const char *label,
    const void *p, size_t len, const uint8_t sig[static 64]);
int dh_public(const uint8_t secret[static 32], uint8_t pub[static 32]);

/* Wrap a secret for the holder of an X25519 key: ephemeral key,
 * HKDF-SHA256 over the whole transcript (both public keys and context),
 * AES-256-GCM with a key used once. */
#define WRAP_OVERHEAD (32 + 16)
int wrap_seal(const uint8_t to_pub[static 32], const void *context,
    size_t context_len, const void *secret, size_t len, uint8_t *out);
int wrap_open(const uint8_t secret_key[static 32], const void *context,
    size_t context_len, const uint8_t *box, size_t box_len, void *out);

/* ---- local keystore: secrets under a passphrase (file form, see
 * DESIGN.md in crypto/) ---- */
struct buf;
#define KEYSTORE_MAX 16384
/* n: scrypt cost, 0 for 2^17. */
int keystore_seal(const void *pass, size_t pass_len, uint64_t n,
    const void *secret, size_t len, struct buf *out);
/* -EKEYREJECTED: wrong passphrase (or a changed file); -EPROTO: not a
 * keystore.  Appends to out: use buf_wipe. */
int keystore_open(const void *pass, size_t pass_len, const void *p,
    size_t len, struct buf *out);

/* ---- slots: the same secret once more, under a random key that a keyring
 * holds.  A slot belongs to one passphrase file (its bytes are ks): with that
 * sealed anew, for another passphrase say, it opens nothing ---- */
#define SLOT_KEY_LEN 32
#define SLOT_ID_LEN 16
#define SLOT_MAX (KEYSTORE_MAX + 64)
enum slot_kind {
	SLOT_KEYRING = 1,	/* its key is in the desktop's keyring */
	SLOT_SESSION = 2,	/* in the kernel's, for a while */
};
/* -EPROTO: ks is no keystore.  Appends to out. */
int slot_seal(enum slot_kind kind, const uint8_t key[static SLOT_KEY_LEN],
    const uint8_t id[static SLOT_ID_LEN], const void *ks, size_t ks_len,
    const void *secret, size_t len, struct buf *out);
/* -EKEYREJECTED: another key, another keystore, or a changed file; -EPROTO:
 * no slot of that kind.  Appends to out: use buf_wipe. */
int slot_open(enum slot_kind kind, const uint8_t key[static SLOT_KEY_LEN],
    const void *ks, size_t ks_len, const void *p, size_t len,
    struct buf *out);
/* What its key is called where that is kept; -EPROTO: no slot. */
int slot_id(enum slot_kind kind, const void *p, size_t len,
    uint8_t ret[static SLOT_ID_LEN]);

#endif
