/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/access_priv.h"
#include "util/buf.h"
#include "util/err.h"

/*
 * store_access - a backend that is opened anew with another password.
 *
 * A backend that was refused asks its server no more.  Here it gives way to
 * one that was opened with what the source says now, if that is something
 * else; with the same only if the user asks, or very late: some lock an
 * account that is tried too often, or make all behind one address wait.
 * Whoever has not been let in yet is tried by one call, for all who wait.
 */

/* The source is read again no more often. */
#define LOOK_MIN_MS 30000
/* The same password is tried again, for the first time: a server whose
 * directory of users is out of order refuses everybody for a while, and nobody
 * may be there to ask.  One try in half an hour, ever more rarely, locks no
 * account. */
#define AGAIN_MIN_MS (30 * 60 * 1000LL)

#define CALL(st, what) do {						\
	struct access *a = (struct access *)(st);			\
	struct call k = { NULL, false, 0 };				\
	int r;								\
									\
	do {								\
		r = access_enter(a, &k);				\
		if (r < 0)						\
			return r;					\
		r = (what);						\
	} while (access_leave(a, &k, r));				\
	return r;							\
} while (0)

static int
access_put(struct store *s, const char *name, const void *p, size_t len,
    unsigned flags)
{
	CALL(s, store_put(k.h->store, name, p, len, flags));
}

static int
access_get(struct store *s, const char *name, struct buf *out)
{
	CALL(s, store_get(k.h->store, name, out));
}

static int
access_get_range(struct store *s, const char *name, uint64_t off,
    size_t len, struct buf *out)
{
	CALL(s, store_get_range(k.h->store, name, off, len, out));
}

static int
access_del(struct store *s, const char *name)
{
	CALL(s, store_delete(k.h->store, name));
}

static int
access_space(struct store *s, struct store_space *ret)
{
	CALL(s, store_space(k.h->store, ret));
}

static int
access_probe(struct store *s, struct err *e)
{
	struct access *a = (struct access *)s;
	struct call c = { NULL, false, 0 };
	int r;

	do {
		r = access_enter(a, &c);
		if (r < 0) {
			mutex_lock(&a->lock);
			if (r == -EACCES)
				(void)err_set(e, r, "%s", a->msg);
			mutex_unlock(&a->lock);
			return r;
		}
		r = store_probe(c.h->store, e);
	} while (access_leave(a, &c, r));
	return r;
}

/* Who lists may call us from there, and names cannot be taken back. */
struct relay {
	struct access *a;
	struct call *c;
	int (*fn)(void *arg, const char *name, uint64_t size);
	void *arg;
	bool is_begun;
};

static int
on_name(void *arg, const char *name, uint64_t size)
{
	struct relay *l = arg;

	if (!l->is_begun)
		access_let_in(l->a, l->c);
	l->is_begun = true;
	return l->fn(l->arg, name, size);
}

static int
access_list(struct store *s, const char *prefix,
    int (*fn)(void *arg, const char *name, uint64_t size), void *arg)
{
	struct access *a = (struct access *)s;
	struct call c = { NULL, false, 0 };
	struct relay l = { a, &c, fn, arg, false };
	int r;

	do {
		r = access_enter(a, &c);
		if (r < 0)
			return r;
		r = store_list(c.h->store, prefix, on_name, &l);
	} while (access_leave(a, &c, r) && !l.is_begun);
	return r;
}

/* ---- the rest ---------------------------------------------------------- */

static unsigned
access_caps(struct store *s)
{
	struct access *a = (struct access *)s;
	struct held *h = access_hold(a);
	unsigned caps = h ? store_caps(h->store) : STORE_CAP_UNPROBED;

	access_let_go(a, h);
	return caps;
}

static void
access_notes(struct store *s, struct buf *out)
{
	struct access *a = (struct access *)s;
	struct held *h = access_hold(a);

	if (h)
		store_notes(h->store, out);
	access_let_go(a, h);
}

static void
access_facts(struct store *s, struct store_facts *ret)
{
	struct access *a = (struct access *)s;
	struct held *h = access_hold(a);

	facts_init(ret);
	if (h)
		store_facts(h->store, ret);
	access_let_go(a, h);
}

