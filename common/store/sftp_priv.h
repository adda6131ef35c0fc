/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef STORE_SFTP_PRIV_H
#define STORE_SFTP_PRIV_H

#include <sys/queue.h>

#include "store/backend.h"
#include "store/sftp_link.h"
#include "store/sftp_msg.h"
#include "util/buf.h"

/*
 * sftp_priv - shared by store_sftp.c (objects), sftp_list.c (folders),
 * sftp_pool.c (connections), sftp_conn.c (requests over one) and
 * sftp_probe.c.
 */

#define SFTP_PORT 22
#define SFTP_CONNECT_MS 15000
#define SFTP_CONNECTIONS_MAX 64
#define SFTP_PATH_MAX 4096
/* So many times the timeout a call may wait in all while next to nothing
 * moves: it asks several things, and a host may be slow with each. */
#define SFTP_PATIENCE 4
/* Requests of one transfer under way at once: 2 MiB cover a line of 160 Mbit/s
 * and 100 ms, and are what OpenSSH lets be sent without reading. */
#define SFTP_AHEAD 64
/* Begins the name of a file that is not an object yet. */
#define SFTP_TEMP ".tmp-"

/* One connection, used by one call at a time. */
struct sftp_conn {
	LIST_ENTRY(sftp_conn) entry;
	struct sftp *store;
	struct sftp_link *link;		/* NULL until it is there */
	int break_fd;			/* its socket again; -1: none.  Under
					 * the store's lock */
	bool is_used;			/* under the store's lock */
	bool is_ready;			/* it was let in; under the store's
					 * lock */
	bool is_first;			/* none was when it was begun */
	bool is_old;			/* it has served before */
	bool is_broken;			/* not to be used again */
	bool is_late;			/* ... because no answer came */
	bool is_told;			/* why this call failed */
	/* Progress, as last looked at in a wait. */
	int64_t spare_ms;		/* how long this call may still wait */
	int64_t checked_ms, progress_ms;
	uint64_t came, across;		/* as sftp_link_count says */
	unsigned exts;			/* SFTP_EXT_ */
	uint32_t next_id;
	struct buf out;			/* a request */
	struct buf in;			/* bytes that came */
	size_t in_used;			/* of these, read */
};

struct sftp {
	struct store base;
	/* Constant. */
	char *host, *user, *password, *key_file, *pin, *hosts_file;
	unsigned port, timeout_s, conns_max;
	char *root;			/* without '/' at its end, or "." */

	struct mutex lock;
	struct cond changed;		/* a connection is free, or an
					 * interruption */
	LIST_HEAD(, sftp_conn) conns GUARDED_BY(lock);
	unsigned nconns GUARDED_BY(lock);
	unsigned nready GUARDED_BY(lock);	/* of these, let in */
	unsigned few GUARDED_BY(lock);	/* the server lets in no more */
	int64_t few_until_ms GUARDED_BY(lock);
	bool is_opening GUARDED_BY(lock);	/* the first, by one caller */
	unsigned opens_failed GUARDED_BY(lock);
	int open_result GUARDED_BY(lock);	/* of the last of these */
	bool is_interrupted GUARDED_BY(lock);
	uint64_t epoch GUARDED_BY(lock);	/* interruptions so far */
	unsigned caps GUARDED_BY(lock);
	bool is_unflushed GUARDED_BY(lock);	/* it knows no fsync */
	struct store_hint hint GUARDED_BY(lock);
};

/* ---- sftp_pool.c ---- */

/* Run fn over a connection.  One that has died while idle is replaced, once,
 * and fn runs again: it must be able to. */
int sftp_run(struct sftp *s, int (*fn)(struct sftp_conn *c, void *arg),
    void *arg);
/* Why the call fails, for people. */
void sftp_say(struct sftp_conn *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void sftp_interrupt(struct store *st, bool on);
/* No caller is inside. */
void sftp_conns_close(struct sftp *s);

/* ---- sftp_conn.c: requests.  -EHOSTUNREACH and -ETIMEDOUT break the
 * connection, and so does an answer that is not one. ---- */

/* A call begins: its time, and what came before is not for it. */
void sftp_begin(struct sftp_conn *c);
/* Agree on the version, learn the extensions. */
int sftp_hello(struct sftp_conn *c);
/* What a status means, and 0 for SFTP_OK; -ENODATA for SFTP_EOF. */
int sftp_code_result(uint32_t code);
/* A request about one path; ret NULL: only a status is meant. */
int sftp_ask(struct sftp_conn *c, enum sftp_type type, const char *path,
    struct sftp_msg *ret);
int sftp_mkdir(struct sftp_conn *c, const char *path);
int sftp_lstat(struct sftp_conn *c, const char *path, struct sftp_attrs *ret);
/* Refuses a name that is taken where a server is as it should be. */
int sftp_rename(struct sftp_conn *c, const char *from, const char *to);
/* Replaces at once; needs SFTP_EXT_POSIX_RENAME.  -EOPNOTSUPP: it cannot. */
int sftp_replace(struct sftp_conn *c, const char *from, const char *to);
int sftp_statvfs(struct sftp_conn *c, const char *path,
    struct store_space *ret);

struct sftp_handle {
	uint8_t b[SFTP_HANDLE_MAX];
	size_t len;
};
int sftp_open(struct sftp_conn *c, const char *path, unsigned flags,
    struct sftp_handle *ret);
int sftp_opendir(struct sftp_conn *c, const char *path,
    struct sftp_handle *ret);
/* -ENODATA at the end; ret is good until the next request. */
int sftp_readdir(struct sftp_conn *c, const struct sftp_handle *h,
    struct sftp_msg *ret);
int sftp_fstat(struct sftp_conn *c, const struct sftp_handle *h,
    struct sftp_attrs *ret);
int sftp_fsync(struct sftp_conn *c, const struct sftp_handle *h);
int sftp_close(struct sftp_conn *c, const struct sftp_handle *h);

/* ---- sftp_data.c: many requests at once ---- */

int sftp_write(struct sftp_conn *c, const struct sftp_handle *h,
    const void *p, size_t len);
/* Exactly len bytes from off; -ERANGE if the file ends before. */
int sftp_read(struct sftp_conn *c, const struct sftp_handle *h, uint64_t off,
    uint8_t *p, size_t len);

/* For sftp_data.c: send c->out; the next answer. */
int sftp_send(struct sftp_conn *c);
int sftp_recv(struct sftp_conn *c, struct sftp_msg *ret);
int sftp_break(struct sftp_conn *c, int r);

/* ---- store_sftp.c; sftp_open.c makes a store of it ---- */

extern const struct store_ops sftp_ops;

/* The path of an object, or of the root for "".  -ENAMETOOLONG. */
int sftp_path(const struct sftp *s, const char *name,
    char ret[static SFTP_PATH_MAX]);
/* Something is not there: the object (-ENOENT), or the folder of the store
 * (-EHOSTUNREACH); or that cannot be told. */
int sftp_missing(struct sftp_conn *c);

/* ---- sftp_probe.c ---- */

int sftp_probe(struct store *st, struct err *e);
void sftp_notes(struct store *st, struct buf *out);

/* ---- sftp_list.c ---- */

int sftp_list(struct store *st, const char *prefix,
    int (*fn)(void *arg, const char *name, uint64_t size), void *arg);

#endif
