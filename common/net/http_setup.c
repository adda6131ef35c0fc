/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/http_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/url.h"
#include "util/buf.h"
#include "util/err.h"
#include "util/file.h"

#define CA_MAX (8u << 20)
/* libcurl makes and frees it with every transfer: it is to stay in the cache
 * of a processor, and below what malloc has the kernel map anew each time.
 * Uploads have libcurl's own, which is as large. */
#define BODY_BUFFER (64L << 10)
/* Not every server answers an Expect; this is what each upload loses to one
 * that does not. */
#define EXPECT_MS 300L

/* curl's list of certificates is replaced by what it is given, so "these
 * too" means both in one text. */
int
http_ca_load(struct http *h, const char *file, struct err *e)
{
	struct buf b = BUF_INIT(CA_MAX);
	curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);
	int r;

	r = file_read(file, &b);
	if (r < 0) {
		(void)err_wrap(e, err_set(e, r, "%s", strerror(-r)),
		    "cannot read the certificates in '%s'", file);
		goto out;
	}
	if (!memmem(b.data, b.len, "-----BEGIN CERTIFICATE", 22)) {
		r = err_set(e, -EINVAL, "there is no certificate (PEM) in "
		    "'%s'", file);
		goto out;
	}
	(void)buf_put_u8(&b, '\n');
	/* Without the system's own list ours alone is trusted. */
	if (v->age >= CURLVERSION_SEVENTH && v->cainfo)
		(void)file_read(v->cainfo, &b);
	r = b.err;
	if (r < 0)
		goto out;
	h->ca_pem = malloc(b.len);
	if (!h->ca_pem) {
		r = err_set(e, -ENOMEM, "out of memory");
		goto out;
	}
	memcpy(h->ca_pem, b.data, b.len);
	h->ca_len = b.len;
out:
	buf_done(&b);
	return r;
}

#define SET(opt, v) (ok = ok && curl_easy_setopt(x, opt, v) == CURLE_OK)

/* What is the same for every request of this engine. */
static bool
setup_once(struct http *h, CURL *x)
{
	struct curl_blob ca = { h->ca_pem, h->ca_len, CURL_BLOB_NOCOPY };
	bool ok = true;

	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_NOPROGRESS, 1L);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_UNRESTRICTED_AUTH, 0L);
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
#if LIBCURL_VERSION_NUM >= 0x075500
	SET(CURLOPT_PROTOCOLS_STR, h->is_tls ? "https" : "http");
#else
	SET(CURLOPT_PROTOCOLS, h->is_tls ? (long)CURLPROTO_HTTPS :
	    (long)CURLPROTO_HTTP);
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
	/* Do not wait for a name server when told to stop. */
	SET(CURLOPT_QUICK_EXIT, 1L);
#endif
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	if (h->ca_pem)
		SET(CURLOPT_CAINFO_BLOB, &ca);
	if (h->pin)
		SET(CURLOPT_PINNEDPUBLICKEY, h->pin);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(h->timeout_ms < HTTP_CONNECT_MS ?
	    h->timeout_ms : HTTP_CONNECT_MS));
	SET(CURLOPT_EXPECT_100_TIMEOUT_MS, EXPECT_MS);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_BUFFERSIZE, BODY_BUFFER);
	SET(CURLOPT_USERAGENT, "coffre/" VERSION);
	/* What goes in clear because it does not leave this machine is not
	 * given to a proxy. */
	if (url_is_loopback(h->host))
		SET(CURLOPT_PROXY, "");
	SET(CURLOPT_OPENSOCKETFUNCTION, http_on_socket);
	SET(CURLOPT_OPENSOCKETDATA, h);
	SET(CURLOPT_CLOSESOCKETFUNCTION, http_on_close);
	SET(CURLOPT_CLOSESOCKETDATA, h);
	SET(CURLOPT_HEADERFUNCTION, http_on_header);
	SET(CURLOPT_WRITEFUNCTION, http_on_body);
	SET(CURLOPT_READFUNCTION, http_on_read);
	SET(CURLOPT_SEEKFUNCTION, http_on_seek);
	return ok;
}

