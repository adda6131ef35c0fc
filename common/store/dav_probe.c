/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "store/dav_priv.h"
#include "util/err.h"

/* dav_probe - does this server show half an upload?  Break one off, as a
 * lost connection would, and look. */

#define CUT_LEN 65536

static void
set(struct dav *d, bool moving, unsigned caps)
{
	mutex_lock(&d->lock);
	d->is_moving = moving;
	d->caps = caps;
	mutex_unlock(&d->lock);
}

/* Over an object that is there, put half of another. */
static int
probe_cut(struct dav *d, const char *name, bool *ret_atomic)
{
	uint8_t old[CUT_LEN], new[CUT_LEN];
	char path[DAV_PATH_MAX];
	int r;

	if (getrandom(old, sizeof(old), 0) != sizeof(old) ||
	    getrandom(new, sizeof(new), 0) != sizeof(new))
		return -EIO;
	dav_path(d, name, path);
	r = dav_put_at(d, path, old, sizeof(old), false, 0);
	if (r < 0)
		return r;
	/* It fails; how does not matter.  An interruption shows next. */
	(void)dav_put_at(d, path, new, sizeof(new), false, CUT_LEN / 2);
	r = store_same(&d->base, name, old, sizeof(old));
	if (r == 0 || r == -EEXIST || r == -EHOSTUNREACH || r == -EPROTO)
		*ret_atomic = r == 0;
	else
		return r;
	r = d->base.ops->del(&d->base, name);
	return r == -ENOENT ? 0 : r;
}

int
dav_probe(struct store *s, struct err *e)
{
	struct dav *d = (struct dav *)s;
	bool is_atomic = true;
	struct store_hint hint;
	unsigned caps = 0;
	char name[32];
	int r;

	r = dav_cloud_probe(d, e);
	if (r < 0)
		return r;
	r = store_probe_name(name);
	if (r == 0) {
		set(d, false, STORE_CAP_RANGE | STORE_CAP_ATOMIC_PUT);
		r = probe_cut(d, name, &is_atomic);
	}
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
