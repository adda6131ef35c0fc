/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef STORE_SFTP_LINK_H
#define STORE_SFTP_LINK_H

#include <stddef.h>
#include <stdint.h>

/*
 * sftp_link - one SSH connection with the sftp subsystem at its other end: a
 * stream of bytes each way.  The one place that knows libssh.
 *
 * One thread at a time; a shutdown(2) of its socket ends every wait.  Nothing
 * waits longer than its deadline.  Results: -EHOSTUNREACH, -EACCES (who we
 * are), -EPROTO (who they are, or nonsense), -ETIMEDOUT, -ENOMEM.
 */
struct sftp_link;

#define SFTP_MSG_MAX 256	/* a message for people */

/* Strings are borrowed during sftp_link_open only. */
struct sftp_link_conf {
	const char *host;
	unsigned port;
	const char *user;
	const char *password;	/* NULL: none; of the key, if that has one */
	const char *key_file;	/* NULL: the agent and ~/.ssh/id_* */
	const char *pin;	/* "SHA256:BASE64"; NULL: known_hosts */
	const char *hosts_file;	/* NULL: ~/.ssh/known_hosts and the system's */
	int sock;		/* connected; taken over */
	int64_t deadline_ms;
};

/* A socket that connects, or -EHOSTUNREACH.  Looking the name up waits for
 * the resolver. */
int sftp_sock_new(const char *host, unsigned port, int64_t deadline_ms,
    void (*on_sock)(void *arg, int fd), void *arg, char msg[SFTP_MSG_MAX]);
/* Check who they are, tell who we are, start the subsystem. */
int sftp_link_open(const struct sftp_link_conf *c, struct sftp_link **ret,
    char msg[SFTP_MSG_MAX]);
/* Send as much as goes, at least a byte, by the deadline; the number. */
int64_t sftp_link_send(struct sftp_link *l, const void *p, size_t len,
    int64_t deadline_ms);
/* At least a byte. */
int64_t sftp_link_recv(struct sftp_link *l, void *p, size_t cap,
    int64_t deadline_ms);
/* Bytes so far on the line, encrypted: that came, and that got across, which
 * those in the kernel's buffer did not.  NULL: none. */
void sftp_link_count(const struct sftp_link *l, uint64_t *ret_in,
    uint64_t *ret_out);
/* NULL is ignored. */
void sftp_link_close(struct sftp_link *l);

/* What is behind "SHA256:", 43 signs of base64. */
int sftp_pin_check(const char *pin);

#endif
