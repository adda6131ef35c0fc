/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct store_conf;
struct store_facts;

/*
 * store - opaque objects on a remote, whatever the remote is.
 *
 * A store keeps objects under names of the form "a/b/c" made of lower-case
 * letters, digits, '-' and '/'.  It knows nothing of files, keys or
 * encryption: what it is given is sealed, what it gives back is verified by
 * the caller.  Untrusted and allowed to fail in every way.
 *
 * Every call may be made from any thread.  A call blocks until the remote has
 * answered or the store's deadline has passed, so hold no lock across one.
 *
 * Results, for every backend alike:
 *	0		done, and durable as far as the remote promises
 *	-ENOENT		no object of that name
 *	-EEXIST		put with STORE_IF_ABSENT: there is one already
 *	-EACCES		credentials refused (401, 403), or none to be had; not
 *			worth a retry
 *	-ENOSPC		the remote is full (507, 413, EDQUOT)
 *	-EPROTO		the answer makes no sense (an HTML page, a wrong
 *			length); the body was not used
 *	-EFBIG		the object is larger than the caller's buffer allows
 *	-ERANGE		the object is shorter than the range asked for
 *	-ETIMEDOUT	no answer in time; it may have taken effect
 *	-EHOSTUNREACH	not reached, or refused for now (503, 429, 423): no
 *			effect
 *	-ECANCELED	store_interrupt was called
 *	-EOPNOTSUPP	the backend cannot
 *	other		an errno of the local system
 */
struct store;

enum store_put_flags {
	STORE_IF_ABSENT = 1 << 0,	/* best effort: see store_caps */
};

enum store_caps {
	STORE_CAP_IF_ABSENT = 1 << 0,	/* probed: it really refuses */
	STORE_CAP_RANGE = 1 << 1,	/* get of a part */
	STORE_CAP_QUOTA = 1 << 2,	/* store_space answers */
	STORE_CAP_ATOMIC_PUT = 1 << 3,	/* readers never see half an object */
	STORE_CAP_UNPROBED = 1 << 4,	/* the others are not known yet, and
					 * store_probe would tell */
};

struct store_space {
	uint64_t total_bytes, free_bytes;	/* UINT64_MAX: unknown */
};

struct store_stats {
	uint64_t puts, gets, deletes, lists;
	uint64_t errors, retries;
	uint64_t bytes_up, bytes_down;
	bool is_online;			/* the last call reached it */
	char last_error[256];		/* for people; "" after a success */
	int64_t last_ok_ns;		/* real time of a success; 0: none */
};

/* Put a whole object: readers see all of it or nothing. */
int store_put(struct store *s, const char *name, const void *p, size_t len,
    unsigned flags);
/* Append the object to out; on error out is unchanged. */
int store_get(struct store *s, const char *name, struct buf *out);
/* Append exactly len bytes from off; -ERANGE if the object is shorter. */
int store_get_range(struct store *s, const char *name, uint64_t off,
    size_t len, struct buf *out);
/* -ENOENT if there was none. */
int store_delete(struct store *s, const char *name);
/* Call fn with each name that starts with prefix (any order; prefix ends in
 * '/' or is ""), and the object's size.  May lag behind.  Stops when fn
 * returns other than 0 and returns that. */
int store_list(struct store *s, const char *prefix,
    int (*fn)(void *arg, const char *name, uint64_t size), void *arg);
/* Capacity; -EOPNOTSUPP where the remote does not say. */
int store_space(struct store *s, struct store_space *ret);
unsigned store_caps(struct store *s);
/* Try what the remote really does (conditional put, range, quota, whether
 * half an object is seen) with small objects of its own names, and remember
 * it.  Needs the remote.  The one call that makes the folder of a dir: store
 * if it is missing: elsewhere that means that its disk is not there, and is
 * -EHOSTUNREACH. */
int store_probe(struct store *s, struct err *e);
/* What the last probe of this store found, if there was one; facts.h has the
 * rest. */
void store_facts(struct store *s, struct store_facts *ret);
/* Append what the last probe found that people should know, a line each: what
 * a delete means there, for instance.  Nothing before a probe. */
