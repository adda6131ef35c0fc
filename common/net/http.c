/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/http_priv.h"

#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/url.h"
#include "util/clock.h"
#include "util/err.h"

/* How often calls under way are looked at for progress, at most. */
#define CHECK_MS 1000
/* Bytes of the bodies a second that a call makes in the long run, or it is
 * late: half of what a line of 2 kB/s has for each of eight calls.  One byte
 * now and then would keep a caller for ever. */
#define RATE_MIN 128
/* So many times the timeout a call may make less: it may have to connect, and
 * then to wait for an answer. */
#define PATIENCE 2

curl_socket_t
http_on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct http *h = arg;
	int fd;

	(void)purpose;
	fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
	if (fd >= 0 && h->nsockets < HTTP_SOCKETS_MAX)
		h->sockets[h->nsockets++] = fd;
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

int
http_on_close(void *arg, curl_socket_t fd)
{
	struct http *h = arg;
	unsigned i;

	for (i = 0; i < h->nsockets; i++)
		if (h->sockets[i] == fd)
			h->sockets[i--] = h->sockets[--h->nsockets];
	return close(fd);
}

/* Bytes that the kernel has not yet got across on c's connection.  A slow
 * line may take longer than our deadline to drain its buffer, and that is
 * progress which curl does not see. */
static int
call_unsent(struct http *h, struct http_call *c)
{
	struct sockaddr_storage sa;
	socklen_t len;
	long port = 0;
	unsigned i;
	int n, mine;

	if (curl_easy_getinfo(c->easy, CURLINFO_LOCAL_PORT, &port) || !port)
		return 0;
	for (i = 0; i < h->nsockets; i++) {
		len = sizeof(sa);
		if (getsockname(h->sockets[i], (struct sockaddr *)&sa,
		    &len) < 0)
			continue;
		/* The port stands at the same place for both families. */
		mine = sa.ss_family == AF_INET || sa.ss_family == AF_INET6 ?
		    ntohs(((struct sockaddr_in *)(void *)&sa)->sin_port) : 0;
		if (mine == port && ioctl(h->sockets[i], SIOCOUTQ, &n) == 0)
			return n;
	}
	return 0;
}

/* Only bodies buy time: not heads, which need not end, nor what stands in our
 * own socket's buffer. */
static bool
call_is_slow(struct http *h, struct http_call *c, curl_off_t moved,
    int64_t now)
{
	int64_t max = PATIENCE * h->timeout_ms;

	c->spare_ms -= now - c->checked_ms;
	c->checked_ms = now;
	if (moved > c->moved)
		c->spare_ms += (moved - c->moved) * 1000 / RATE_MIN;
	c->moved = moved;
	if (c->spare_ms > max)
		c->spare_ms = max;
	return c->spare_ms <= 0;
}

static bool
call_is_late(struct http *h, struct http_call *c, int64_t now)
{
	curl_off_t up = 0, down = 0, mark;
	long head = 0, req = 0;
	int unsent;

	(void)curl_easy_getinfo(c->easy, CURLINFO_SIZE_UPLOAD_T, &up);
	(void)curl_easy_getinfo(c->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
	(void)curl_easy_getinfo(c->easy, CURLINFO_HEADER_SIZE, &head);
	(void)curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &req);
	mark = up + down + head + req;
	unsent = call_unsent(h, c);
	if (mark != c->mark || unsent < c->unsent)
		c->progress_ms = now;
	c->mark = mark;
	c->unsent = unsent;
	return call_is_slow(h, c, up + down - unsent, now) ||
	    now - c->progress_ms >= h->timeout_ms;
}

/* Let go of c and wake its caller; it may be gone when this returns. */
static void
call_finish(struct http *h, struct http_call *c, CURLcode rc)
{
	(void)curl_multi_remove_handle(h->multi, c->easy);
	TAILQ_REMOVE(&h->active, c, link);
	h->nactive--;
	mutex_lock(&h->lock);
	c->rc = rc;
	c->state = CALL_DONE;
	cond_signal(&c->done);
	mutex_unlock(&h->lock);
}

static void
engine_check(struct http *h)
{
	struct http_call *c, *next;
	int64_t now = clock_mono_ms();

	for (c = TAILQ_FIRST(&h->active); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (call_is_late(h, c, now)) {
			c->is_late = true;
			call_finish(h, c, CURLE_OPERATION_TIMEDOUT);
		}
	}
}

