/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "store/sftp_priv.h"
#include "util/clock.h"
#include "util/tr.h"

/* sftp_pool - connections: made when a call needs one and all are busy, kept
 * for the next. */

/* After a refusal of the log-in nobody asks for this long; it doubles: hosts
 * shut out who tries too often. */
#define REFUSED_MIN_MS 5000
#define REFUSED_MAX_MS 300000

void
sftp_say(struct sftp *s, const char *fmt, ...)
{
	char msg[sizeof(s->hint.msg)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	mutex_lock(&s->lock);
	memcpy(s->hint.msg, msg, sizeof(msg));
	mutex_unlock(&s->lock);
}

/* An interruption reaches a connection through its socket, by a descriptor
 * of our own: libssh may have closed its own already. */
static void
on_sock(void *arg, int fd)
{
	struct sftp_conn *c = arg;
	struct sftp *s = c->store;
	int dup_fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0), old;
	bool is_late;

	mutex_lock(&s->lock);
	old = c->break_fd;
	c->break_fd = dup_fd;
	is_late = s->is_interrupted;
	mutex_unlock(&s->lock);
	if (old >= 0)
		(void)close(old);
	if (is_late && fd >= 0)
		(void)shutdown(fd, SHUT_RDWR);
}

/* It is in no list any more. */
static void
conn_free(struct sftp_conn *c)
{
	sftp_link_close(c->link);
	if (c->break_fd >= 0)
		(void)close(c->break_fd);
	buf_done(&c->out);
	buf_done(&c->in);
	free(c);
}

static struct sftp_conn *
conn_new(struct sftp *s)
{
	struct sftp_conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->store = s;
	c->break_fd = -1;
	c->is_used = true;
	buf_init(&c->out, SFTP_PACKET_MAX + 4);
	buf_init(&c->in, SFTP_PACKET_MAX + 4);
	return c;
}

static int
conn_open(struct sftp_conn *c)
{
	struct sftp *s = c->store;
	struct sftp_link_conf lc = { .host = s->host, .port = s->port,
	    .user = s->user, .password = s->password,
	    .key_file = s->key_file, .pin = s->pin,
	    .hosts_file = s->hosts_file,
	    .deadline_ms = clock_mono_ms() + SFTP_CONNECT_MS };
	char msg[SFTP_MSG_MAX] = "";
	int r;

	r = sftp_sock_new(s->host, s->port, lc.deadline_ms, on_sock, c, msg);
	if (r >= 0) {
		lc.sock = r;
		r = sftp_link_open(&lc, &c->link, msg);
	}
	if (r == 0)
		r = sftp_hello(c);
	if (r == -ETIMEDOUT)
		r = -EHOSTUNREACH;	/* nothing was asked for yet */
	if (r < 0 && r != -ENOMEM)
		sftp_say(s, "%s", msg[0] ? msg : N_("the server gives no "
		    "answer to SFTP"));
	mutex_lock(&s->lock);
	if (r == -EACCES) {
		s->refused_wait_ms = s->refused_wait_ms ?
		    s->refused_wait_ms * 2 : REFUSED_MIN_MS;
		if (s->refused_wait_ms > REFUSED_MAX_MS)
			s->refused_wait_ms = REFUSED_MAX_MS;
		s->refused_until_ms = clock_mono_ms() + s->refused_wait_ms;
	} else if (r == 0) {
		s->refused_wait_ms = 0;
	}
	mutex_unlock(&s->lock);
	return r;
}

/* A connection that is free, or a new one that is to be opened. */
static int
take(struct sftp *s, struct sftp_conn **ret)
{
	struct sftp_conn *c;
	int r = 0;

	mutex_lock(&s->lock);
	for (;;) {
		LIST_FOREACH(c, &s->conns, entry) {
			if (!c->is_used)
				break;
		}
		if (s->is_interrupted)
			r = -ECANCELED;
		else if (!c && clock_mono_ms() < s->refused_until_ms)
			r = -EACCES;
		if (r < 0 || c || s->nconns < s->conns_max)
			break;
		cond_wait(&s->changed, &s->lock);
	}
	if (r == 0 && c) {
		c->is_used = true;
	} else if (r == 0) {
		c = conn_new(s);
		if (c) {
			LIST_INSERT_HEAD(&s->conns, c, entry);
			s->nconns++;
		} else {
			r = -ENOMEM;
		}
	}
	mutex_unlock(&s->lock);
	if (r == 0)
		*ret = c;
	return r;
}

static void
give(struct sftp_conn *c)
{
	struct sftp *s = c->store;
	bool is_dead;

	mutex_lock(&s->lock);
	is_dead = c->is_broken || !c->link || s->is_interrupted;
	c->is_used = false;
	c->is_old = true;
	if (is_dead) {
		LIST_REMOVE(c, entry);
		s->nconns--;
	}
	cond_broadcast(&s->changed);
	mutex_unlock(&s->lock);
	if (is_dead)
		conn_free(c);
}

static uint64_t
epoch_of(struct sftp *s)
{
	uint64_t e;

	mutex_lock(&s->lock);
	e = s->epoch;
	mutex_unlock(&s->lock);
	return e;
}

int
sftp_run(struct sftp *s, int (*fn)(struct sftp_conn *c, void *arg),
    void *arg)
{
	uint64_t epoch = epoch_of(s);
	struct sftp_conn *c;
	bool is_stale;
	int r;

	do {
		r = take(s, &c);
		if (r < 0)
			return r;
		is_stale = false;
		r = c->link ? 0 : conn_open(c);
		if (r == 0) {
			c->in_used = 0;
			buf_reset(&c->in);
			r = fn(c, arg);
			/* Servers close what is idle: so it was, perhaps. */
			is_stale = r == -EHOSTUNREACH && c->is_broken &&
			    c->is_old;
			if (r < 0 && c->is_broken && r != -EPROTO)
				sftp_say(s, "the connection to %s broke",
				    s->host);
		}
		give(c);
		if (epoch != epoch_of(s))
			return r == 0 ? 0 : -ECANCELED;
	} while (is_stale);
	return r;
}

void
sftp_interrupt(struct store *st, bool on)
{
	LIST_HEAD(, sftp_conn) idle = LIST_HEAD_INITIALIZER(idle);
	struct sftp *s = (struct sftp *)st;
	struct sftp_conn *c, *next;

	mutex_lock(&s->lock);
	s->is_interrupted = on;
	s->epoch += on;
	s->refused_until_ms = 0;
	for (c = LIST_FIRST(&s->conns); on && c; c = next) {
		next = LIST_NEXT(c, entry);
		if (c->is_used && c->break_fd >= 0)
			(void)shutdown(c->break_fd, SHUT_RDWR);
		if (c->is_used)
			continue;
		/* After a suspend it would be dead. */
		LIST_REMOVE(c, entry);
		s->nconns--;
		LIST_INSERT_HEAD(&idle, c, entry);
	}
	cond_broadcast(&s->changed);
	mutex_unlock(&s->lock);
	while ((c = LIST_FIRST(&idle)) != NULL) {
		LIST_REMOVE(c, entry);
		conn_free(c);
	}
}

void
sftp_conns_close(struct sftp *s) NO_TSA	/* nobody else is here */
{
	struct sftp_conn *c;

	while ((c = LIST_FIRST(&s->conns)) != NULL) {
		LIST_REMOVE(c, entry);
		conn_free(c);
	}
}
