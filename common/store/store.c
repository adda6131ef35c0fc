/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/url.h"
#include "store/access.h"
#include "store/backend.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"

int
store_init(struct store *s, const struct store_ops *ops, const char *url)
{
	s->url = strdup(url);
	if (!s->url)
		return -ENOMEM;
	s->ops = ops;
	mutex_init(&s->busy_lock, RANK_STORE);
	cond_init(&s->idle);
	mutex_lock(&s->busy_lock);
	facts_init(&s->facts);
	mutex_unlock(&s->busy_lock);
	return 0;
}

void
store_done(struct store *s)
{
	if (!s->url)
		return;
	free(s->url);
	cond_done(&s->idle);
	mutex_done(&s->busy_lock);
}

bool
store_name_ok(const char *name)
{
	char before = '/';
	const char *p;

	for (p = name; *p; before = *p++) {
		if (*p == '/' && before == '/')
			return false;
		if (*p != '/' && *p != '-' && !(*p >= 'a' && *p <= 'z') &&
		    !(*p >= '0' && *p <= '9'))
			return false;
	}
	return before != '/' && p - name <= STORE_NAME_MAX;
}

bool
store_prefix_ok(const char *prefix)
{
	char name[STORE_NAME_MAX + 1];
	size_t len = strlen(prefix);

	if (len == 0)
		return true;
	if (len > STORE_NAME_MAX || prefix[len - 1] != '/')
		return false;
	memcpy(name, prefix, len - 1);
	name[len - 1] = '\0';
	return store_name_ok(name);
}

static void
enter(struct store *s)
{
	mutex_lock(&s->busy_lock);
	s->busy++;
	mutex_unlock(&s->busy_lock);
}

static int
leave(struct store *s, int r)
{
	mutex_lock(&s->busy_lock);
	if (--s->busy == 0)
		cond_broadcast(&s->idle);
	mutex_unlock(&s->busy_lock);
	return r;
}

int
store_put(struct store *s, const char *name, const void *p, size_t len,
    unsigned flags)
{
	if (!store_name_ok(name) || (flags & ~(unsigned)STORE_IF_ABSENT))
		return -EINVAL;
	enter(s);
	return leave(s, s->ops->put(s, name, p, len, flags));
}

int
store_get(struct store *s, const char *name, struct buf *out)
{
	if (!store_name_ok(name))
		return -EINVAL;
	if (out->err)
		return out->err;
	enter(s);
	return leave(s, s->ops->get(s, name, out));
}

int
store_get_range(struct store *s, const char *name, uint64_t off, size_t len,
    struct buf *out)
{
	if (!store_name_ok(name) || off > INT64_MAX || len > INT64_MAX - off)
		return -EINVAL;
	if (out->err)
		return out->err;
	if (len > out->max - out->len)
		return -EFBIG;
	enter(s);
	return leave(s, s->ops->get_range(s, name, off, len, out));
}

int
store_delete(struct store *s, const char *name)
{
	if (!store_name_ok(name))
		return -EINVAL;
	enter(s);
	return leave(s, s->ops->del(s, name));
}

int
store_list(struct store *s, const char *prefix,
    int (*fn)(void *arg, const char *name, uint64_t size), void *arg)
{
	if (!store_prefix_ok(prefix))
		return -EINVAL;
	enter(s);
	return leave(s, s->ops->list(s, prefix, fn, arg));
}

int
store_space(struct store *s, struct store_space *ret)
{
	enter(s);
	return leave(s, s->ops->space(s, ret));
}

unsigned
store_caps(struct store *s)
{
	return s->ops->caps(s);
}

int
store_probe(struct store *s, struct err *e)
{
	unsigned caps;
	int r;

	enter(s);
	r = s->ops->probe(s, e);
	if (r == 0) {
		caps = s->ops->caps(s);
		mutex_lock(&s->busy_lock);
		s->facts.caps = caps & ~(unsigned)STORE_CAP_UNPROBED;
		s->facts.time_s = clock_real_ns() / 1000000000;
		mutex_unlock(&s->busy_lock);
	}
	return leave(s, r);
}

