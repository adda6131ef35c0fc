/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/sftp_link.h"

#include <errno.h>
#include <fcntl.h>
#include <libssh/libssh.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/tr.h"

#define PIN_PREFIX "SHA256:"
#define PIN_DIGITS 43

struct sftp_link {
	ssh_session ssh;
	ssh_channel chan;
	int fd;			/* of ssh */
	struct ssh_counter_struct count;
};

int
sftp_pin_check(const char *pin)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = pin + strlen(PIN_PREFIX);

	if (strncmp(pin, PIN_PREFIX, strlen(PIN_PREFIX)) != 0 ||
	    strspn(at, digits) != PIN_DIGITS || at[PIN_DIGITS])
		return -EINVAL;
	return 0;
}

/* ---- the socket ---- */

/* Until fd is ready; 0, -ETIMEDOUT.  Past the deadline it is not even looked
 * at: there is always something to read from who floods us with nothing. */
static int
fd_wait(int fd, short events, int64_t deadline_ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left;
	int n;

	do {
		left = deadline_ms - clock_mono_ms();
		if (left <= 0)
			return -ETIMEDOUT;
		n = poll(&p, 1, (int)(left < 60000 ? left : 60000));
	} while (n == 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

static int
sock_connect(int fd, const struct addrinfo *a, int64_t deadline_ms)
{
	socklen_t len = sizeof(int);
	int err = 0, r;

	if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return -errno;
	r = fd_wait(fd, POLLOUT, deadline_ms);
	if (r < 0)
		return r;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		return -errno;
	return -err;
}

int
sftp_sock_new(const char *host, unsigned port, int64_t deadline_ms,
    void (*on_sock)(void *arg, int fd), void *arg, char msg[SFTP_MSG_MAX])
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV }, *all, *a;
	int fd = -1, r, one = 1;
	int64_t now, until_ms;
	char service[16];

	(void)snprintf(service, sizeof(service), "%u", port);
	r = getaddrinfo(host, service, &hints, &all);
	if (r != 0) {
		(void)snprintf(msg, SFTP_MSG_MAX, N_("the name '%.100s' is not "
		    "found: %s"), host, gai_strerror(r));
		return -EHOSTUNREACH;
	}
	r = -EHOSTUNREACH;
	for (a = all; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC |
		    SOCK_NONBLOCK, a->ai_protocol);
		if (fd < 0) {
			r = -errno;
			continue;
		}
		on_sock(arg, fd);
		/* One that is dead leaves time for the others. */
		now = clock_mono_ms();
		until_ms = a->ai_next && now < deadline_ms ?
		    now + (deadline_ms - now) / 2 : deadline_ms;
		r = sock_connect(fd, a, until_ms);
		if (r < 0) {
			on_sock(arg, -1);
			(void)close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(all);
	if (fd < 0) {
		(void)snprintf(msg, SFTP_MSG_MAX, N_("%.100s port %u is not "
		    "reached: %s"), host, port, strerror(-r));
		return -EHOSTUNREACH;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

/* Why it does not go on. */
static const char *
link_error(struct sftp_link *l, const struct sftp_link_conf *c)
{
	return clock_mono_ms() >= c->deadline_ms ? N_("no answer in time") :
	    ssh_get_error(l->ssh);
}

/* Until libssh can go on. */
static int
link_wait(struct sftp_link *l, int64_t deadline_ms)
{
	int flags = ssh_get_poll_flags(l->ssh);
	short events = POLLIN;

	if (flags & SSH_WRITE_PENDING)
		events |= POLLOUT;
	return fd_wait(l->fd, events, deadline_ms);
}

/* ---- who they are ---- */

static int
server_refuse(const struct sftp_link_conf *c, enum ssh_known_hosts_e known,
    const char *print, char msg[SFTP_MSG_MAX])
{
	if (known == SSH_KNOWN_HOSTS_CHANGED || known == SSH_KNOWN_HOSTS_OTHER)
		(void)snprintf(msg, SFTP_MSG_MAX, N_("the key of %.60s is not "
		    "the known one: somebody may stand between; it shows %s: "
		    "ask who runs it before you change known_hosts"), c->host,
		    print);
	else if (known == SSH_KNOWN_HOSTS_ERROR)
		(void)snprintf(msg, SFTP_MSG_MAX, N_("the list of known hosts "
		    "cannot be read"));
	else
		(void)snprintf(msg, SFTP_MSG_MAX, N_("%.60s is not known yet; "
		    "it shows %s: compare with what its provider says, and "
		    "give that as 'pin'"), c->host, print);
	return -EPROTO;
}

static int
server_check(struct sftp_link *l, const struct sftp_link_conf *c,
    char msg[SFTP_MSG_MAX])
{
	enum ssh_known_hosts_e known;
	unsigned char *hash = NULL;
	char *print = NULL;
	size_t len = 0;
	ssh_key key = NULL;
	int r = -EPROTO;

	if (ssh_get_server_publickey(l->ssh, &key) == SSH_OK &&
	    ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash,
	    &len) == 0)
		print = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256,
		    hash, len);
	if (!print) {
		(void)snprintf(msg, SFTP_MSG_MAX, N_("%.100s shows no key"),
		    c->host);
		goto out;
	}
	if (c->pin) {
		r = strcmp(print, c->pin) == 0 ? 0 : -EPROTO;
		if (r < 0)
			(void)snprintf(msg, SFTP_MSG_MAX, N_("the key of %.60s "
			    "is not the one that was pinned: somebody may "
			    "stand between; it shows %s"), c->host, print);
		goto out;
	}
	known = ssh_session_is_known_server(l->ssh);
	r = known == SSH_KNOWN_HOSTS_OK ? 0 :
	    server_refuse(c, known, print, msg);
out:
	ssh_string_free_char(print);
	ssh_clean_pubkey_hash(&hash);
	ssh_key_free(key);
	return r;
}

/* ---- who we are ---- */

/* Call until it is more than "not yet". */
#define AUTH(rc, l, c, call) do {					\
	while (((rc) = (call)) == SSH_AUTH_AGAIN)			\
		if (link_wait((l), (c)->deadline_ms) < 0) {		\
			(rc) = SSH_AUTH_ERROR;				\
			break;						\
		}							\
} while (0)

