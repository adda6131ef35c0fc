/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef NET_HTTP_PRIV_H
#define NET_HTTP_PRIV_H

#include <curl/curl.h>
#include <pthread.h>
#include <sys/queue.h>

#include "net/http.h"
#include "util/thread.h"

/* http_priv - shared by http.c (the engine), http_call.c (one request),
 * http_body.c (its answer's body), http_peer.c (who answers) and http_setup.c
 * (curl's options). */

#define HTTP_SOCKETS_MAX (4 * HTTP_CONNECTIONS_MAX)

enum call_state {
	CALL_QUEUED,		/* in h->queue; the caller waits */
	CALL_ACTIVE,		/* in the multi handle */
	CALL_DONE,		/* the engine has let go of it */
};

/*
 * A request under way, on its caller's stack.  The engine owns it between
 * CALL_QUEUED and CALL_DONE; only the state is looked at by both, under
 * h->lock.
 */
struct http_call {
	TAILQ_ENTRY(http_call) link;
	struct http *h;
	const struct http_req *q;
	struct http_resp *resp;
	CURL *easy;
	struct curl_slist *headers;
	struct cond done;	/* signalled by the engine: CALL_DONE */
	enum call_state state;
	unsigned epoch;
	unsigned long auth;	/* what it was sent with */
	CURLcode rc;
	bool is_canceled;	/* by http_interrupt */
	bool is_late;		/* no progress, or too slow */

	/* Progress, as last seen by the engine. */
	int64_t progress_ms;
	curl_off_t mark;	/* bytes in both directions */
	int unsent;		/* bytes in the socket's buffer */
	int64_t spare_ms;	/* how long it may still move nothing */
	int64_t checked_ms;
	curl_off_t moved;	/* bytes of the bodies that got across */

	/* The two bodies. */
	size_t sent;		/* of q->body */
	size_t start;		/* length of q->out before us */
	uint64_t seen;		/* bytes of the answer's body */
	bool is_begun;		/* the status line has been judged */
	bool is_whole;		/* all of it came for a part */
	bool is_wanted;		/* the body is what was asked for */
	int fail;		/* why we broke it off; 0: we did not */
	char first[16];		/* how the answer's body begins */
	char content_range[80];
	char retry_after[80];
	int64_t date_s;		/* of the answer; 0: not said */
	char error[CURL_ERROR_SIZE];
};

TAILQ_HEAD(http_queue, http_call);
SLIST_HEAD(http_pool, http_easy);

struct http_easy {
	SLIST_ENTRY(http_easy) link;
	CURL *easy;
};

struct http {
	struct mutex lock;
	struct http_queue queue GUARDED_BY(lock);
	struct http_pool pool GUARDED_BY(lock);	/* handles not in use */
	bool is_stopping GUARDED_BY(lock);
	bool is_interrupted GUARDED_BY(lock);
	unsigned epoch GUARDED_BY(lock);	/* number of interruptions */
	unsigned npool GUARDED_BY(lock);
	/* Replaced by the engine, under lock; used by the engine without and
	 * by others with it. */
	CURLM *multi;
	unsigned long auth GUARDED_BY(lock);	/* CURLAUTH_ bit; 0: none */
	bool is_refused GUARDED_BY(lock);	/* a 401, for good */
	struct http_peer peer GUARDED_BY(lock);

	/* The engine's own. */
	struct http_queue active;
	unsigned nactive;
	unsigned seen_epoch;	/* calls of earlier ones have ended */
	int sockets[HTTP_SOCKETS_MAX];
	unsigned nsockets;
	pthread_t thread;
	bool is_started;

	/* Never changed after http_new. */
	char *host, *user, *password, *pin;
	char *ca_pem;		/* the usual certificates and ours */
	size_t ca_len;
	bool is_tls, is_clear_ok;
	unsigned connections;
	int64_t timeout_ms;
};

/* http_setup.c */
/* Take a handle with every option set for c, under h->lock. */
int http_easy_take(struct http *h, struct http_call *c) REQUIRES(h->lock);
void http_easy_give(struct http *h, CURL *easy) REQUIRES(h->lock);
void http_easy_free_all(struct http *h);
/* Read the certificates to trust. */
int http_ca_load(struct http *h, const char *file, struct err *e);

/* http_body.c */
size_t http_on_body(char *p, size_t one, size_t n, void *arg);
/* The transfer is over and well: is the body, too? */
int http_body_end(struct http_call *c);
long http_call_status(struct http_call *c);
void http_say(struct http_resp *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* http_call.c: curl's callbacks, in the engine's thread. */
size_t http_on_header(char *p, size_t one, size_t n, void *arg);
size_t http_on_read(char *p, size_t one, size_t n, void *arg);
int http_on_seek(void *arg, curl_off_t off, int whence);
/* What came of it; in the caller's thread after CALL_DONE. */
int http_call_result(struct http_call *c);

/* http_peer.c: in the engine's thread. */
/* An answer begins: over which TLS? */
void http_peer_tls(struct http_call *c);
/* Its Date. */
void http_peer_date(struct http_call *c, const char *date);

/* http.c */
curl_socket_t http_on_socket(void *arg, curlsocktype purpose,
    struct curl_sockaddr *a);
int http_on_close(void *arg, curl_socket_t fd);
/* Queue it and wait. */
void http_call_run(struct http *h, struct http_call *c);

#endif
