/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "store/sftp_priv.h"
#include "util/err.h"
#include "util/tr.h"

/* sftp_probe - what this host does. */

/* Make the folder of the store, and those above it; tell the extensions. */
static int
root_make(struct sftp_conn *c, void *arg)
{
	char path[SFTP_PATH_MAX];
	unsigned *exts = arg;
	char *slash;
	int r;

	*exts = c->exts;
	r = sftp_path(c->store, "", path);
	if (r == 0)
		r = sftp_missing(c);
	if (r == -ENOENT || c->is_broken || r != -EHOSTUNREACH)
		return r == -ENOENT ? 0 : r;
	for (slash = strchr(path + 1, '/'); slash;
	    slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)sftp_mkdir(c, path);
		*slash = '/';
		if (c->is_broken)
			return -EHOSTUNREACH;
	}
	r = sftp_mkdir(c, path);
	if (r < 0)
		sftp_say(c, "the folder '%.100s' cannot be made on "
		    "%.80s", path, c->store->host);
	return r == -EIO ? -EACCES : r;
}

int
sftp_probe(struct store *st, struct err *e)
{
	struct sftp *s = (struct sftp *)st;
	unsigned caps = 0, exts = 0;
	int r;

	mutex_lock(&s->lock);
	s->is_unflushed = false;
	mutex_unlock(&s->lock);
	r = sftp_run(s, root_make, &exts);
	if (r < 0)
		return store_probe_why(st, r, e);
	r = store_probe_run(st, &caps, e);
	if (r < 0)
		return r;
	if (exts & SFTP_EXT_POSIX_RENAME)
		caps |= STORE_CAP_ATOMIC_PUT;
	mutex_lock(&s->lock);
	s->caps = caps;
	mutex_unlock(&s->lock);
	return 0;
}

void
sftp_notes(struct store *st, struct buf *out)
{
	struct sftp *s = (struct sftp *)st;
	bool is_unflushed;

	mutex_lock(&s->lock);
	is_unflushed = s->is_unflushed;
	mutex_unlock(&s->lock);
	if (is_unflushed)
		(void)buf_printf(out, "uploads: this host does not flush to "
		    "its disk when asked (no fsync@openssh.com): a power cut "
		    "there may lose what it has just taken\n");
}
