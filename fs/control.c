/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "fs/control_priv.h"
#include "fs/json_text.h"
#include "fs/parts.h"
#include "fs/pass.h"
#include "store/store.h"
#include "util/err.h"
#include "util/file.h"
#include "util/log.h"
#include "util/tr.h"

#define SEND_TIMEOUT_S 10
#define IDLE_TIMEOUT_S 60	/* a client that asks nothing */

void
control_send(struct control_conn *k, json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT);
	size_t len, at = 0;
	ssize_t n;

	json_decref(o);
	len = text ? strlen(text) : 0;
	if (!text || k->is_gone || len + 1 > CONTROL_ANSWER_MAX) {
		k->is_gone = true;	/* it would wait for an answer */
		free(text);
		return;
	}
	text[len++] = '\n';	/* in place of the NUL */
	while (at < len) {
		n = send(k->fd, text + at, len - at, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			k->is_gone = true;
			break;
		}
		at += (size_t)n;
	}
	free(text);
}

void
control_error(struct control_conn *k, int r, const char *msg)
{
	control_send(k, json_pack("{s:b, s:i, s:o}", "ok", 0, "errno", -r,
	    "error", json_text(msg)));
}

/* Read one line into buf; its length, 0 at the end, or a negative errno. */
static ssize_t
line_get(int fd, char *buf, size_t *have)
{
	char *nl;
	ssize_t n;

	for (;;) {
		nl = memchr(buf, '\n', *have);
		if (nl)
			return nl - buf + 1;
		if (*have == CONTROL_REQ_MAX)
			return -EFBIG;
		n = recv(fd, buf + *have, CONTROL_REQ_MAX - *have, 0);
		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		*have += (size_t)n;
	}
}

/* The passphrase that follows a line: from what was read already, then from
 * the line itself.  It is left nowhere else. */
static int
secret_get(int fd, char *buf, size_t *have, size_t len, struct secret *ret)
{
	char *p = crypto_secret_alloc(len + 1);
	size_t n = *have < len ? *have : len;
	ssize_t got;

	if (!p)
		return -ENOMEM;
	memcpy(p, buf, n);
	*have -= n;
	memmove(buf, buf + n, *have);
	crypto_wipe(buf + *have, CONTROL_REQ_MAX - *have);
	while (n < len) {
		got = recv(fd, p + n, len - n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			crypto_secret_free(p);
			return got < 0 ? -errno : -EPIPE;
		}
		n += (size_t)got;
	}
	p[len] = '\0';
	ret->p = p;
	ret->len = len;
	return 0;
}

static void
conn_run(void *arg)
{
	struct control_conn *k = arg;
	struct err e = { "" };
	struct secret pass = { NULL, 0 };
	struct control_req q;
	char buf[CONTROL_REQ_MAX];
	size_t have = 0;
	ssize_t n;
	int r;

	while (!k->c->is_stopping && !k->is_gone) {
		n = line_get(k->fd, buf, &have);
		if (n == -EFBIG)
			control_error(k, -EFBIG, N_("request is too long"));
		if (n <= 0)
			break;
		r = control_req_parse(buf, (size_t)n - 1, &q, &e);
		have -= (size_t)n;
		memmove(buf, buf + n, have);
		if (r < 0) {
			control_error(k, r, e.msg);
			continue;
		}
		if (q.bytes > 0 && secret_get(k->fd, buf, &have, q.bytes,
		    &pass) < 0)
			break;
		k->secret = &pass;
		control_answer(k, &q);
		pass_done(&pass);
	}
	/* The descriptor is closed by whoever joins this thread, so that
	 * control_stop may shut it down at any time before. */
	if (!k->is_kept)
		(void)shutdown(k->fd, SHUT_RDWR);
	k->is_done = true;
}

/* The same user, or root. */
static bool
peer_allowed(int fd)
{
	struct ucred u;
	socklen_t len = sizeof(u);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &len) == 0 &&
	    (u.uid == geteuid() || u.uid == 0);
}

static void
conn_reap(struct control_conn *k)
{
	if (!k->is_used)
		return;
	thread_join(k->thread);
	(void)close(k->fd);
	k->is_used = false;
}

static void
conn_add(struct control *c, int fd)
{
	struct timeval snd = { .tv_sec = SEND_TIMEOUT_S };
	struct timeval rcv = { .tv_sec = IDLE_TIMEOUT_S };
	struct control_conn *k = NULL;
	int i;

	for (i = 0; i < CONTROL_CONNS; i++) {
		if (c->conn[i].is_used && c->conn[i].is_done)
			conn_reap(&c->conn[i]);
		if (!c->conn[i].is_used && !k)
			k = &c->conn[i];
	}
	if (!k || !peer_allowed(fd)) {
		(void)close(fd);
		return;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &snd, sizeof(snd));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &rcv, sizeof(rcv));
	k->c = c;
	k->fd = fd;
	k->is_done = false;
	k->is_remote = false;
	k->is_kept = false;
	k->is_gone = false;
	if (thread_start(&k->thread, "control-conn", conn_run, k) < 0)
		(void)close(fd);
	else
		k->is_used = true;
}

