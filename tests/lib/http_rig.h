/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_HTTP_RIG_H
#define TESTS_HTTP_RIG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct buf;
struct http;
struct http_conf;
struct http_resp;

/*
 * http_rig - the HTTP engine, and a server that says exactly what it is told
 * to.  What goes wrong here fails the test.  One at a time.
 */

#define HRIG_REQUESTS_MAX 32
#define HRIG_HEAD_MAX 8192

extern struct http *hrig_http;
extern char hrig_url[64];
extern unsigned hrig_port;

/* What the server has seen: the requests' heads, and the sizes of bodies. */
extern char hrig_seen[HRIG_REQUESTS_MAX][HRIG_HEAD_MAX];
extern size_t hrig_seen_body[HRIG_REQUESTS_MAX];
extern int hrig_n_seen, hrig_n_accepted, hrig_most_open;
/* Of the heads that it has whole, while it serves. */
extern atomic_int hrig_n_heads;
/* It thinks before it answers; it says to nobody that he may continue. */
extern bool hrig_is_slow, hrig_no_continue;
/* An answer goes out in pieces of so many bytes, five times a second. */
extern size_t hrig_drip;

/* The answers, in order; the last one is repeated.  "!" in front: say so and
 * hang up.  more: settings of the engine that are not the usual ones. */
void hrig_begin(const char *const *answers, int n,
    const struct http_conf *more);
#define HRIG_BEGIN(answers, more) \
	hrig_begin(answers, sizeof(answers) / sizeof((answers)[0]), more)
void hrig_end(void);
/* The server alone. */
void hrig_server_end(void);

/* http_do of a GET. */
int hrig_get(struct buf *out, struct http_resp *a);

#define HRIG_OK(len, body) \
	"HTTP/1.1 200 OK\r\nContent-Length: " len "\r\n\r\n" body

#endif
