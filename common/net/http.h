/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

/*
 * http - requests to one server, from any number of threads.
 *
 * One thread drives one curl multi handle; a caller blocks in http_do until
 * its request is answered, refused or interrupted.  Connections are kept;
 * certificates are always verified; credentials go to that one server only,
 * and in a form that a listener can read only if the configuration says so.
 * It knows status codes and lengths, not what a request is for.
 *
 * Results of http_do:
 *	0		there is an answer: look at its status
 *	-EHOSTUNREACH	not reached, or a read was cut: no effect
 *	-ETIMEDOUT	a read had no answer in time; a write was sent and
 *			nobody knows
 *	-EPROTO		the answer makes no sense, or leads elsewhere
 *	-EACCES		the credentials have been refused, and the server was
 *			not asked again
 *	-EFBIG		the body is larger than the caller's buffer allows
 *	-ERANGE		the object is shorter than the range asked for
 *	-ECANCELED	interrupted, or the request's own cut_after
 */
struct http;

#define HTTP_CONNECT_MS 10000
#define HTTP_CONNECTIONS_MAX 64
/* A server without ranges sends the whole object; more than this is not
 * worth the part of it that was asked for. */
#define HTTP_WHOLE_MAX (64u << 20)

/* Strings are borrowed during http_new only. */
struct http_conf {
	const char *host;	/* for messages and for what is loopback */
	bool is_tls;
	const char *user;	/* NULL: no credentials */
	const char *password;	/* NULL: empty */
	const char *ca_file;	/* more certificates to trust; NULL: none */
	const char *pin;	/* "sha256//BASE64"; NULL: none */
	bool is_insecure_http;	/* the password may travel in clear */
	unsigned connections;	/* and requests at once; 0: 8 */
	unsigned timeout_s;	/* without progress, or twice as long with
				 * next to none; 0: 30 */
};

/* A header of the answer to keep: its value, "" if there is none or it is
 * too long for cap bytes. */
struct http_want {
	const char *name;
	char *value;
	size_t cap;
};

/* All is borrowed until http_do returns. */
struct http_req {
	const char *method;
	const char *url;
	const char *const *headers;	/* "Name: value", NULL ends; or NULL */
	const void *body;		/* NULL: none */
	size_t body_len;
	bool is_write;			/* it changes something over there */
	bool is_range;			/* bytes off..off+len-1, len not 0 */
	uint64_t range_off;
	size_t range_len;
	int body_status;		/* with this status ... */
	struct buf *out;		/* ... the body is appended here */
	struct buf *other;		/* the body with any other status, as
					 * far as it fits; or NULL */
	const struct http_want *want;	/* a NULL name ends; or NULL */
	size_t cut_after;		/* break off after so many bytes of
					 * the body, as a crash would; 0: no */
};

struct http_resp {
	int status;		/* 0: no answer */
	int64_t length;		/* Content-Length; -1: not said */
	int64_t retry_after_ms;	/* -1: not said */
	bool is_html;		/* says that it is a page for people */
	bool is_resent;		/* the body went out more than once */
	char msg[256];		/* if it failed: why, for people */
};

/* Who answered last, as far as it can be told. */
struct http_peer {
	char tls[16];		/* "TLSv1.3"; "": no answer over TLS yet */
	char cipher[48];
	char issuer[160];	/* of its certificate: "CN=...,O=...,C=..." */
	bool has_clock;
	int64_t clock_s;	/* its clock less ours */
};

/* Does not touch the network.  The message of e is for people. */
int http_new(const struct http_conf *conf, struct http **ret, struct err *e);
/* Ends what is under way; no caller may be inside.  NULL is ignored. */
void http_free(struct http *h);
/* ret is always filled.  On failure q->out is unchanged. */
int http_do(struct http *h, const struct http_req *q, struct http_resp *ret);
/* All calls, present and coming, end with -ECANCELED until it is off.  Also
 * forgets the connections: after a suspend they are dead. */
void http_interrupt(struct http *h, bool on);
void http_get_peer(struct http *h, struct http_peer *ret);
/* The credentials have been refused (401): from then on nothing is asked. */
bool http_is_refused(struct http *h);

#endif
