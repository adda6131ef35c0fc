/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/http_priv.h"

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "net/http_value.h"
#include "util/clock.h"

/* http_peer - who answers: the TLS that was agreed on, who vouches for the
 * certificate, what time it is there. */

static void
issuer_text(const X509 *cert, char out[static 160])
{
	BIO *b = BIO_new(BIO_s_mem());
	int n = 0;

	/* Controls are escaped, other languages are not. */
	if (b && cert && X509_NAME_print_ex(b, X509_get_issuer_name(cert), 0,
	    XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0)
		n = BIO_read(b, out, 159);
	out[n > 0 ? n : 0] = '\0';
	(void)BIO_free(b);
}

void
http_peer_tls(struct http_call *c)
{
	struct http *h = c->h;
	struct curl_tlssessioninfo *t = NULL;
	struct http_peer p;
	bool is_known;
	long made = 0;
	const SSL *ssl;

	if (!h->is_tls)
		return;
	mutex_lock(&h->lock);
	is_known = h->peer.tls[0] != '\0';
	mutex_unlock(&h->lock);
	(void)curl_easy_getinfo(c->easy, CURLINFO_NUM_CONNECTS, &made);
	if (is_known && made == 0)
		return;
	/* Another library's session is nothing that we can read. */
	if (curl_easy_getinfo(c->easy, CURLINFO_TLS_SSL_PTR, &t) ||
	    !t || t->backend != CURLSSLBACKEND_OPENSSL || !t->internals)
		return;
	ssl = t->internals;
	(void)snprintf(p.tls, sizeof(p.tls), "%s", SSL_get_version(ssl));
	(void)snprintf(p.cipher, sizeof(p.cipher), "%s",
	    SSL_CIPHER_get_name(SSL_get_current_cipher(ssl)));
	issuer_text(SSL_get0_peer_certificate(ssl), p.issuer);
	mutex_lock(&h->lock);
	memcpy(h->peer.tls, p.tls, sizeof(p.tls));
	memcpy(h->peer.cipher, p.cipher, sizeof(p.cipher));
	memcpy(h->peer.issuer, p.issuer, sizeof(p.issuer));
	mutex_unlock(&h->lock);
}

void
http_peer_date(struct http_call *c, const char *date)
{
	struct http *h = c->h;
	int64_t theirs;

	if (http_date(date, &theirs) < 0)
		return;
	mutex_lock(&h->lock);
	h->peer.has_clock = true;
	h->peer.clock_s = theirs - clock_real_ns() / 1000000000;
	mutex_unlock(&h->lock);
}

void
http_get_peer(struct http *h, struct http_peer *ret)
{
	mutex_lock(&h->lock);
	*ret = h->peer;
	mutex_unlock(&h->lock);
}
