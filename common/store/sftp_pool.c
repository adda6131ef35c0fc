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

/* Of an opening, what others wait for at most beyond what it should take: a
 * resolver has its own idea of time. */
#define OPEN_MORE_MS 5000

/* For so long there are no more connections than the server let in. */
#define FEW_MS 60000
/* And for so long if it refused who we are: hosts shut out who is refused
 * often, within ten minutes or a day. */
#define FEW_REFUSED_MS (6 * 3600 * 1000)

void
sftp_say(struct sftp_conn *c, const char *fmt, ...)
{
	struct sftp *s = c->store;
	char msg[sizeof(s->hint.msg)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	mutex_lock(&s->lock);
	memcpy(s->hint.msg, msg, sizeof(msg));
	mutex_unlock(&s->lock);
	c->is_told = true;
}

/* What a call's end means to those above, and is said to people. */
static int
verdict(struct sftp_conn *c, int r)
{
	const char *host = c->store->host;

	if (r == -EOPNOTSUPP)
		r = -EPROTO;
	if (r == -EIO)
		r = -EHOSTUNREACH;
	if (c->is_told || (r != -EACCES && r != -EPROTO && !store_transient(r)))
		return r;
	if (r == -EACCES)
		sftp_say(c, "%.80s does not allow it: check the rights of "
		    "'%.60s' on the folder", host, c->store->user);
	else if (r == -EPROTO)
		sftp_say(c, "%.80s gave an answer that makes no sense",
		    host);
	else if (c->is_late)
		sftp_say(c, "%.80s gave no answer in time", host);
	else if (c->is_broken)
		sftp_say(c, "the connection to %.80s broke", host);
	else
		sftp_say(c, "%.80s is in trouble and does not say why",
		    host);
	return r;
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
	sftp_begin(c);
	return c;
}

/* How the opening went, for all who wait for it. */
static void
opened(struct sftp_conn *c, int r)
{
	struct sftp *s = c->store;

	mutex_lock(&s->lock);
	if (r == 0) {
		c->is_ready = true;
		s->nready++;
	} else {
		s->opens_failed++;
		s->open_result = r;
	}
	/* Hosts shut out who tries too often: for good.  But those that were
	 * let in before go on. */
	if (r == -EACCES && s->nready == 0)
		s->hint.is_refused = true;
	/* Many servers let in so many at once and no more. */
	if ((r == -EHOSTUNREACH || r == -EACCES) && s->nready > 0) {
		s->few = s->nready;
		s->few_until_ms = clock_mono_ms() + (r == -EACCES ?
		    FEW_REFUSED_MS : FEW_MS);
	}
	if (c->is_first)
		s->is_opening = false;
	cond_broadcast(&s->changed);
	mutex_unlock(&s->lock);
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
	if (r == 0) {
		r = sftp_hello(c);
		if (r == -EPROTO)
			sftp_say(c, "%.80s gives answers that are not "
			    "SFTP: does a shell print a greeting there?",
			    s->host);
	}
	if (r == -ETIMEDOUT)
		r = -EHOSTUNREACH;	/* nothing was asked for yet */
	if (r < 0 && r != -ENOMEM && !c->is_told)
		sftp_say(c, "%s", msg[0] ? msg : N_("the server gives no "
		    "answer to SFTP"));
	opened(c, r);
	return r;
}

/* Out of the list. */
static void
conn_unlink_locked(struct sftp *s, struct sftp_conn *c) REQUIRES(s->lock)
{
	LIST_REMOVE(c, entry);
	s->nconns--;
	s->nready -= c->is_ready;
}

/* Before any is let in one caller tries: hosts shut out who is refused many
 * times at once. */
static bool
may_open_locked(const struct sftp *s) REQUIRES(s->lock)
{
	unsigned max = s->conns_max;

	if (s->nready == 0)
		return !s->is_opening && s->nconns < max;
	if (s->few < max && clock_mono_ms() < s->few_until_ms)
		max = s->few;
	return s->nconns < max;
}

/* Until something changes.  While nobody has been let in, whoever tries is
 * not waited for longer than that may take; *until is when, 0: not known. */
static int
take_wait_locked(struct sftp *s, int64_t *until) REQUIRES(s->lock)
{
	if (s->nready > 0) {
		*until = 0;
		cond_wait(&s->changed, &s->lock);
		return 0;
	}
	if (*until == 0)
		*until = clock_mono_ms() + SFTP_CONNECT_MS + OPEN_MORE_MS +
		    (int64_t)s->timeout_s * 1000;
	return cond_wait_until(&s->changed, &s->lock, *until) ? 0 :
	    -EHOSTUNREACH;
}

/* A connection that is free, or a new one that is to be opened. */
static int
take(struct sftp *s, struct sftp_conn **ret)
{
	int64_t until = 0;
	unsigned failed;
	struct sftp_conn *c;
	int r = 0;

	mutex_lock(&s->lock);
	failed = s->opens_failed;
	for (;;) {
		LIST_FOREACH(c, &s->conns, entry) {
			if (!c->is_used)
				break;
		}
		if (s->is_interrupted)
			r = -ECANCELED;
		else if (!c && s->hint.is_refused)
			r = -EACCES;
		else if (!c && s->nready == 0 && failed != s->opens_failed)
			r = s->open_result;	/* for us as well */
		if (r < 0 || c || may_open_locked(s))
			break;
		r = take_wait_locked(s, &until);
		if (r < 0)
			break;
	}
	if (r == 0 && c) {
		c->is_used = true;
	} else if (r == 0) {
		c = conn_new(s);
		if (c) {
			LIST_INSERT_HEAD(&s->conns, c, entry);
			s->nconns++;
			c->is_first = s->nready == 0;
			s->is_opening = s->is_opening || c->is_first;
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
	if (is_dead)
		conn_unlink_locked(s, c);
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

/* Others were let in: one of those will do. */
static bool
has_others(struct sftp *s)
{
	bool has;

	mutex_lock(&s->lock);
	has = s->nready > 0;
	mutex_unlock(&s->lock);
	return has;
}

int
sftp_run(struct sftp *s, int (*fn)(struct sftp_conn *c, void *arg),
    void *arg)
{
	uint64_t epoch = epoch_of(s);
	struct sftp_conn *c = NULL;
	bool is_again;
	int r;

	do {
		r = take(s, &c);
		if (r < 0)
			return r;
		c->is_told = false;
		is_again = false;
		r = c->link ? 0 : conn_open(c);
		if (r == 0) {
			sftp_begin(c);
			r = fn(c, arg);
			/* Servers close what is idle: so it was, perhaps. */
			is_again = r == -EHOSTUNREACH && c->is_broken &&
			    c->is_old;
			r = verdict(c, r);
		} else if (r == -EHOSTUNREACH || r == -EACCES) {
			is_again = has_others(s);
		}
		give(c);
		if (epoch != epoch_of(s))
			return r == 0 ? 0 : -ECANCELED;
	} while (is_again);
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
	for (c = LIST_FIRST(&s->conns); on && c; c = next) {
		next = LIST_NEXT(c, entry);
		if (c->is_used && c->break_fd >= 0)
			(void)shutdown(c->break_fd, SHUT_RDWR);
		if (c->is_used)
			continue;
		/* After a suspend it would be dead. */
		conn_unlink_locked(s, c);
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