static void
listen_run(void *arg)
{
	struct control *c = arg;
	struct pollfd p[2] = {
		{ .fd = c->stop_fd, .events = POLLIN },
		{ .fd = c->listen_fd, .events = POLLIN },
	};
	int fd;

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		if (p[0].revents)
			break;
		if (!(p[1].revents & POLLIN))
			continue;
		fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			conn_add(c, fd);
	}
}

/* The folder of the socket: the first that exists or can be made, and that
 * is ours alone. */
static int
dir_open(const char *name)
{
	char dir[PATH_MAX], up[PATH_MAX];
	struct stat st;
	unsigned i;
	int fd, r;

	for (i = 0; (r = place_socket_dir(name, i, dir)) != -ENOENT; i++) {
		if (r < 0)
			continue;
		(void)snprintf(up, sizeof(up), "%s", dir);
		*strrchr(up, '/') = '\0';
		/* /run/user/UID is the system's to make. */
		if (access(up, W_OK) < 0 || file_mkdirs(dir) < 0)
			continue;
		fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC |
		    O_NOFOLLOW);
		if (fd < 0)
			continue;
		if (fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
		    !(st.st_mode & 022))
			return fd;
		(void)close(fd);
	}
	return -ENOENT;
}

static int
socket_make(struct control *c)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	/* Through the folder's descriptor: its path may be longer than an
	 * address can be. */
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/%s",
	    c->dir_fd, c->file);
	c->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->listen_fd < 0)
		return -errno;
	/* The drive's lock says that no other mount of it lives: what is
	 * there was left by a crash. */
	(void)unlinkat(c->dir_fd, c->file, 0);
	if (bind(c->listen_fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    fchmodat(c->dir_fd, c->file, 0600, 0) < 0 ||
	    listen(c->listen_fd, CONTROL_CONNS) < 0)
		return -errno;
	return 0;
}

static void
control_close(struct control *c) NO_TSA
{
	while (c->nbyes > 0)
		(void)close(c->byes[--c->nbyes]);
	if (c->dir_fd >= 0)
		(void)close(c->dir_fd);
	if (c->listen_fd >= 0)
		(void)close(c->listen_fd);
	if (c->stop_fd >= 0)
		(void)close(c->stop_fd);
	mutex_done(&c->lock);
	free(c);
}

int
control_start(const struct control_host *h, struct control **ret,
    struct err *e) NO_TSA
{
	struct control *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_set(e, -ENOMEM, "out of memory");
	c->host = *h;
	c->listen_fd = -1;
	atomic_flag_clear(&c->is_store_busy);
	mutex_init(&c->lock, RANK_MOUNT);
	c->stop_fd = eventfd(0, EFD_CLOEXEC);
	c->dir_fd = dir_open(h->parts->name);
	(void)snprintf(c->file, sizeof(c->file), "%s.sock", h->parts->name);
	if (c->stop_fd < 0)
		r = -errno;
	else if (c->dir_fd < 0)
		r = c->dir_fd;
	else
		r = socket_make(c);
	if (r == 0)
		r = thread_start(&c->thread, "control", listen_run, c);
	if (r < 0) {
		control_close(c);
		return err_set(e, r, "control socket: %s", strerror(-r));
	}
	*ret = c;
	return 0;
}

void
control_stop(struct control *c)
{
	uint64_t one = 1;
	int i;

	if (!c)
		return;
	c->is_stopping = true;
	if (write(c->stop_fd, &one, sizeof(one)) < 0)
		log_error("control: cannot stop: r=%d", -errno);
	thread_join(c->thread);
	(void)unlinkat(c->dir_fd, c->file, 0);
	for (i = 0; i < CONTROL_CONNS; i++) {
		if (!c->conn[i].is_used)
			continue;
		if (!c->conn[i].is_kept)
			(void)shutdown(c->conn[i].fd, SHUT_RDWR);
		/* A check of the store ends when the store does. */
		if (c->conn[i].is_remote)
			store_interrupt(c->host.parts->store, true);
		conn_reap(&c->conn[i]);
	}
	if (c->host.parts->store)
		store_interrupt(c->host.parts->store, false);
}

void
control_free(struct control *c, uint64_t ops_left, uint64_t bytes_left) NO_TSA
{
	struct control_conn k;
	unsigned i;

	if (!c)
		return;
	for (i = 0; i < c->nbyes; i++) {
		memset(&k, 0, sizeof(k));
		k.fd = c->byes[i];
		control_send(&k, json_pack("{s:b, s:I, s:I}", "ok", 1,
		    "ops_left", (json_int_t)ops_left,
		    "bytes_left", (json_int_t)bytes_left));
	}
	control_close(c);
}
