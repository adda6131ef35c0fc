/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/slots.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fs/keyring.h"
#include "fs/parts.h"
#include "fs/place.h"
#include "util/buf.h"
#include "util/err.h"
#include "util/file.h"
#include "vault/vault.h"

static int
path_of(const char *name, enum slot_kind kind, char out[static PATH_MAX],
    struct err *e)
{
	char dir[PATH_MAX];
	int r;

	if (kind == SLOT_KEYRING)
		return place_path(PLACE_SLOT, name, out, e);
	r = place_session_dir(dir);
	if (r == 0 && snprintf(out, PATH_MAX, "%s/%s.slot", dir, name) >=
	    PATH_MAX)
		r = -ENAMETOOLONG;
	return r < 0 ? err_set(e, r, "there is no folder of this session "
	    "(XDG_RUNTIME_DIR)") : 0;
}

static int
slot_read(const char *name, enum slot_kind kind, struct buf *ret,
    struct err *e)
{
	char path[PATH_MAX];
	int r;

	r = path_of(name, kind, path, e);
	if (r < 0)
		return r;
	r = file_read(path, ret);
	return r < 0 ? err_set(e, r, "'%s': %s", path, strerror(-r)) : 0;
}

/* The passphrase file: a slot belongs to one. */
static int
keystore_read(const char *name, struct buf *ret, struct err *e)
{
	char path[PATH_MAX];
	int r;

	r = place_path(PLACE_KEY, name, path, e);
	if (r < 0)
		return r;
	r = file_read(path, ret);
	return r < 0 ? err_set(e, r, "keys '%s': %s", path, strerror(-r)) : 0;
}

int
slots_id(const char *name, enum slot_kind kind,
    uint8_t ret[static SLOT_ID_LEN])
{
	struct buf b = BUF_INIT(SLOT_MAX);
	int r;

	r = slot_read(name, kind, &b, NULL);
	if (r == 0)
		r = slot_id(kind, b.data, b.len, ret);
	buf_done(&b);
	return r;
}

int
slots_make(const struct parts *p, enum slot_kind kind,
    const uint8_t key[static SLOT_KEY_LEN],
    const uint8_t id[static SLOT_ID_LEN], struct err *e)
{
	struct buf ks = BUF_INIT(KEYSTORE_MAX), keys = BUF_INIT(KEYSTORE_MAX);
	struct buf out = BUF_INIT(SLOT_MAX);
	char path[PATH_MAX], dir[PATH_MAX];
	int r;

	r = path_of(p->name, kind, path, e);
	if (r == 0)
		r = keystore_read(p->name, &ks, e);
	if (r < 0)
		goto out;
	(void)snprintf(dir, sizeof(dir), "%s", path);
	*strrchr(dir, '/') = '\0';
	r = file_mkdirs(dir);
	if (r == 0)
		r = vault_keys_encode(p->keys, &keys);
	if (r == 0)
		r = slot_seal(kind, key, id, ks.data, ks.len, keys.data,
		    keys.len, &out);
	if (r == 0)
		r = file_write(path, out.data, out.len, 0600);
	if (r < 0)
		(void)err_set(e, r, "'%s': %s", path, strerror(-r));
out:
	buf_wipe(&keys);
	buf_done(&out);
	buf_done(&ks);
	return r;
}

int
slots_open(struct parts *p, enum slot_kind kind,
    const uint8_t key[static SLOT_KEY_LEN], struct err *e)
{
	struct buf ks = BUF_INIT(KEYSTORE_MAX), keys = BUF_INIT(KEYSTORE_MAX);
	struct buf slot = BUF_INIT(SLOT_MAX);
	int r;

	r = slot_read(p->name, kind, &slot, e);
	if (r == 0)
		r = keystore_read(p->name, &ks, e);
	if (r < 0)
		goto out;
	r = slot_open(kind, key, ks.data, ks.len, slot.data, slot.len, &keys);
	if (r == 0)
		r = vault_keys_decode(keys.data, keys.len, &p->keys);
	if (r == -EKEYREJECTED)
		(void)err_set(e, r, "the key that the keyring has for drive "
		    "'%s' does not open it; 'coffre keyring enable %s' makes "
		    "another", p->name, p->name);
	else if (r < 0)
		(void)err_set(e, r, "what the keyring opens of drive '%s' "
		    "cannot be read: %s; 'coffre keyring enable %s' makes it "
		    "anew", p->name, strerror(-r), p->name);
out:
	buf_wipe(&keys);
	buf_done(&slot);
	buf_done(&ks);
	return r;
}

int
slots_remove(const char *name, enum slot_kind kind, struct err *e)
{
	char path[PATH_MAX];
	int r;

	r = path_of(name, kind, path, e);
	if (r < 0)
		return kind == SLOT_SESSION ? 0 : r;
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set(e, -errno, "'%s': %s", path, strerror(errno));
	return 0;
}

/* What the keyring has taken it must also give back. */
static int
key_give(const char *name, const uint8_t id[static SLOT_ID_LEN],
    const uint8_t *key, uint8_t *back, struct err *e)
{
	int r;

	r = keyring_store(name, id, key, e);
	if (r == 0)
		r = keyring_get(id, true, back, e);
	if (r == 0 && !crypto_equal(key, back, SLOT_KEY_LEN))
		r = err_set(e, -EIO, "the keyring of the session gives back "
		    "another key than it was given");
	return r;
}

int
slots_to_keyring(const struct parts *p, struct err *e)
{
	uint8_t id[SLOT_ID_LEN], old[SLOT_ID_LEN], *key;
	bool has_old = slots_id(p->name, SLOT_KEYRING, old) == 0;
	int r;

	key = crypto_secret_alloc((size_t)2 * SLOT_KEY_LEN);
	if (!key)
		return err_set(e, -ENOMEM, "out of memory");
	crypto_random(key, SLOT_KEY_LEN);
	crypto_random(id, sizeof(id));
	r = key_give(p->name, id, key, key + SLOT_KEY_LEN, e);
	if (r == 0)
		r = slots_make(p, SLOT_KEYRING, key, id, e);
	crypto_secret_free(key);
	if (r < 0)
		(void)keyring_clear(id, NULL);
	else if (has_old)
		(void)keyring_clear(old, NULL);
	return r;
}