static int
auth_key(struct sftp_link *l, const struct sftp_link_conf *c,
    char msg[SFTP_MSG_MAX])
{
	ssh_key key = NULL;
	int rc;

	rc = ssh_pki_import_privkey_file(c->key_file, c->password, NULL,
	    NULL, &key);
	if (rc != SSH_OK) {
		(void)snprintf(msg, SFTP_MSG_MAX, rc == SSH_EOF ?
		    N_("the key '%.150s' cannot be read: it is not there") :
		    N_("the key '%.150s' cannot be read, or it has another "
		    "passphrase"), c->key_file);
		return SSH_AUTH_DENIED;
	}
	AUTH(rc, l, c, ssh_userauth_publickey(l->ssh, NULL, key));
	ssh_key_free(key);
	return rc;
}

/* The password as the answer to whatever is asked for without an echo. */
static int
auth_asked(struct sftp_link *l, const struct sftp_link_conf *c)
{
	int rc, i, n, rounds;
	char echo;

	AUTH(rc, l, c, ssh_userauth_kbdint(l->ssh, NULL, NULL));
	for (rounds = 0; rc == SSH_AUTH_INFO && rounds < 4; rounds++) {
		n = ssh_userauth_kbdint_getnprompts(l->ssh);
		for (i = 0; i < n; i++) {
			echo = 1;
			(void)ssh_userauth_kbdint_getprompt(l->ssh,
			    (unsigned)i, &echo);
			if (ssh_userauth_kbdint_setanswer(l->ssh, (unsigned)i,
			    echo ? "" : c->password) < 0)
				return SSH_AUTH_ERROR;
		}
		AUTH(rc, l, c, ssh_userauth_kbdint(l->ssh, NULL, NULL));
	}
	return rc == SSH_AUTH_INFO ? SSH_AUTH_DENIED : rc;
}

static bool
may_go_on(int rc)
{
	return rc == SSH_AUTH_DENIED || rc == SSH_AUTH_PARTIAL;
}

