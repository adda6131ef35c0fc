/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef STORE_BACKEND_H
#define STORE_BACKEND_H

#include "store/facts.h"
#include "store/store.h"
#include "util/thread.h"

struct buf;
struct err;
struct http;
struct url;

/*
 * backend - what stands behind store.h: one table of functions per backend
 * or wrapper.  Only files of store/ include it.
 */

#define STORE_NAME_MAX 255
#define STORE_LIST_DEPTH_MAX 16		/* collections in collections */

/* What a failing backend can say beyond its result. */
struct store_hint {
	char msg[256];			/* for people; "" if nothing */
	int64_t not_before_ms;		/* clock_mono_ms: it asked for peace
					 * until then; 0: it did not */
	bool is_refused;		/* it does not know us: this backend
					 * asks it no more */
};

/* As in store.h; names are valid. */
struct store_ops {
	int (*put)(struct store *s, const char *name, const void *p,
	    size_t len, unsigned flags);
	int (*get)(struct store *s, const char *name, struct buf *out);
	int (*get_range)(struct store *s, const char *name, uint64_t off,
	    size_t len, struct buf *out);
	int (*del)(struct store *s, const char *name);
	int (*list)(struct store *s, const char *prefix,
	    int (*fn)(void *arg, const char *name, uint64_t size), void *arg);
	int (*space)(struct store *s, struct store_space *ret);
	unsigned (*caps)(struct store *s);
	int (*probe)(struct store *s, struct err *e);
	/* NULL: nothing to say. */
	void (*notes)(struct store *s, struct buf *out);
	/* Of what is wrapped.  NULL: the base's own. */
	void (*facts)(struct store *s, struct store_facts *ret);
	/* Adds to what is there.  NULL: nothing is counted. */
	void (*get_stats)(struct store *s, struct store_stats *ret);
	void (*get_hint)(struct store *s, struct store_hint *ret);
	/* NULL: there is nothing to renew. */
	void (*renew)(struct store *s);
	void (*interrupt)(struct store *s, bool on);
	void (*close)(struct store *s);		/* frees s */
};

/* The first member of every backend and wrapper. */
struct store {
	const struct store_ops *ops;
	char *_Atomic url;		/* a mirror's changes with its
					 * members; old ones are kept */
	struct mutex busy_lock;
	struct cond idle;		/* busy has become 0 */
	unsigned busy GUARDED_BY(busy_lock);	/* calls under way */
	struct store_facts facts GUARDED_BY(busy_lock);
};

int store_init(struct store *s, const struct store_ops *ops,
    const char *url);
void store_done(struct store *s);

/* "a/b/c" of a-z, 0-9 and '-'; at most STORE_NAME_MAX bytes. */
bool store_name_ok(const char *name);
/* "" or a name and a '/'. */
bool store_prefix_ok(const char *prefix);
/* Is what stands under name these bytes?  0: yes; -EEXIST: no.  After a put
 * with STORE_IF_ABSENT that may have been made twice. */
int store_same(struct store *s, const char *name, const void *p, size_t len);
/* The common part of a probe: put, put again if absent, range, listing,
 * replacing, space, delete.  Adds to *caps what works; what is found beyond
 * them becomes the facts of s. */
int store_probe_run(struct store *s, unsigned *caps, struct err *e);
/* r, which a request of a probe gave, with what s says of it.  Returns r. */
int store_probe_why(struct store *s, int r, struct err *e);
/* After that: is an entity tag compared?  Only a fact; no failure. */
#define STORE_ETAG_MAX 128
struct store_matcher {
	/* A PUT; match: the value of If-Match, or NULL. */
	int (*put)(struct store *s, const char *name, const void *p,
	    size_t len, const char *match);
	/* As the server writes it; "" if it has none. */
	int (*etag)(struct store *s, const char *name,
	    char ret[static STORE_ETAG_MAX]);
};
void store_probe_match(struct store *s, const struct store_matcher *m);
/* And over what it was reached, and its clock. */
void store_probe_link(struct store *s, struct http *h);
/* Does an upload that breaks off show?  Over an object that is there, half of
 * another is put, as a lost connection would, and looked for during a second.
 * put makes one PUT and breaks off after cut_after bytes; 0: it does not. */
int store_probe_cut(struct store *s, int (*put)(struct store *s,
    const char *name, const void *p, size_t len, size_t cut_after),
    bool *ret_atomic);
/* A random name of an object that the probe may use. */
int store_probe_name(char name[static 32]);

/* The bare backend of an address. */
int store_backend_open(const char *url, const struct store_conf *conf,
    struct store **ret, struct err *e);
/* The backends; each by what follows its scheme. */
int store_mem_new(struct store **ret);
int store_dir_new(const char *path, struct store **ret, struct err *e);
int store_dav_new(const struct url *u, bool is_tls,
    const struct store_conf *conf, struct store **ret, struct err *e);
int store_nextcloud_new(const char *url, const struct store_conf *conf,
    struct store **ret, struct err *e);
int store_sftp_new(const struct url *u, const struct store_conf *conf,
    struct store **ret, struct err *e);
int store_s3_new(const char *url, const struct store_conf *conf,
    struct store **ret, struct err *e);
int store_swift_new(const char *url, const struct store_conf *conf,
    struct store **ret, struct err *e);

/* For wrappers that change little: pass on to what they wrap, which is kept
 * right behind the base. */
struct store_wrap {
	struct store base;
	struct store *in;
};
int store_wrap_init(struct store_wrap *w, const struct store_ops *ops,
    struct store *in);
int store_wrap_put(struct store *s, const char *name, const void *p,
    size_t len, unsigned flags);
int store_wrap_get(struct store *s, const char *name, struct buf *out);
int store_wrap_get_range(struct store *s, const char *name, uint64_t off,
    size_t len, struct buf *out);
int store_wrap_del(struct store *s, const char *name);
int store_wrap_list(struct store *s, const char *prefix,
    int (*fn)(void *arg, const char *name, uint64_t size), void *arg);
int store_wrap_space(struct store *s, struct store_space *ret);
unsigned store_wrap_caps(struct store *s);
int store_wrap_probe(struct store *s, struct err *e);
void store_wrap_notes(struct store *s, struct buf *out);
void store_wrap_facts(struct store *s, struct store_facts *ret);
void store_wrap_get_stats(struct store *s, struct store_stats *ret);
void store_wrap_get_hint(struct store *s, struct store_hint *ret);
void store_wrap_renew(struct store *s);
void store_wrap_interrupt(struct store *s, bool on);
void store_wrap_close(struct store *s);

#endif
