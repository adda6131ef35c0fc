/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "store/dav_priv.h"
#include "util/err.h"

/* dav_probe - does this server show half an upload, and can it move?  What
 * follows is how objects are put. */

static void
set(struct dav *d, bool moving, unsigned caps)
{
	mutex_lock(&d->lock);
	d->is_moving = moving;
	d->caps = caps;
	mutex_unlock(&d->lock);
}

static int
put_cut(struct store *s, const char *name, const void *p, size_t len,
    size_t cut_after)
{
	struct dav *d = (struct dav *)s;
	char path[DAV_PATH_MAX];

	dav_path(d, name, path);
	return dav_put_at(d, path, p, len, false, cut_after);
}

int
dav_probe(struct store *s, struct err *e)
{
	struct dav *d = (struct dav *)s;
	bool is_atomic = true;
	struct store_hint hint;
	unsigned caps = 0;
	int r;

	r = dav_cloud_probe(d, e);
	if (r < 0)
		return r;
	set(d, false, STORE_CAP_RANGE | STORE_CAP_ATOMIC_PUT);
	r = store_probe_cut(s, put_cut, &is_atomic);
	if (r < 0) {
		s->ops->get_hint(s, &hint);
		return err_set(e, r, "%s", hint.msg[0] ? hint.msg :
		    strerror(-r));
	}
	if (!is_atomic) {
		set(d, true, STORE_CAP_RANGE | STORE_CAP_ATOMIC_PUT);
		r = store_probe_run(s, &caps, e);
		if (r == 0) {
			set(d, true, caps | STORE_CAP_ATOMIC_PUT);
			return 0;
		}
		if (r != -EOPNOTSUPP && r != -EPROTO)
			return r;
		/* It cannot move either: half an object may be seen, and
		 * those above must verify what they get, as they do. */
		set(d, false, STORE_CAP_RANGE);
		caps = 0;
	}
	r = store_probe_run(s, &caps, e);
	if (r == 0)
		set(d, false, caps | (is_atomic ? STORE_CAP_ATOMIC_PUT : 0u));
	return r;
}