/* True: some have ended, so there is room for what waits. */
static bool
engine_reap(struct http *h)
{
	bool has_ended = false;
	struct http_call *c;
	CURLMsg *m;
	CURLcode rc;
	char *p = NULL;
	int left;

	while ((m = curl_multi_info_read(h->multi, &left)) != NULL) {
		if (m->msg != CURLMSG_DONE)
			continue;
		rc = m->data.result;
		(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &p);
		c = (struct http_call *)(void *)p;
		call_finish(h, c, rc);
		has_ended = true;
	}
	return has_ended;
}

/* End what was asked for before the interruption: all that runs, and what
 * waits since then. */
static void
engine_cancel(struct http *h, unsigned epoch)
{
	struct http_call *c, *next;

	while ((c = TAILQ_FIRST(&h->active)) != NULL) {
		c->is_canceled = true;
		call_finish(h, c, CURLE_ABORTED_BY_CALLBACK);
	}
	mutex_lock(&h->lock);
	for (c = TAILQ_FIRST(&h->queue); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->epoch == epoch && !h->is_stopping)
			continue;
		TAILQ_REMOVE(&h->queue, c, link);
		c->is_canceled = true;
		c->rc = CURLE_ABORTED_BY_CALLBACK;
		c->state = CALL_DONE;
		cond_signal(&c->done);
	}
	mutex_unlock(&h->lock);
}

static CURLM *
multi_new(struct http *h)
{
	CURLM *m = curl_multi_init();

	if (!m)
		return NULL;
	(void)curl_multi_setopt(m, CURLMOPT_PIPELINING,
	    (long)CURLPIPE_MULTIPLEX);
	(void)curl_multi_setopt(m, CURLMOPT_MAX_TOTAL_CONNECTIONS,
	    (long)h->connections);
	(void)curl_multi_setopt(m, CURLMOPT_MAXCONNECTS,
	    (long)h->connections);
	return m;
}

/* Forget every connection.  Nothing is active.  Without memory for a new
 * handle the old one goes on: its connections fail by themselves. */
static void
engine_renew(struct http *h)
{
	CURLM *m = multi_new(h), *old = h->multi;

	if (!m)
		return;
	mutex_lock(&h->lock);
	h->multi = m;
	/* What was meant to wake us may have gone to the old one. */
	(void)curl_multi_wakeup(m);
	mutex_unlock(&h->lock);
	(void)curl_multi_cleanup(old);
}

/* Start what waits, as far as there is room.  False: time to go. */
static bool
engine_feed(struct http *h)
{
	struct http_queue ready = TAILQ_HEAD_INITIALIZER(ready);
	struct http_call *c;
	bool is_stopping;
	unsigned epoch;

	mutex_lock(&h->lock);
	is_stopping = h->is_stopping;
	epoch = h->epoch;
	mutex_unlock(&h->lock);
	if (is_stopping || epoch != h->seen_epoch) {
		engine_cancel(h, epoch);
		engine_renew(h);
		h->seen_epoch = epoch;
	}

	mutex_lock(&h->lock);
	while (!h->is_interrupted && h->epoch == epoch &&
	    h->nactive < h->connections &&
	    (c = TAILQ_FIRST(&h->queue)) != NULL) {
		TAILQ_REMOVE(&h->queue, c, link);
		c->state = CALL_ACTIVE;
		TAILQ_INSERT_TAIL(&ready, c, link);
		h->nactive++;
	}
	mutex_unlock(&h->lock);
	while ((c = TAILQ_FIRST(&ready)) != NULL) {
		TAILQ_REMOVE(&ready, c, link);
		TAILQ_INSERT_TAIL(&h->active, c, link);
		c->progress_ms = c->checked_ms = clock_mono_ms();
		c->spare_ms = PATIENCE * h->timeout_ms;
		if (curl_multi_add_handle(h->multi, c->easy) != CURLM_OK)
			call_finish(h, c, CURLE_OUT_OF_MEMORY);
	}
	return !is_stopping;
}

static void
engine(void *arg)
{
	struct http *h = arg;
	int64_t check_ms = h->timeout_ms / 4, next = 0, now;
	bool has_room;
	int running;

	if (check_ms > CHECK_MS)
		check_ms = CHECK_MS;
	while (engine_feed(h)) {
		(void)curl_multi_perform(h->multi, &running);
		has_room = engine_reap(h);
		now = clock_mono_ms();
		if (h->nactive && now >= next) {
			engine_check(h);
			next = now + check_ms;
		}
		/* Woken by sockets, by curl's own timers, by a caller. */
		(void)curl_multi_poll(h->multi, NULL, 0, has_room ? 0 :
		    h->nactive ? (int)check_ms : INT_MAX, NULL);
	}
}