void store_notes(struct store *s, struct buf *out);
/* What it is, for people, without credentials: "webdavs://host/path".
 * Borrowed from s. */
const char *store_url(const struct store *s);
void store_get_stats(struct store *s, struct store_stats *ret);
/* Let every call that waits end soon with -ECANCELED, until resumed: before
 * suspend and at stop. */
void store_interrupt(struct store *s, bool on);
/* The user asks, or has another password: the next call reads the source again
 * and asks the server, also with what it has refused.  Waits for nothing. */
void store_renew(struct store *s);
/* Close it and what it wraps; waits for calls under way.  NULL is ignored. */
void store_close(struct store *s);

/* Worth trying again later, by itself: the one judge of retrying. */
bool store_transient(int r);

/*
 * Who we are, now and later: user, password, ca_file, pin, key_file and
 * is_insecure_http of a store_conf may change while a store is open.  It is
 * asked when the store is opened, when that was refused, and on store_renew;
 * by one thread at a time.
 */
struct store_source {
	/* Fill in those of c; they are good until drop.  May take its time, but
	 * ends soon with -ECANCELED once *stop is set. */
	int (*get)(void *arg, const atomic_bool *stop, struct store_conf *c,
	    struct err *e);
	void (*drop)(void *arg);	/* secrets are wiped */
	void (*free)(void *arg);
	void *arg;
	bool is_slow;			/* first asked by a call, and not when
					 * the store is opened */
	int64_t look_min_ms;		/* how often, at most; 0: 30 s */
	int64_t again_min_ms;		/* until what was refused is tried
					 * again unasked, the first time; it
					 * doubles to 6 h.  0: 30 min */
};

/* How to reach a store.  Strings are borrowed during store_open only. */
struct store_conf {
	const char *user;	/* NULL: from the URL */
	const char *password;	/* NULL: none */
	const char *ca_file;	/* extra CA certificates, PEM */
	const char *pin;	/* "sha256//BASE64" of the server's key; for
				 * SSH "SHA256:BASE64" */
	const char *key_file;	/* SSH: private key; NULL: the agent's, and
				 * those of ~/.ssh */
	const char *hosts_file;	/* SSH: known hosts; NULL: ~/.ssh's and the
				 * system's */
	bool is_insecure_http;	/* allow credentials over plain http */
	unsigned connections;	/* at most at once; 0: 8 */
	unsigned timeout_s;	/* without any progress, or twice as long
				 * with next to none; 0: 30 */
	uint64_t up_bytes_s, down_bytes_s;	/* limit; 0: none */
	unsigned retries;	/* inside a call; 0: none */
	const char *record;	/* file for what probes find; NULL: none */
	const struct store_source *source;	/* says who we are in the
				 * place of the above; taken over, also on
				 * error; NULL: none */
};

/*
 * Open by URL: dir:/path, mem: (tests), webdav://[user@]host[:port]/path,
 * webdavs://…, sftp://[user@]host[:port]/path (/~/path: where the account
 * begins).  Returns the backend wrapped in retry, limit and stats as conf
 * asks.  Does not touch the network.  The credentials in a URL are only a
 * user; -EINVAL with a message otherwise.
 *
 * A server that has refused who we are is left alone until that is something
 * else, the user asks, or hours have passed.  With a source a store that
 * cannot be opened now is one all the same: 0, e says why, and calls answer
 * -EACCES until it can.
 */
int store_open(const char *url, const struct store_conf *conf,
    struct store **ret, struct err *e);

/* The wrappers, for tests; each takes over s (also on error). */
int store_retry_new(struct store *s, unsigned retries, struct store **ret);
int store_limit_new(struct store *s, uint64_t up, uint64_t down,
    struct store **ret);
int store_stats_new(struct store *s, struct store **ret);
int store_record_new(struct store *s, const char *path, struct store **ret);

/* Fail on purpose: call number `at` (from 1, counting all calls), or every
 * `every`th, fails with r, before or after it has taken effect. */
struct store_fault {
	uint64_t at, every;
	int r;
	bool is_after;
};
int store_fault_new(struct store *s, const struct store_fault *f,
    struct store **ret);

#endif
