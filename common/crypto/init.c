/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/crypto.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "crypto/internal.h"

/* Set once by algs_fetch and never changed again. */
static struct crypto_algs algs;
static pthread_key_t thread_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local struct crypto_thread *mine;

/* ---- memory ------------------------------------------------------------- */

#define LARGE (16u << 20)	/* scrypt's alone */
#define HUGE_PAGE (2u << 20)

/* In pages of 4 KiB half of scrypt's time is the kernel's and the TLB's. */
static void *
memory_new(size_t n, const char *file, int line)
{
	void *p;

	(void)file;
	(void)line;
	if (n < LARGE)
		return n ? malloc(n) : NULL;
	if (posix_memalign(&p, HUGE_PAGE, n) != 0)
		return NULL;
	(void)madvise(p, n, MADV_HUGEPAGE);
	return p;
}

static void *
memory_again(void *p, size_t n, const char *file, int line)
{
	if (!p)
		return memory_new(n, file, line);
	if (n)
		return realloc(p, n);
	free(p);
	return NULL;
}

static void
memory_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

/* The library takes it before its first allocation only. */
__attribute__((constructor)) static void
memory_set(void)
{
	(void)CRYPTO_set_mem_functions(memory_new, memory_again, memory_free);
}

/* ---- algorithms --------------------------------------------------------- */

static void
thread_free(void *p)
{
	struct crypto_thread *t = p;

	mine = NULL;
	EVP_CIPHER_CTX_free(t->ecb);
	EVP_CIPHER_CTX_free(t->cbc);
	EVP_CIPHER_CTX_free(t->gcm);
	EVP_CIPHER_CTX_free(t->ctr);
	EVP_MD_CTX_free(t->md);
	EVP_MAC_CTX_free(t->hmac);
	free(t);
}

/* Frees the main thread's contexts: keys do not outlive the program's end
 * in memory that a later process might get. */
static void
thread_free_main(void)
{
	struct crypto_thread *t = mine;

	if (!t)
		return;
	(void)pthread_setspecific(thread_key, NULL);
	thread_free(t);
}

static void
algs_fetch(void)
{
	algs.ecb = EVP_CIPHER_fetch(NULL, "AES-256-ECB", NULL);
	algs.cbc = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	algs.gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	algs.ctr = EVP_CIPHER_fetch(NULL, "AES-256-CTR", NULL);
	algs.sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
	algs.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	algs.scrypt = EVP_KDF_fetch(NULL, "SCRYPT", NULL);
	ERR_clear_error();
	if (pthread_key_create(&thread_key, thread_free) != 0)
		abort();
	(void)atexit(thread_free_main);
}

static int
algs_ready(void)
{
	(void)pthread_once(&once, algs_fetch);
	return algs.ecb && algs.cbc && algs.gcm && algs.ctr && algs.sha256 &&
	    algs.hmac && algs.scrypt ? 0 : -EIO;
}

int
crypto_init(void)
{
	uint8_t seed[32] = { 0 }, pub[32];
	int r;

	r = algs_ready();
	/* The two curves are used through keys, not through a fetch. */
	if (r == 0)
		r = sign_public(seed, pub);
	if (r == 0)
		r = dh_public(seed, pub);
	return r;
}

const struct crypto_algs *
crypto_algs(void)
{
	if (algs_ready() < 0)
		abort();
	return &algs;
}

static struct crypto_thread *
thread_new(void)
{
	const struct crypto_algs *a = crypto_algs();
	struct crypto_thread *t;
	OSSL_PARAM p[2];
	char digest[] = "SHA2-256";

	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->ecb = EVP_CIPHER_CTX_new();
	t->cbc = EVP_CIPHER_CTX_new();
	t->gcm = EVP_CIPHER_CTX_new();
	t->ctr = EVP_CIPHER_CTX_new();
	t->md = EVP_MD_CTX_new();
	t->hmac = EVP_MAC_CTX_new(a->hmac);
	p[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
	    digest, 0);
	p[1] = OSSL_PARAM_construct_end();
	if (!t->ecb || !t->cbc || !t->gcm || !t->ctr || !t->md || !t->hmac ||
	    !EVP_MAC_CTX_set_params(t->hmac, p) ||
	    !EVP_EncryptInit_ex2(t->ecb, a->ecb, NULL, NULL, NULL) ||
	    !EVP_EncryptInit_ex2(t->cbc, a->cbc, NULL, NULL, NULL) ||
	    !EVP_EncryptInit_ex2(t->gcm, a->gcm, NULL, NULL, NULL) ||
	    !EVP_EncryptInit_ex2(t->ctr, a->ctr, NULL, NULL, NULL) ||
	    !EVP_CIPHER_CTX_set_padding(t->ecb, 0) ||
	    !EVP_CIPHER_CTX_set_padding(t->cbc, 0)) {
		thread_free(t);
		return NULL;
	}
	return t;
}

struct crypto_thread *
crypto_thread(void)
{
	struct crypto_thread *t = mine;
	unsigned tries = 0;

	if (t)
		return t;
	while (!(t = thread_new()))
		crypto_again(&tries);
	while (pthread_setspecific(thread_key, t) != 0)
		crypto_again(&tries);
	mine = t;
	return t;
}

void
crypto_again(unsigned *tries)
{
	if (++*tries > 1000)
		abort();
	ERR_clear_error();
	(void)poll(NULL, 0, 10);
}

uint64_t
crypto_serial(void)
{
	static atomic_uint_fast64_t last;

	return atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
}

/*
 * Straight from the kernel: a generator in our own memory would give the
 * same bytes twice after a virtual machine is restored from a snapshot, and
 * nonces must not repeat.
 */
void
crypto_random(void *out, size_t len)
{
	uint8_t *p = out;
	ssize_t n;

	while (len > 0) {
		n = getrandom(p, len < 256 ? len : 256, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			abort();
		p += n;
		len -= (size_t)n;
	}
}

uint64_t
crypto_random_u64(void)
{
	uint64_t v;

	crypto_random(&v, sizeof(v));
	return v;
}

bool
crypto_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

void
crypto_wipe(void *p, size_t len)
{
	if (p && len)
		OPENSSL_cleanse(p, len);
}