/* One try with each thing we have: no secret is sent twice. */
static int
auth_run(struct sftp_link *l, const struct sftp_link_conf *c,
    char msg[SFTP_MSG_MAX])
{
	int rc, ways;

	AUTH(rc, l, c, ssh_userauth_none(l->ssh, NULL));
	if (!may_go_on(rc))
		return rc;
	ways = ssh_userauth_list(l->ssh, NULL);
	if ((ways & SSH_AUTH_METHOD_PUBLICKEY) && c->key_file)
		rc = auth_key(l, c, msg);
	else if ((ways & SSH_AUTH_METHOD_PUBLICKEY) && !c->password)
		AUTH(rc, l, c, ssh_userauth_publickey_auto(l->ssh, NULL,
		    NULL));
	/* With a key file the password is that file's. */
	if (!may_go_on(rc) || !c->password ||
	    (c->key_file && rc != SSH_AUTH_PARTIAL))
		return rc;
	ways = ssh_userauth_list(l->ssh, NULL);
	if (ways & SSH_AUTH_METHOD_PASSWORD)
		AUTH(rc, l, c, ssh_userauth_password(l->ssh, NULL,
		    c->password));
	else if (ways & SSH_AUTH_METHOD_INTERACTIVE)
		rc = auth_asked(l, c);
	return rc;
}

static int
user_check(struct sftp_link *l, const struct sftp_link_conf *c,
    char msg[SFTP_MSG_MAX])
{
	int rc;

	msg[0] = '\0';
	rc = auth_run(l, c, msg);
	if (rc == SSH_AUTH_SUCCESS)
		return 0;
	if (may_go_on(rc)) {
		if (!msg[0])
			(void)snprintf(msg, SFTP_MSG_MAX, c->key_file ?
			    N_("%.100s refused user '%.60s' with the key that "
			    "was given") : c->password ?
			    N_("%.100s refused user '%.60s' with the "
			    "password") : N_("%.100s refused user '%.60s' "
			    "with the keys of the agent and of ~/.ssh"),
			    c->host, c->user);
		return -EACCES;
	}
	(void)snprintf(msg, SFTP_MSG_MAX, N_("%.80s broke the log-in off: "
	    "%.100s"), c->host, link_error(l, c));
	return -EHOSTUNREACH;
}

/* ---- opening ---- */

static int
link_setup(struct sftp_link *l, const struct sftp_link_conf *c)
{
	/* SIGPIPE, the user's own ssh_config and its commands: not for us. */
	bool no = false;
	long timeout = 3600;	/* the deadlines are ours */
	int s = 0;

	s |= ssh_options_set(l->ssh, SSH_OPTIONS_PROCESS_CONFIG, &no);
	s |= ssh_options_set(l->ssh, SSH_OPTIONS_HOST, c->host);
	s |= ssh_options_set(l->ssh, SSH_OPTIONS_PORT, &c->port);
	s |= ssh_options_set(l->ssh, SSH_OPTIONS_USER, c->user);
	s |= ssh_options_set(l->ssh, SSH_OPTIONS_TIMEOUT, &timeout);
	s |= ssh_options_set(l->ssh, SSH_OPTIONS_COMPRESSION, "no");
	if (c->hosts_file) {
		s |= ssh_options_set(l->ssh, SSH_OPTIONS_KNOWNHOSTS,
		    c->hosts_file);
		s |= ssh_options_set(l->ssh, SSH_OPTIONS_GLOBAL_KNOWNHOSTS,
		    "/dev/null");
	}
	/* From here on libssh closes it. */
	if (ssh_options_set(l->ssh, SSH_OPTIONS_FD, &c->sock) < 0)
		return -ENOMEM;
	l->fd = c->sock;
	ssh_set_counters(l->ssh, &l->count, NULL);
	ssh_set_blocking(l->ssh, 0);
	return s < 0 ? -ENOMEM : 0;
}

/* Call until it is more than "not yet". */
#define STEP(rc, l, c, call) do {					\
	while (((rc) = (call)) == SSH_AGAIN)				\
		if (link_wait((l), (c)->deadline_ms) < 0) {		\
			(rc) = SSH_ERROR;				\
			break;						\
		}							\
} while (0)

