/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "drive/drive.h"
#include "fs/conf.h"
#include "fs/pass.h"
#include "fs/place.h"
#include "fs/stores.h"
#include "fs/unlock.h"
#include "store/mirror.h"
#include "store/store.h"
#include "sync/sync.h"
#include "util/buf.h"
#include "util/err.h"
#include "util/file.h"
#include "util/log.h"
#include "vault/vault.h"

/* Transient failures inside one call are tried again this often; the sync
 * engine has its own patience on top. */
#define STORE_RETRIES 3

void
parts_init(struct parts *p, const char *name)
{
	memset(p, 0, sizeof(*p));
	p->name = name;
	opts_init(&p->opts);
	opts_init(&p->given);
}

void
parts_done(struct parts *p)
{
	if (p->sync)
		sync_stop(p->sync, 0);
	store_close(p->store);
	if (p->drive)
		drive_close(p->drive);
	vault_keys_free(p->keys);
	opts_done(&p->opts);
	opts_done(&p->given);
	memset(p, 0, sizeof(*p));
}

int
parts_load(struct parts *p, struct err *e)
{
	if (!place_name_valid(p->name))
		return err_set(e, -EINVAL, "'%.80s' cannot be a drive's name: "
		    "letters, digits, '-', '_' and '.', at most %d",
		    p->name, PLACE_NAME_MAX);
	return conf_load(p->name, &p->opts, e);
}

static int
key_read(const struct parts *p, char path[static PATH_MAX], struct buf *ret,
    struct err *e)
{
	int r;

	r = place_path(PLACE_KEY, p->name, path, e);
	if (r < 0)
		return r;
	r = file_read(path, ret);
	return r < 0 ? err_set(e, r, "keys '%s': %s; 'coffre recover' makes "
	    "new ones from the recovery key", path, strerror(-r)) : 0;
}

int
parts_unlock_with(struct parts *p, const struct secret *pass, struct err *e)
{
	struct buf file = BUF_INIT(KEYSTORE_MAX), keys = BUF_INIT(KEYSTORE_MAX);
	char path[PATH_MAX];
	int r;

	r = key_read(p, path, &file, e);
	if (r < 0)
		goto out;
	r = keystore_open(pass->p, pass->len, file.data, file.len, &keys);
	if (r == 0)
		r = vault_keys_decode(keys.data, keys.len, &p->keys);
	if (r == -EKEYREJECTED)
		err_set(e, r, "wrong passphrase for drive '%s' (or '%s' was "
		    "changed)", p->name, path);
	else if (r < 0)
		err_set(e, r, "keys '%s' cannot be read: %s; 'coffre recover' "
		    "makes new ones from the recovery key", path,
		    strerror(-r));
out:
	buf_wipe(&keys);
	buf_done(&file);
	return r;
}

int
parts_have_keystore(const struct parts *p, struct err *e)
{
	struct buf file = BUF_INIT(KEYSTORE_MAX);
	char path[PATH_MAX];
	int r;

	r = key_read(p, path, &file, e);
	buf_done(&file);
	return r;
}

int
parts_open_drive(struct parts *p, struct err *e)
{
	struct vault_keys *k = p->keys;
	struct drive_conf c;
	char state[PATH_MAX];
	int r;

	r = place_path(PLACE_STATE, p->name, state, e);
	if (r < 0)
		return r;
	r = file_mkdirs(state);
	if (r < 0)
		return err_set(e, r, "'%s': %s", state, strerror(-r));
	memset(&c, 0, sizeof(c));
	c.state_dir = state;
	c.drive = &k->drive;
	c.realm = &k->realm;
	c.local_key = k->local_key;
	c.dev = k->self.id;
	c.dev_index = get_le32(k->self.id.b);
	c.owner_uid = geteuid();
	c.owner_gid = getegid();
	/* Only root can be asked to keep files of others. */
	c.is_multi_user = geteuid() == 0;
	c.cache_max = p->opts.cache;
	c.stage_max = p->opts.stage;
	c.free_floor = p->opts.floor;
	c.memory_max = p->opts.memory;
	return drive_open(&c, &p->drive, e);
}

