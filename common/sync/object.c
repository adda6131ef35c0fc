/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync/sync_priv.h"

#include <errno.h>
#include <string.h>

#include "util/log.h"
#include "util/thread.h"

/* How long to wait before the second try; it doubles. */
#define GET_WAIT_MS 200

/* The store says that there is something: is it ours? */
static int
put_resolve(struct store *st, const char *name, const void *p, size_t len,
    enum object_kind kind)
{
	struct buf there = BUF_INIT(len > SYNC_RECORD_MAX ? len :
	    SYNC_RECORD_MAX);
	bool is_other;
	int r;

	r = object_get(st, name, 2, &there);
	if (r == -ENOENT)
		r = -EHOSTUNREACH;	/* it lags behind; again later */
	/* What is larger is not what we have put. */
	is_other = r == -EFBIG;
	if (r < 0 && !is_other)
		goto out;
	if (!is_other && there.len == len && memcmp(there.data, p, len) == 0)
		goto out;
	/* A beginning of our bytes is a put of ours that was cut.  Under a
	 * random name nobody else writes, so that anything is. */
	if (kind == OBJECT_OWN || (!is_other && (there.len == 0 ||
	    (there.len < len && memcmp(there.data, p, there.len) == 0))))
		r = store_put(st, name, p, len, 0);
	else
		r = -EEXIST;
out:
	buf_done(&there);
	return r;
}

int
object_put(struct store *st, const char *name, const void *p, size_t len,
    enum object_kind kind)
{
	int r;

	if (kind == OBJECT_HEAD)
		return store_put(st, name, p, len, 0);
	r = store_put(st, name, p, len, STORE_IF_ABSENT);
	if (r == -EEXIST)
		r = put_resolve(st, name, p, len, kind);
	return r;
}

int
object_get_range(struct store *st, const char *name, uint64_t off,
    size_t len, unsigned tries, struct buf *out)
{
	int64_t wait = GET_WAIT_MS;
	unsigned i;
	int r = 0;

	for (i = 0; i < tries; i++) {
		if (i > 0) {
			thread_pause_ms(wait);
			wait *= 2;
		}
		if (len)
			r = store_get_range(st, name, off, len, out);
		else
			r = store_get(st, name, out);
		if (!store_transient(r) || r == -ECANCELED)
			break;
	}
	return r;
}

int
object_get(struct store *st, const char *name, unsigned tries,
    struct buf *out)
{
	return object_get_range(st, name, 0, 0, tries, out);
}

int
object_get_segment(struct store *st, const struct vault_keys *k,
    const struct vault_id *dev, uint64_t seq, unsigned tries,
    struct buf *out)
{
	char name[VAULT_PATH_MAX];
	struct vault_tag tag;

	vault_device_tag(k, dev, &tag);
	vault_name_segment(&k->rtag, &tag, seq, name);
	return object_get(st, name, tries, out);
}

int
object_get_head(struct store *st, const struct vault_keys *k,
    const struct vault_device *dev, unsigned tries, struct vault_head *ret)
{
	struct buf b = BUF_INIT(SYNC_SMALL_MAX);
	char name[VAULT_PATH_MAX];
	struct vault_tag tag;
	int r;

	vault_device_tag(k, &dev->id, &tag);
	vault_name_head(&k->rtag, &tag, name);
	r = object_get(st, name, tries, &b);
	if (r == 0)
		r = head_open(k, dev, b.data, b.len, ret);
	buf_done(&b);
	return r;
}

int
object_check_genesis(struct store *st, const struct vault_keys *k,
    unsigned tries)
{
	struct buf b = BUF_INIT(SYNC_SMALL_MAX);
	struct vault_genesis g;
	char name[VAULT_PATH_MAX];
	int r;

	vault_name_genesis(name);
	r = object_get(st, name, tries, &b);
	if (r == 0)
		r = vault_genesis_open(b.data, b.len, &g);
	/* Spoiled on its way, perhaps: that is no other drive. */
	if (r == -EBADMSG)
		r = -EPROTO;
	if (r == 0 && !vault_id_eq(&g.drive, &k->drive))
		r = -EBADMSG;
	buf_done(&b);
	return r;
}

/* ---- what the drive keeps ---- */

int
value_get(struct drive *d, const char *key, size_t len, struct buf *out)
{
	int r = drive_kv_get(d, key, out);

	if (r == 0 && len && out->len != len)
		r = -EPROTO;
	if (r == -EIO || r == -EPROTO) {
		log_warn("sync: '%s' is damaged on this machine's disk: it is "
		    "made anew", key);
		buf_reset(out);
		r = -ENOENT;
	}
	return r;
}

#define MARK_LEN (8 * 3 + VAULT_HASH_LEN)

int
ckpt_mark_get(struct drive *d, struct ckpt_mark *ret)
{
	struct buf b = BUF_INIT(1024);
	struct ckpt_mark m;
	struct rd rd;
	int r;

	r = value_get(d, SYNC_KV_CKPT, MARK_LEN, &b);
	if (r == 0) {
		rd = rd_of(b.data, b.len);
		m.seq = rd_u64(&rd);
		m.n = rd_u64(&rd);
		m.rand = rd_u64(&rd);
		rd_copy(&rd, m.sha, sizeof(m.sha));
		r = rd_end(&rd);
		if (r == 0)
			*ret = m;
	}
	buf_done(&b);
	return r;
}

int
ckpt_mark_set(struct drive *d, const struct ckpt_mark *m)
{
	uint8_t p[MARK_LEN];

	put_le64(p, m->seq);
	put_le64(p + 8, m->n);
	put_le64(p + 16, m->rand);
	memcpy(p + 24, m->sha, sizeof(m->sha));
	return drive_kv_set(d, SYNC_KV_CKPT, p, sizeof(p));
}