/* What differs.  Every option is set each time: the handle served another
 * request before (it is not reset, so that it keeps the nonce of digest
 * authentication). */
static bool
setup_call(struct http *h, CURL *x, struct http_call *c) REQUIRES(h->lock)
{
	const struct http_req *q = c->q;
	bool has_body = q->body || strcmp(q->method, "PUT") == 0, ok = true;
	char range[64];

	/* A server may answer before it has the body, and close the stream:
	 * libcurl then loses the answer if it is HTTP/2 (7.88 does), and a
	 * plain refusal would look like a broken connection. */
	SET(CURLOPT_HTTP_VERSION, has_body ? (long)CURL_HTTP_VERSION_1_1 :
	    (long)CURL_HTTP_VERSION_2TLS);
	SET(CURLOPT_HTTPGET, 1L);
	SET(CURLOPT_NOBODY, 0L);
	SET(CURLOPT_CUSTOMREQUEST, NULL);
	if (has_body) {
		SET(CURLOPT_UPLOAD, 1L);
		SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)q->body_len);
	} else if (strcmp(q->method, "HEAD") == 0) {
		SET(CURLOPT_NOBODY, 1L);
	}
	SET(CURLOPT_CUSTOMREQUEST, q->method);
	if (q->is_range) {
		(void)snprintf(range, sizeof(range), "%llu-%llu",
		    (unsigned long long)q->range_off,
		    (unsigned long long)(q->range_off + q->range_len - 1));
		SET(CURLOPT_RANGE, range);
	} else {
		SET(CURLOPT_RANGE, NULL);
	}
	SET(CURLOPT_URL, q->url);
	SET(CURLOPT_HTTPHEADER, c->headers);
	SET(CURLOPT_HTTPAUTH, h->auth);
	SET(CURLOPT_USERNAME, h->auth ? h->user : NULL);
	SET(CURLOPT_PASSWORD, h->auth ? h->password ? h->password : "" : NULL);
	SET(CURLOPT_HEADERDATA, c);
	SET(CURLOPT_WRITEDATA, c);
	SET(CURLOPT_READDATA, c);
	SET(CURLOPT_SEEKDATA, c);
	SET(CURLOPT_PRIVATE, c);
	SET(CURLOPT_ERRORBUFFER, c->error);
	return ok;
}

int
http_easy_take(struct http *h, struct http_call *c)
{
	struct http_easy *e = SLIST_FIRST(&h->pool);
	CURL *x = NULL;

	if (e) {
		SLIST_REMOVE_HEAD(&h->pool, link);
		h->npool--;
		x = e->easy;
		free(e);
	} else {
		x = curl_easy_init();
		if (x && !setup_once(h, x)) {
			curl_easy_cleanup(x);
			x = NULL;
		}
	}
	if (!x)
		return -ENOMEM;
	if (!setup_call(h, x, c)) {
		curl_easy_cleanup(x);
		return -ENOMEM;
	}
	c->easy = x;
	c->auth = h->auth;
	return 0;
}

void
http_easy_give(struct http *h, CURL *x)
{
	struct http_easy *e;

	/* Each keeps its buffers: no more of them than can be in use. */
	e = h->npool < h->connections ? malloc(sizeof(*e)) : NULL;
	if (!e) {
		curl_easy_cleanup(x);
		return;
	}
	/* It must not remember what is about to leave the caller's stack. */
	(void)curl_easy_setopt(x, CURLOPT_ERRORBUFFER, NULL);
	(void)curl_easy_setopt(x, CURLOPT_HTTPHEADER, NULL);
	(void)curl_easy_setopt(x, CURLOPT_HEADERDATA, NULL);
	(void)curl_easy_setopt(x, CURLOPT_PRIVATE, NULL);
	e->easy = x;
	SLIST_INSERT_HEAD(&h->pool, e, link);
	h->npool++;
}

void
http_easy_free_all(struct http *h)
{
	struct http_easy *e;

	while ((e = SLIST_FIRST(&h->pool)) != NULL) {
		SLIST_REMOVE_HEAD(&h->pool, link);
		curl_easy_cleanup(e->easy);
		free(e);
	}
}
