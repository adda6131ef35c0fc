/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/dav_priv.h"

/*
 * dav_coll - collections must be there before what lies in them.
 *
 * Asking for each new one before the first upload into it costs one small
 * request; letting the upload find out would cost the whole of it.
 */

#define PARENTS_MAX 64
/* Somebody else is making the same one, under a lock of the server's. */
#define BUSY_TRIES 10
#define BUSY_MS 20

static bool
known_has(struct dav *d, const char *path)
{
	struct dav_known *k;

	if (strcmp(path, "/") == 0)
		return true;
	mutex_lock(&d->lock);
	HASH_FIND_STR(d->known, path, k);
	mutex_unlock(&d->lock);
	return k != NULL;
}

static void
known_clear_locked(struct dav *d) REQUIRES(d->lock)
{
	struct dav_known *k, *next;

	HASH_ITER(hh, d->known, k, next) {
		HASH_DEL(d->known, k);
		free(k);
	}
}

void
dav_known_clear(struct dav *d)
{
	mutex_lock(&d->lock);
	known_clear_locked(d);
	mutex_unlock(&d->lock);
}

/* Without memory it is not remembered, and asked for again. */
static void
known_add(struct dav *d, const char *path)
{
	size_t n = strlen(path) + 1;
	struct dav_known *k, *old;

	k = calloc(1, sizeof(*k) + n);
	if (!k)
		return;
	memcpy(k->path, path, n);
	mutex_lock(&d->lock);
	if (HASH_COUNT(d->known) >= DAV_KNOWN_MAX)
		known_clear_locked(d);
	HASH_FIND_STR(d->known, path, old);
	if (!old)
		HASH_ADD_STR(d->known, path, k);
	if (old || HASH_IS_OUT(k))
		free(k);
	mutex_unlock(&d->lock);
}

/* Cut the last segment off a collection's path; false at the root. */
static bool
path_up(char *path)
{
	size_t n = strlen(path);

	if (n < 2)
		return false;
	for (n--; n > 0 && path[n - 1] != '/'; n--)
		;
	path[n] = '\0';
	return n > 0;
}

/* MKCOL.  0 if it is there now, or if only what goes into it can tell;
 * -ENOENT if the one above is missing. */
static int
coll_make(struct dav *d, const char *path)
{
	struct http_req q = { .method = "MKCOL", .is_write = true };
	struct http_resp a;
	int i, r;

	r = dav_call(d, path, &q, &a);
	for (i = 1; r < 0 && a.status == 423 && i < BUSY_TRIES; i++) {
		thread_pause_ms(BUSY_MS);
		r = dav_call(d, path, &q, &a);
	}
	/* 405: there is one; some lead to it under another address. */
	if (r == 0 || a.status == 405 || a.status == 301 || a.status == 308) {
		known_add(d, path);
		return 0;
	}
	/* A folder that is shared with us often cannot be "made". */
	if (a.status == 403)
		return 0;
	if (a.status == 409 || a.status == 404)
		return -ENOENT;
	/* Doing it twice is no harm, so nobody has to wonder. */
	return r == -ETIMEDOUT ? -EHOSTUNREACH : r;
}

int
dav_parents_make(struct dav *d, const char *path)
{
	char at[DAV_PATH_MAX], *slash;
	size_t missing[PARENTS_MAX];
	int n = 0, r;

	(void)snprintf(at, sizeof(at), "%s", path);
	slash = strrchr(at, '/');
	if (!slash)
		return -EINVAL;
	slash[1] = '\0';

	/* Upwards to one that is there or can be made. */
	while (!known_has(d, at)) {
		r = coll_make(d, at);
		if (r == 0)
			break;
		if (r != -ENOENT)
			return r;
		if (n == PARENTS_MAX)
			return -EINVAL;
		missing[n++] = strlen(at);
		if (!path_up(at))
			break;
	}
	/* And down again. */
	while (n > 0) {
		memcpy(at, path, missing[--n]);
		at[missing[n]] = '\0';
		r = coll_make(d, at);
		if (r == -ENOENT) {
			dav_say(d, "%s has no folder '%.100s' and does not "
			    "let it be made", d->host, at);
			return -EPROTO;
		}
		if (r < 0)
			return r;
	}
	return 0;
}