static int
link_start(struct sftp_link *l, const struct sftp_link_conf *c,
    char msg[SFTP_MSG_MAX])
{
	int r, rc;

	STEP(rc, l, c, ssh_connect(l->ssh));
	if (rc != SSH_OK) {
		(void)snprintf(msg, SFTP_MSG_MAX, N_("no SSH with %.80s: "
		    "%.120s"), c->host, link_error(l, c));
		return -EHOSTUNREACH;
	}
	r = server_check(l, c, msg);
	if (r == 0)
		r = user_check(l, c, msg);
	if (r < 0)
		return r;
	l->chan = ssh_channel_new(l->ssh);
	if (!l->chan)
		return -ENOMEM;
	STEP(rc, l, c, ssh_channel_open_session(l->chan));
	if (rc == SSH_OK)
		STEP(rc, l, c, ssh_channel_request_subsystem(l->chan,
		    "sftp"));
	if (rc == SSH_OK)
		return 0;
	(void)snprintf(msg, SFTP_MSG_MAX, N_("%.80s lets '%.40s' in but offers "
	    "no SFTP: %.80s"), c->host, c->user, link_error(l, c));
	return clock_mono_ms() < c->deadline_ms &&
	    ssh_is_connected(l->ssh) ? -EPROTO : -EHOSTUNREACH;
}

int
sftp_link_open(const struct sftp_link_conf *c, struct sftp_link **ret,
    char msg[SFTP_MSG_MAX])
{
	struct sftp_link *l = calloc(1, sizeof(*l));
	int r = -ENOMEM;

	if (l) {
		l->fd = -1;
		l->ssh = ssh_new();
	}
	if (!l || !l->ssh) {
		free(l);
		(void)close(c->sock);
		return -ENOMEM;
	}
	r = link_setup(l, c);
	if (l->fd < 0)
		(void)close(c->sock);
	if (r == 0)
		r = link_start(l, c, msg);
	if (r < 0) {
		sftp_link_close(l);
		return r;
	}
	*ret = l;
	return 0;
}

void
sftp_link_close(struct sftp_link *l)
{
	if (!l)
		return;
	if (l->chan)
		ssh_channel_free(l->chan);
	/* Without ssh_disconnect, which forgets a socket that it was given
	 * and leaves it open. */
	ssh_free(l->ssh);
	free(l);
}

/* ---- the stream ---- */

void
sftp_link_count(const struct sftp_link *l, uint64_t *ret_in,
    uint64_t *ret_out)
{
	int n = 0;

	*ret_in = *ret_out = 0;
	if (!l)
		return;
	if (ioctl(l->fd, SIOCOUTQ, &n) < 0 || n < 0)
		n = 0;
	*ret_in = l->count.in_bytes;
	*ret_out = l->count.out_bytes > (uint64_t)n ?
	    l->count.out_bytes - (uint64_t)n : 0;
}

int64_t
sftp_link_send(struct sftp_link *l, const void *p, size_t len,
    int64_t deadline_ms)
{
	int n, r;

	for (;;) {
		n = ssh_channel_write(l->chan, p,
		    (uint32_t)(len < (1u << 20) ? len : 1u << 20));
		if (n > 0)
			return n;
		if (n < 0 && n != SSH_AGAIN)
			return -EHOSTUNREACH;
		/* Its window is shut: let libssh read what opens it. */
		r = link_wait(l, deadline_ms);
		if (r < 0)
			return r;
		if (ssh_channel_poll(l->chan, 0) < 0)
			return -EHOSTUNREACH;
	}
}

int64_t
sftp_link_recv(struct sftp_link *l, void *p, size_t cap,
    int64_t deadline_ms)
{
	int n, r;

	for (;;) {
		n = ssh_channel_read_nonblocking(l->chan, p,
		    (uint32_t)(cap < (1u << 20) ? cap : 1u << 20), 0);
		if (n > 0)
			return n;
		if ((n < 0 && n != SSH_AGAIN) || ssh_channel_is_eof(l->chan))
			return -EHOSTUNREACH;
		r = link_wait(l, deadline_ms);
		if (r < 0)
			return r;
	}
}