static int
url_check(const struct parts *p, struct err *e)
{
	return p->opts.store ? 0 : err_set(e, -EINVAL, "drive '%s' has no "
	    "store: put 'store = URL' into its configuration", p->name);
}

int
parts_open_store_with(struct parts *p, const char *password, struct err *e)
{
	int r = url_check(p, e);

	return r < 0 ? r : stores_open(&p->opts, &p->opts, password,
	    STORE_RETRIES, &p->store, e);
}

/* Another store may have become the first one since the settings were read. */
static int
first_look(struct parts *p, struct err *e)
{
	struct opts now;
	int r;

	opts_init(&now);
	r = conf_load(p->name, &now, e);
	if (r == 0 && now.store && strcmp(now.store, p->opts.store) != 0) {
		r = stores_take(&p->opts, &now, e);
		/* "mount -o" meant the one that has left. */
		opts_done(&p->given);
		opts_init(&p->given);
	}
	opts_done(&now);
	return r;
}

int
parts_open_store(struct parts *p, struct err *e)
{
	struct err why = { "" };
	int r = url_check(p, e);

	if (r == 0)
		r = stores_promote_rest(p->name, e);
	if (r == 0)
		r = first_look(p, e);
	if (r < 0)
		return r;
	p->closed.msg[0] = '\0';
	r = stores_open_kept(&p->opts, &p->given, p->name, p->opts.store,
	    STORE_RETRIES, !p->is_mount, &p->store, &why);
	if (r < 0) {
		*e = why;
		return r;
	}
	r = stores_join(p, &why, e);
	if (r == 0 && why.msg[0]) {
		log_warn("%s", why.msg);
		p->closed = why;
	}
	return r;
}

int
parts_start_sync(struct parts *p, struct err *e)
{
	struct sync_conf c;

	memset(&c, 0, sizeof(c));
	c.drive = p->drive;
	c.store = p->store;
	c.keys = p->keys;
	c.quiet_ms = (int64_t)p->opts.quiet * 1000;
	c.uploads = (unsigned)(p->opts.connections + 1) / 2;
	c.downloads = (unsigned)p->opts.connections;
	c.checkpoint_segments = (unsigned)p->opts.checkpoint;
	c.readahead_max = p->opts.readahead;
	c.on_link = p->on_link;
	c.arg = p->on_link_arg;
	return sync_start(&c, &p->sync, e);
}

int
parts_open(struct parts *p, const struct pass_from *f, bool with_store,
    struct err *e)
{
	int r;

	r = crypto_init();
	if (r < 0)
		return err_set(e, r, "the cryptographic library lacks what "
		    "is needed");
	r = parts_load(p, e);
	if (r == 0)
		r = unlock_keys(p, f, unlock_who(), e);
	if (r == 0)
		r = parts_open_drive(p, e);
	if (r == 0 && with_store)
		r = parts_open_store(p, e);
	/* Nothing could be done with the only one. */
	if (r == 0 && p->closed.msg[0] && store_mirror_count(p->store) == 0) {
		*e = p->closed;
		r = -EACCES;
	}
	return r;
}

int
parts_save_keys(const struct parts *p, const struct secret *pass,
    struct err *e)
{
	struct buf keys = BUF_INIT(KEYSTORE_MAX), out = BUF_INIT(KEYSTORE_MAX);
	char path[PATH_MAX], dir[PATH_MAX];
	int r;

	r = place_path(PLACE_KEY, p->name, path, e);
	if (r < 0)
		return r;
	(void)snprintf(dir, sizeof(dir), "%s", path);
	*strrchr(dir, '/') = '\0';
	r = file_mkdirs(dir);
	if (r == 0)
		r = vault_keys_encode(p->keys, &keys);
	if (r == 0)
		r = keystore_seal(pass->p, pass->len, 0, keys.data, keys.len,
		    &out);
	if (r == 0)
		r = file_write(path, out.data, out.len, 0600);
	if (r < 0)
		err_set(e, r, "keys '%s': %s", path, strerror(-r));
	buf_wipe(&keys);
	buf_done(&out);
	return r;
}