static void
access_get_hint(struct store *s, struct store_hint *ret)
{
	struct access *a = (struct access *)s;
	struct held *h = access_hold(a);

	if (h)
		h->store->ops->get_hint(h->store, ret);
	mutex_lock(&a->lock);
	/* That the source fails is what there is to mend. */
	if (a->msg[0] && (!h || h->is_refused))
		memcpy(ret->msg, a->msg, sizeof(ret->msg));
	mutex_unlock(&a->lock);
	access_let_go(a, h);
}

static void
access_renew(struct store *s)
{
	struct access *a = (struct access *)s;

	mutex_lock(&a->lock);
	a->is_asked = true;
	mutex_unlock(&a->lock);
}

static void
access_interrupt(struct store *s, bool on)
{
	struct access *a = (struct access *)s;
	struct held *h;

	mutex_lock(&a->lock);
	a->is_interrupted = on;
	a->interrupts++;
	a->breaks += on;
	cond_broadcast(&a->changed);
	mutex_unlock(&a->lock);
	h = access_hold(a);
	if (h)
		store_interrupt(h->store, on);
	access_let_go(a, h);
}

static void
access_close(struct store *s)
{
	struct access *a = (struct access *)s;

	access_last(a);
	if (a->source.free)
		a->source.free(a->source.arg);
	cond_done(&a->changed);
	mutex_done(&a->lock);
	/* Our own copy. */
	free((void *)(uintptr_t)a->conf.hosts_file);
	free(a->address);
	store_done(s);
	free(a);
}

static const struct store_ops access_ops = {
	.put = access_put,
	.get = access_get,
	.get_range = access_get_range,
	.del = access_del,
	.list = access_list,
	.space = access_space,
	.caps = access_caps,
	.probe = access_probe,
	.notes = access_notes,
	.facts = access_facts,
	.get_hint = access_get_hint,
	.renew = access_renew,
	.interrupt = access_interrupt,
	.close = access_close,
};

/* What is not who we are, and does not change. */
static int
conf_keep(struct access *a, const struct store_conf *conf)
{
	const struct store_source *src = conf->source;

	a->conf.connections = conf->connections;
	a->conf.timeout_s = conf->timeout_s;
	if (conf->hosts_file) {
		a->conf.hosts_file = strdup(conf->hosts_file);
		if (!a->conf.hosts_file)
			return -ENOMEM;
	}
	a->look_min_ms = src && src->look_min_ms ? src->look_min_ms :
	    LOOK_MIN_MS;
	a->again_min_ms = src && src->again_min_ms ? src->again_min_ms :
	    AGAIN_MIN_MS;
	return 0;
}

/* The place without a user, for people. */
static void
address_show(const char *address, char *out, size_t cap)
{
	const char *host = strstr(address, "://"), *end, *at;

	host = host ? host + 3 : address;
	end = host + strcspn(host, "/?");
	at = memrchr(host, '@', (size_t)(end - host));
	(void)snprintf(out, cap, "%.*s%s", (int)(host - address), address,
	    at ? at + 1 : host);
}

int
store_access_new(const char *address, const struct store_conf *conf,
    struct store **ret, struct err *e)
{
	struct access *a = calloc(1, sizeof(*a));
	char shown[1024];
	int r;

	address_show(address, shown, sizeof(shown));
	if (!a || store_init(&a->base, &access_ops, shown) < 0) {
		free(a);
		if (conf->source)
			conf->source->free(conf->source->arg);
		return err_set(e, -ENOMEM, "out of memory");
	}
	mutex_init(&a->lock, RANK_STORE);
	cond_init(&a->changed);
	if (conf->source)
		a->source = *conf->source;
	a->address = strdup(address);
	r = a->address ? conf_keep(a, conf) : -ENOMEM;
	if (r < 0) {
		access_close(&a->base);
		return err_set(e, r, "out of memory");
	}
	r = access_first(a, conf, e);
	if (r < 0 && !conf->source) {
		access_close(&a->base);
		return r;
	}
	*ret = &a->base;
	return 0;
}