void
http_call_run(struct http *h, struct http_call *c)
{
	mutex_lock(&h->lock);
	if (h->is_interrupted || h->is_stopping) {
		c->is_canceled = true;
		c->rc = CURLE_ABORTED_BY_CALLBACK;
		c->state = CALL_DONE;
	} else {
		c->state = CALL_QUEUED;
		c->epoch = h->epoch;
		TAILQ_INSERT_TAIL(&h->queue, c, link);
		(void)curl_multi_wakeup(h->multi);
	}
	while (c->state != CALL_DONE)
		cond_wait(&c->done, &h->lock);
	mutex_unlock(&h->lock);
}

void
http_interrupt(struct http *h, bool on)
{
	mutex_lock(&h->lock);
	h->is_interrupted = on;
	if (on)
		h->epoch++;
	(void)curl_multi_wakeup(h->multi);
	mutex_unlock(&h->lock);
}

bool
http_is_refused(struct http *h)
{
	bool r;

	mutex_lock(&h->lock);
	r = h->is_refused;
	mutex_unlock(&h->lock);
	return r;
}

static int
copy(char **ret, const char *s)
{
	if (!s)
		return 0;
	*ret = strdup(s);
	return *ret ? 0 : -ENOMEM;
}

/* h is not shared yet. */
static int
conf_take(struct http *h, const struct http_conf *conf, struct err *e) NO_TSA
{
	int r;

	h->is_tls = conf->is_tls;
	h->is_clear_ok = conf->is_tls || conf->is_insecure_http ||
	    url_is_loopback(conf->host);
	h->connections = conf->connections ? conf->connections : 8;
	if (h->connections > HTTP_CONNECTIONS_MAX)
		h->connections = HTTP_CONNECTIONS_MAX;
	h->timeout_ms = conf->timeout_s ? conf->timeout_s * 1000LL : 30000;
	if (conf->user)
		h->auth = h->is_clear_ok ? CURLAUTH_BASIC : CURLAUTH_DIGEST;
	if (conf->pin && strncmp(conf->pin, "sha256//", 8) != 0)
		return err_set(e, -EINVAL, "the pin of the server's key is "
		    "not of the form 'sha256//BASE64'");
	r = copy(&h->host, conf->host);
	if (r == 0)
		r = copy(&h->user, conf->user);
	if (r == 0)
		r = copy(&h->password, conf->password);
	if (r == 0)
		r = copy(&h->pin, conf->pin);
	if (r == 0 && conf->ca_file)
		r = http_ca_load(h, conf->ca_file, e);
	else if (r < 0)
		(void)err_set(e, r, "out of memory");
	return r;
}

int
http_new(const struct http_conf *conf, struct http **ret, struct err *e)
{
	struct http *h;
	int r = -ENOMEM;

	h = calloc(1, sizeof(*h));
	if (!h)
		return err_set(e, r, "out of memory");
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
		free(h);
		return err_set(e, -ENOMEM, "the HTTP library does not start");
	}
	mutex_init(&h->lock, RANK_NET);
	TAILQ_INIT(&h->queue);
	TAILQ_INIT(&h->active);
	SLIST_INIT(&h->pool);
	r = conf_take(h, conf, e);
	if (r < 0)
		goto out;
	h->multi = multi_new(h);
	if (!h->multi) {
		r = err_set(e, -ENOMEM, "out of memory");
		goto out;
	}
	r = thread_start(&h->thread, "net", engine, h);
	if (r < 0) {
		(void)err_set(e, r, "cannot start a thread");
		goto out;
	}
	h->is_started = true;
	*ret = h;
	h = NULL;
out:
	http_free(h);
	return r;
}

void
http_free(struct http *h)
{
	if (!h)
		return;
	if (h->is_started) {
		mutex_lock(&h->lock);
		h->is_stopping = true;
		(void)curl_multi_wakeup(h->multi);
		mutex_unlock(&h->lock);
		thread_join(h->thread);
	}
	if (h->multi)
		(void)curl_multi_cleanup(h->multi);
	http_easy_free_all(h);
	curl_global_cleanup();
	mutex_done(&h->lock);
	if (h->password)
		explicit_bzero(h->password, strlen(h->password));
	free(h->password);
	free(h->host);
	free(h->user);
	free(h->pin);
	free(h->ca_pem);
	free(h);
}