void
store_facts(struct store *s, struct store_facts *ret)
{
	if (s->ops->facts) {
		s->ops->facts(s, ret);
		return;
	}
	mutex_lock(&s->busy_lock);
	*ret = s->facts;
	mutex_unlock(&s->busy_lock);
}

void
store_notes(struct store *s, struct buf *out)
{
	if (s->ops->notes)
		s->ops->notes(s, out);
}

const char *
store_url(const struct store *s)
{
	return s->url;
}

void
store_get_stats(struct store *s, struct store_stats *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (s->ops->get_stats)
		s->ops->get_stats(s, ret);
}

void
store_interrupt(struct store *s, bool on)
{
	s->ops->interrupt(s, on);
}

void
store_renew(struct store *s)
{
	if (s->ops->renew)
		s->ops->renew(s);
}

void
store_close(struct store *s)
{
	if (!s)
		return;
	mutex_lock(&s->busy_lock);
	while (s->busy)
		cond_wait(&s->idle, &s->busy_lock);
	mutex_unlock(&s->busy_lock);
	s->ops->close(s);
}

bool
store_transient(int r)
{
	return r == -EHOSTUNREACH || r == -ETIMEDOUT || r == -EAGAIN ||
	    r == -EINTR || r == -ESTALE;
}

/* What is reached by an address of a host. */
static int
remote_open(const char *url, const struct store_conf *conf, struct store **ret,
    struct err *e)
{
	struct url u;
	int r;

	memset(&u, 0, sizeof(u));
	r = url_parse(url, &u, e);
	if (r < 0)
		return r;
	if (strcmp(u.scheme, "webdavs") == 0)
		r = store_dav_new(&u, true, conf, ret, e);
	else if (strcmp(u.scheme, "webdav") == 0)
		r = store_dav_new(&u, false, conf, ret, e);
	else if (strcmp(u.scheme, "sftp") == 0)
		r = store_sftp_new(&u, conf, ret, e);
	else
		r = err_set(e, -EINVAL, "no store is of the kind '%s': it is "
		    "dir, webdav, webdavs, sftp, s3 or swift", u.scheme);
	url_done(&u);
	return r;
}

int
store_backend_open(const char *url, const struct store_conf *conf,
    struct store **ret, struct err *e)
{
	int r;

	if (strncmp(url, "dir:", 4) == 0)
		return store_dir_new(url + 4, ret, e);
	if (strcmp(url, "mem:") == 0) {
		r = store_mem_new(ret);
		return r < 0 ? err_set(e, r, "out of memory") : 0;
	}
	if (strncmp(url, "s3://", 5) == 0)
		return store_s3_new(url, conf, ret, e);
	if (strncmp(url, "nextcloud://", 12) == 0)
		return store_nextcloud_new(url, conf, ret, e);
	if (strncmp(url, "swift://", 8) == 0)
		return store_swift_new(url, conf, ret, e);
	return remote_open(url, conf, ret, e);
}

/* A folder asks nobody who he is. */
static int
access_open(const char *url, const struct store_conf *conf,
    struct store **ret, struct err *e)
{
	if (strncmp(url, "dir:", 4) != 0 && strcmp(url, "mem:") != 0)
		return store_access_new(url, conf, ret, e);
	if (conf->source)
		conf->source->free(conf->source->arg);
	return store_backend_open(url, conf, ret, e);
}

int
store_open(const char *url, const struct store_conf *conf,
    struct store **ret, struct err *e)
{
	struct store_conf none;
	struct store *s;
	int r;

	memset(&none, 0, sizeof(none));
	if (!conf)
		conf = &none;
	r = access_open(url, conf, &s, e);
	if (r < 0)
		return r;
	/* Each wrapper takes over s, also when it fails. */
	if (conf->retries)
		r = store_retry_new(s, conf->retries, &s);
	if (r == 0 && (conf->up_bytes_s || conf->down_bytes_s))
		r = store_limit_new(s, conf->up_bytes_s, conf->down_bytes_s,
		    &s);
	if (r == 0)
		r = store_stats_new(s, &s);
	if (r == 0 && conf->record)
		r = store_record_new(s, conf->record, &s);
	if (r < 0)
		return err_set(e, r, "out of memory");
	*ret = s;
	return 0;
}
